"""Titles captured from the screen: keys and mouse go to the game's window, pictures come from it, poses from the plugin."""

import time

import numpy as np
from numpy.typing import NDArray

from engine.job import Job
from engine.recorder import Recorder, SourceFacts, State
from engine.titles.explorer import BlindExplorer
from engine.titles.filmed import FilmedTitleRecorder
from engine.titles.marker import read_marker, unwrap
from engine.titles.profile import TitleProfile, load_title
from engine.titles.running import MARKER_CELL, POLL_SECONDS, RunningTitle, TitlesConfig
from engine.titles.telemetry import Received


def title_recorder(title: str, config: TitlesConfig) -> Recorder:
    """The recorder of a title: by its window's pixels, or by OBS."""
    profile = load_title(title)
    match profile.capture if config.capture == "profile" else config.capture:
        case "x11":
            return TitleRecorder(title, config, profile)
        case "obs":
            return FilmedTitleRecorder(title, config, profile)


class TitleRecorder:
    """Records a running title at the job's rate, as near as the game's frames allow; ``tick`` is the plugin's frame number."""

    def __init__(self, title: str, config: TitlesConfig, profile: TitleProfile) -> None:
        self.game = RunningTitle(title, config, profile)

    def reset(self, job: Job) -> State:
        """Find or start the game, wait until it is played, and take the first picture. Raises as ``RunningTitle.ready``."""
        self._job, self._frame = job, 0
        self._explorer = BlindExplorer([job.scene_seed, job.seed])
        self.game.ready()
        return self._take(self.game.samples[-1].sample.clock)

    def act(self, state: State) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
        """Explore until the job's frames are used up, or until the game shows a menu, a cutscene or a loading screen."""
        return None if state.over or self._frame >= self._job.frames else self._explorer.act(state.c2w)

    def step(self, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> State:
        """Hold the keys, move the mouse, and take the first picture at least one tick of the job later."""
        self._frame += 1
        due = self._shown.sample.clock + 1 / self._job.fps
        self.game.play(keyboard, mouse)
        state = self._take(due)
        if state.over or self._frame >= self._job.frames:
            self.game.rest()
        return state

    def facts(self) -> SourceFacts:
        """Of the title."""
        return self.game.facts(self._job)

    def close(self) -> None:
        """Let go of the game, which goes on."""
        self.game.close()

    def _take(self, due: float) -> State:
        """The first picture that shows a frame of ``due`` (the plugin's clock) or later, and that frame's pose.

        Raises:
            TelemetryError: the game stopped showing frames.
        """
        deadline = time.monotonic() + self.game.config.frame_seconds
        while time.monotonic() < deadline:
            self.game.poll()
            if self.game.samples[-1].sample.clock < due:
                time.sleep(POLL_SECONDS)
                continue
            grabbed = time.monotonic()
            picture = self.game.window.grab()
            shown = self._find(picture, grabbed)
            if shown is not None and (shown.sample.clock >= due or self.game.over):
                self._shown = shown
                strip = MARKER_CELL if self.game.profile.host.draws_marker else 0
                return self.game.state(self._job, shown.sample, picture, strip)
        raise self.game.silent()

    def _find(self, picture: NDArray[np.uint8], grabbed: float) -> Received | None:
        """Which sample a picture shows: by the number in it, or by the time of its grab less the profile's latency."""
        game, samples = self.game, self.game.samples
        if not game.profile.host.draws_marker:
            late = game.profile.latency_frames / self._rate()
            when = [abs(game.clocks.ours(one.sample.clock) + late - grabbed) for one in samples]
            return samples[int(np.argmin(when))]
        number = read_marker(picture, MARKER_CELL)
        if number is None:
            return None
        game.poll()
        wanted = unwrap(number, game.samples[-1].sample.frame)
        return next((one for one in reversed(game.samples) if one.sample.frame == wanted), None)

    def _rate(self) -> float:
        """Frames a second that the plugin sees."""
        clocks = [one.sample.clock for one in self.game.samples]
        return (len(clocks) - 1) / max(clocks[-1] - clocks[0], 1e-3) if len(clocks) > 1 else 60.0
