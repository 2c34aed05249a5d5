"""Titles captured from the screen: keys and mouse go to the game's window, pictures come from it, poses from the plugin."""

import time

import numpy as np
from numpy.typing import NDArray

from engine.games.player import Player
from engine.games.titles.filmed import FilmedTitleRecorder
from engine.games.titles.marker import read_marker, unwrap
from engine.games.titles.profile import TitleProfile, load_title
from engine.games.titles.running import MARKER_CELL, POLL_SECONDS, Beat, RunningTitle, TitlesConfig
from engine.games.titles.telemetry import Received
from engine.job import Job
from engine.recorder import Recorder, SourceFacts, State


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
        self._job, self._frame, self._tick = job, 0, -1
        self._player = Player(job)
        self.game.ready()
        state = self._take(self.game.samples[-1].sample.clock)
        self._seconds = state.seconds
        self._beat = Beat(state.seconds, job.fps)
        return state

    def act(self, state: State) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
        """Explore until the job's frames are used up, or until the game shows a menu, a cutscene or a loading screen."""
        return self._player.act(state)

    def step(self, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> State:
        """Hold the keys, move the mouse, and take the first picture of the job's next tick."""
        self._frame += 1
        self.game.play(keyboard, mouse)
        state = self._take(self._beat.next(self._seconds))
        self._seconds = state.seconds
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
        return self._take_marked(due) if self.game.profile.host.draws_marker else self._take_timed(due)

    def _take_timed(self, due: float) -> State:
        """A picture grabbed when ``due`` should show, and the pose then; how late pictures really are is measured afterwards.

        Raises:
            TelemetryError: the game stopped showing frames.
        """
        game, picture, at = self.game, None, due
        deadline = time.monotonic() + game.config.frame_seconds
        while time.monotonic() < deadline:
            game.poll()
            late = game.profile.latency_frames / game.rate
            if picture is None and time.monotonic() >= game.clocks.ours(due) + late:
                at = game.clocks.theirs(time.monotonic()) - late
                picture = game.window.grab()
            newest = game.samples[-1].sample
            if picture is not None and (game.over or newest.clock >= at):
                state = game.state_at(self._job, at, picture)
                if state.tick > self._tick or state.over:
                    self._tick = state.tick
                    return state
                picture = None  # the game stood still since the last row
            time.sleep(POLL_SECONDS)
        raise game.silent()

    def _take_marked(self, due: float) -> State:
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
            picture = self.game.window.grab()
            shown = self._find(picture)
            if shown is not None and (shown.sample.clock >= due or self.game.over):
                return self.game.state(self._job, shown.sample, picture, MARKER_CELL)
        raise self.game.silent()

    def _find(self, picture: NDArray[np.uint8]) -> Received | None:
        """Which sample a picture shows, by the number in it."""
        number = read_marker(picture, MARKER_CELL)
        if number is None:
            return None
        self.game.poll()
        wanted = unwrap(number, self.game.samples[-1].sample.frame)
        return next((one for one in reversed(self.game.samples) if one.sample.frame == wanted), None)
