"""Minetest as a recorder: real keys and mouse into a real client, whose pictures and poses are paired by the id in them."""

import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.games.minetest.camera import c2w_from_game, intrinsics_from_fov
from engine.games.minetest.process import LoggedFrame, MinetestConfig, MinetestError, MinetestProcess
from engine.games.minetest.screen import Screen
from engine.games.minetest.settings import MARKER_CELL, client_fps, world_of
from engine.games.player import Player
from engine.games.titles.marker import read_marker, unwrap
from engine.job import Job
from engine.recorder import SourceFacts, State
from infra.dynamics import DynamicsConfig, turn

KEYSYMS: Final = ("w", "s", "a", "d", "space", "e")  # the client's own, in the order of KEYS
PIXELS_PER_DEGREE: Final = 10.0  # of the mouse, by the client's mouse_sensitivity; measured
WALKING_BITS: Final = 15
STUCK_METRES: Final = 0.01  # a row
SETTLE_SECONDS: Final = 12.0  # at most, until the land around is there
STEADY_PICTURES: Final = 24  # in a row that do not change; then the land is there
STEADY_LEVELS: Final = 0.5  # of 255, mean
LOG_SECONDS: Final = 0.3  # a picture is shown before the line with its pose, which the next frame writes


def client_clock() -> float:
    """Seconds of the clock that the client reads; nobody sets it right, so that it drifts from ``time.monotonic``."""
    return time.clock_gettime(time.CLOCK_MONOTONIC_RAW)


class MinetestRecorder:
    """Records Minetest at the job's rate in real time. ``tick`` is the client's frame number.

    ``raw_pose`` is position (3), look (3), vertical field of view, and the keys that the game itself saw down when it drew
    the picture, as bits: 1 forward, 2 back, 4 left, 8 right, 16 feet in water.
    """

    def __init__(self, config: MinetestConfig | None = None) -> None:
        self.config = config or MinetestConfig()
        self.game: MinetestProcess | None = None
        self._screen: Screen | None = None

    def reset(self, job: Job) -> State:
        """Start a fresh world of the job's scene; return the first picture of its land.

        Raises:
            NotHereError, MinetestError: the game is not installed, or does not come up.
        """
        self.close()
        self._job, self._row, self._shown = job, 0, -1
        self._left = np.zeros(2)
        self._player = Player(job)
        self.game = MinetestProcess(self.config, job)
        self._screen = Screen(self.game.display)
        self._settle()
        self._last = self._take(0.0)
        return self._last

    def act(self, state: State) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
        """Walk out and back, until the job's frames are used up."""
        return self._player.act(state)

    def step(self, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> State:
        """Hold the keys, move the mouse, and take the first picture a tick of the job later.

        With the job's last row the game ends, as each job has a fresh one.

        Raises:
            MinetestError: the game ended or shows no new frames.
        """
        assert self._screen is not None
        self._row += 1
        pitch, yaw = turn(mouse, DynamicsConfig())
        moved = np.array([yaw, -pitch]) * PIXELS_PER_DEGREE + self._left
        whole = np.round(moved)
        self._left = moved - whole
        held = [key for key, down in zip(KEYSYMS, keyboard, strict=True) if down == 1]
        self._screen.play(held, (int(whole[0]), int(whole[1])))
        before = self._last
        self._last = self._take(before.seconds + 1 / self._job.fps - 0.5 / client_fps(self._job))
        if self._row >= self._job.frames:
            self.close()
        return self._last

    def facts(self) -> SourceFacts:
        """The pictures show the free textures of Minetest Game."""
        world = world_of(self._job)
        scene: dict[str, Any] = {"family": self._job.family, "scene_id": world.scene_id, "indoor": False, "weather": "clear"}
        return SourceFacts(
            scene_id=world.scene_id,
            weather="clear",
            depth_kind="none",
            scale_known=True,
            licence="CC BY-SA 3.0 (media of Minetest Game)",
            redistributable=True,
            commercial_ok=True,
            source_url="https://github.com/minetest/minetest_game",
            scene={**scene, "time_of_day": world.time_of_day, "objects": [], "characters": []},
            time_of_day=world.time_of_day,
            sync="measured",
        )

    def close(self) -> None:
        """End the game and its display."""
        if self._screen is not None:
            self._screen.close()
            self._screen = None
        if self.game is not None:
            self.game.stop()
            self.game = None

    def _settle(self) -> None:
        """Wait until the land around is loaded and drawn: until pictures stop changing, or for as long as that may take."""
        assert self._screen is not None and self.game is not None
        until, steady = time.monotonic() + SETTLE_SECONDS, 0
        before = self._screen.grab()[MARKER_CELL:].astype(np.int16)
        while steady < STEADY_PICTURES and time.monotonic() < until:
            time.sleep(0.1)
            self.game.check()
            now = self._screen.grab()[MARKER_CELL:].astype(np.int16)
            steady = steady + 1 if np.abs(now - before).mean() < STEADY_LEVELS else 0
            before = now

    def _take(self, due: float) -> State:
        """The first picture of a frame that the client drew at ``due`` (its clock) or later."""
        assert self._screen is not None and self.game is not None
        deadline = time.monotonic() + self.config.frame_seconds
        pause = 0.25 / client_fps(self._job)
        while time.monotonic() < deadline:
            picture = self._screen.grab()
            number = read_marker(picture, MARKER_CELL)
            frames = self.game.frames
            shown = unwrap(number, frames[-1].number) if number is not None else -1
            if shown > self._shown and client_clock() >= due and (pose := self._pose_of(shown)) is not None:
                if pose.seconds >= due:
                    return self._state(shown, picture, pose)
                self._shown = shown
            self.game.check()
            time.sleep(pause)
        raise MinetestError(f"Minetest showed no new frame for {self.config.frame_seconds:.0f} s")

    def _pose_of(self, number: int) -> LoggedFrame | None:
        """The line after the one with the picture's id: the mod logs before the camera moves. It comes a frame later."""
        assert self.game is not None
        until = time.monotonic() + LOG_SECONDS
        while time.monotonic() < until:
            for frame in reversed(self.game.frames.copy()):
                if frame.number == number + 1:
                    return frame
                if frame.number <= number:
                    break
            time.sleep(0.002)
        return None

    def _state(self, number: int, picture: NDArray[np.uint8], pose: LoggedFrame) -> State:
        job, first = self._job, self._shown < 0 or self._row == 0
        self._shown = number
        height, width = picture.shape[:2]
        kept = np.ascontiguousarray(picture[MARKER_CELL:])
        scale = np.array([job.width / width, job.height / (height - MARKER_CELL)] * 2)
        c2w = c2w_from_game(pose.position, pose.look)
        walking = bool(pose.controls & WALKING_BITS)
        moved = np.inf if first else float(np.linalg.norm(c2w[:3, 3] - self._last.c2w[:3, 3]))
        return State(
            tick=number,
            seconds=pose.seconds,
            rgb=np.array(Image.fromarray(kept).resize((job.width, job.height), Image.Resampling.BOX)),
            depth=None,
            c2w=c2w,
            intrinsics=intrinsics_from_fov(pose.fov, width, height, MARKER_CELL) * scale,
            raw_pose=np.array([*pose.position, *pose.look, pose.fov, pose.controls]),
            collided=walking and moved < STUCK_METRES,
        )
