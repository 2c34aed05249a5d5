"""Titles filmed by OBS: the game is played by telemetry alone, then the film's pictures are put beside the rows."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.games.player import Player
from engine.games.titles.align import align_by_marker, align_by_motion, film_rows
from engine.games.titles.camera import c2w_from_game
from engine.games.titles.capture_obs import TAIL_FRAMES
from engine.games.titles.capture_x11 import WindowBox
from engine.games.titles.obs_websocket import ObsError
from engine.games.titles.profile import TitleProfile
from engine.games.titles.running import MARKER_CELL, POLL_SECONDS, Beat, RunningTitle, TitlesConfig
from engine.games.titles.studio import Studio
from engine.games.titles.telemetry import Received, Sample
from engine.job import Job
from engine.recorder import SourceFacts, State
from infra.errors import DamagedVideoError
from infra.video import VideoReader

MARGIN_SECONDS: Final = 2.0  # of film before the first row and after the last: OBS begins late and shows late
BEHIND_SECONDS: Final = 20.0  # that OBS may take to encode what it has seen
WATCH_SECONDS: Final = 0.05
BLEED: Final = 4  # rows of the picture below the marker that its compressed edge reaches


class FilmedTitleRecorder:
    """Records a title through OBS. While it is played its states have a pose and no picture; ``develop`` brings those."""

    def __init__(self, title: str, config: TitlesConfig, profile: TitleProfile) -> None:
        self.game = RunningTitle(title, config, profile)
        self._studio: Studio | None = None

    def reset(self, job: Job) -> State:
        """Find or start the game, let OBS begin a film of it, and wait until it runs.

        Raises:
            ObsError: there is no OBS, or it cannot film this window; and as ``RunningTitle.ready``.
        """
        self._job, self._rows = job, list[Sample]()
        self._player = Player(job)
        self.game.ready()
        if self._studio is None:
            self._studio = Studio(self.game.config.obs)
        self._studio.capture.discard()
        self._studio.ready(self.game.config.display, self.game.window.box, job.fps)
        self._samples: list[Received] = []
        self._studio.capture.start()
        self._film_on()
        state = self._take(self.game.samples[-1].sample.clock)
        self._beat = Beat(state.seconds, job.fps)
        return state

    def act(self, state: State) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
        """Explore until the job's frames are used up, or until the game shows a menu, a cutscene or a loading screen."""
        return self._player.act(state)

    def step(self, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> State:
        """Hold the keys, move the mouse, and wait for the first frame of the job's next tick."""
        self.game.play(keyboard, mouse)
        state = self._take(self._beat.next(self._rows[-1].clock))
        if state.over or len(self._rows) > self._job.frames:
            self.game.rest()
        return state

    def develop(self) -> Iterator[State]:
        """End the film; each row with the first picture that shows its frame or a later one, and that frame's pose.

        Raises:
            ObsError: the film lacks pictures, or cannot be read here.
        """
        assert self._studio is not None
        self._film_on()
        film = self._studio.capture.stop()
        with _opened(film.path) as video:
            film.path.unlink()  # stays readable until it is closed, however this process ends
            yield from self._developed(video, film.started)

    def facts(self) -> SourceFacts:
        """Of the title."""
        return self.game.facts(self._job)

    def close(self) -> None:
        """Let go of the game and of OBS, which go on."""
        self.game.close()
        if self._studio is not None:
            self._studio.close()
            self._studio = None

    def _developed(self, video: VideoReader, started: float) -> Iterator[State]:
        cell = MARKER_CELL * video.width / self.game.window.box.width
        marked = self.game.profile.host.draws_marker
        samples = [one.sample for one in self._samples if one.epoch == self._samples[0].epoch]
        if marked:
            shown = align_by_marker(_pictures(video), samples, cell)
        else:
            clock = started - self.game.clocks.ours(0.0)  # of the plugin, when OBS said that it records
            poses = np.stack([c2w_from_game(self.game.profile.camera, np.array(one.pos), np.array(one.rot)) for one in samples])
            shown = align_by_motion(_pictures(video), video.fps, samples, poses, clock)
        strip = round(cell) + BLEED if marked else 0
        self.game.over = False
        for one in film_rows(shown, self._rows[:-1], 1 / self._job.fps):
            yield self.game.state(self._job, one.sample, video.decode([one.picture])[0], strip)

    def _take(self, due: float) -> State:
        """Wait for telemetry of ``due`` (the plugin's clock) or later.

        Raises:
            TelemetryError: the game stopped showing frames.
        """
        deadline = time.monotonic() + self.game.config.frame_seconds
        while time.monotonic() < deadline:
            self._samples += self.game.poll()
            latest = self.game.samples[-1].sample
            if latest.clock >= due or self.game.over:
                self._rows.append(latest)
                return self.game.state(self._job, latest, None)
            time.sleep(POLL_SECONDS)
        raise self.game.silent()

    def _film_on(self) -> None:
        """Until the film reaches past this moment: OBS encodes late. Telemetry is kept meanwhile.

        Raises:
            ObsError: OBS stopped by itself, or falls behind.
        """
        assert self._studio is not None
        capture = self._studio.capture
        wanted = max(capture.running_seconds(), capture.recorded_seconds()) + MARGIN_SECONDS
        until = time.monotonic() + MARGIN_SECONDS + BEHIND_SECONDS
        while capture.recorded_seconds() < wanted:
            if time.monotonic() > until:
                raise ObsError(_why_behind(capture.recorded_seconds(), self.game.window.box))
            self._samples += self.game.poll()
            time.sleep(WATCH_SECONDS)
        self._samples += self.game.poll()


def _why_behind(recorded: float, box: WindowBox) -> str:
    """OBS 29 may record sound alone once its canvas was changed, however often it is told to begin; a fresh one does not."""
    if recorded > 0:
        return f"OBS is {BEHIND_SECONDS:.0f} s behind; choose a lighter encoder in OBS, or a smaller window"
    return (
        f"OBS records no pictures, as it may once its canvas was changed; set its canvas to {box.width}x{box.height}, the "
        "window's size, and start OBS again"
    )


def _opened(path: Path) -> VideoReader:
    try:
        return VideoReader(path, threads=0)
    except DamagedVideoError as error:
        raise ObsError(
            f"the film {path} cannot be read here ({error}); run OBS on this machine, with Simple output to MP4"
        ) from None


def _pictures(video: VideoReader) -> Iterator[NDArray[np.uint8]]:
    """All but the last few, one by one."""
    for number in range(len(video) - TAIL_FRAMES):
        yield video.decode([number])[0]
