"""The door to ViZDoom: a real game in lock-step, two tics a frame, with its own dynamics.

Doom's renderer shears instead of pitching, so the camera stays level. Its pixels are 1.2 times as tall as wide.
"""

import math
import os
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.games.explorer import DepthExplorer
from engine.job import Job
from engine.recorder import SourceFacts, State
from infra.dynamics import DynamicsConfig, turn
from infra.errors import WorldloomError

Array = NDArray[np.float64]

UNITS_PER_METRE: Final = 32.0
TICS_PER_SECOND: Final = 35.0
TICS_PER_FRAME: Final = 2
FPS: Final = TICS_PER_SECOND / TICS_PER_FRAME
SCREEN: Final = (640, 360)  # pixels that the game draws
FOCAL: Final = (240.0, 288.0)  # fx, fy at SCREEN
DEPTH_UNITS_PER_LEVEL: Final = 7.5  # of the game's 8-bit depth; measured by reprojection
FROZEN_TICS: Final = 20  # the game ignores the player for so long after a map starts
STARTS: Final = 8  # places of a map where episodes start: it strays unrecorded, so that starts differ
FRAMES_BETWEEN_STARTS: Final = 24
MAPS: Final = tuple(f"MAP{number:02d}" for number in range(1, 33))


def doom_map(job: Job) -> str:
    """The map of a job: every fifth map is for test, the next for validation, the others for training."""
    remainder = {"test": (4,), "val": (3,), "train": (0, 1, 2)}[job.split]
    maps = [name for number, name in enumerate(MAPS) if number % 5 in remainder]
    return maps[job.scene_seed // 4 % len(maps)]


def c2w_from_doom(pose: Array) -> Array:
    """Convert (x, y, z, angle) in map units and degrees (z up, angle counter-clockwise from +x) to c2w (4, 4)."""
    x, y, z, angle = pose
    a = math.radians(angle)
    c2w = np.eye(4)
    c2w[:3, :3] = np.array([[math.sin(a), 0, math.cos(a)], [0, 1, 0], [-math.cos(a), 0, math.sin(a)]])
    c2w[:3, 3] = np.array([x, -z, y]) / UNITS_PER_METRE
    return c2w


def doom_pose(c2w: Array) -> Array:
    """The inverse of ``c2w_from_doom`` for a level camera: (x, y, z, angle in 0..360)."""
    x, y, z = c2w[:3, 3] * UNITS_PER_METRE
    return np.array([x, z, -y, math.degrees(math.atan2(c2w[2, 2], c2w[0, 2])) % 360])


def doom_intrinsics(width: int, height: int) -> Array:
    """(fx, fy, cx, cy) of the game's picture scaled to ``width`` x ``height``."""
    return np.array([FOCAL[0] * width / SCREEN[0], FOCAL[1] * height / SCREEN[1], width / 2, height / 2])


def doom_depth(levels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float32]:
    """Coarse z-depth (height, width) in metres from the game's levels at SCREEN size; inf where it saturates."""
    rows = ((np.arange(height) + 0.5) * levels.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * levels.shape[1] / width).astype(int)
    picked = levels[np.ix_(rows, columns)].astype(np.float32)
    return np.where(picked == 255, np.float32(np.inf), (picked + 0.5) * np.float32(DEPTH_UNITS_PER_LEVEL / UNITS_PER_METRE))


class VizdoomRecorder:
    """Records Freedoom maps without monsters, explored by a policy that looks at the depth ahead."""

    def __init__(self) -> None:
        self._game: Any = None
        self._map = ""

    def reset(self, job: Job) -> State:
        """Start the job's map, stray a little from its start, and return the first frame."""
        if job.fps != FPS:
            raise ValueError(f"ViZDoom records at {FPS} fps, not {job.fps}; two tics a frame")
        self._job = job
        self._map = doom_map(job)
        self._explorer = DepthExplorer([job.scene_seed, job.seed])
        self._frame = 0
        self._open_game().set_doom_map(self._map)
        self._game.set_seed(job.seed % 2**31)
        self._game.new_episode()
        self._game.make_action([0.0] * 6, FROZEN_TICS)
        state = self._state(collided=False)
        for _ in range(job.seed % STARTS * FRAMES_BETWEEN_STARTS):
            state = self.step(*self._explore(state))
        self._explorer = DepthExplorer([job.scene_seed, job.seed])  # what is recorded is played from its first frame on
        self._frame = 0
        return state

    def act(self, state: State) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
        """Explore until the job's frames are used up."""
        if self._frame >= self._job.frames:
            return None
        return self._explore(state)

    def step(self, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> State:
        """Hold the keys for two tics; the mouse turns by the shared degrees a unit, pitch stays level."""
        degrees = float(turn(mouse, DynamicsConfig())[1])
        before = self._pose()
        self._game.make_action([*map(float, keyboard[:4]), float(keyboard[5]), degrees / TICS_PER_FRAME], TICS_PER_FRAME)
        self._frame += 1
        moved = float(np.linalg.norm(self._pose()[:2] - before[:2]))
        return self._state(collided=bool(keyboard[:4].any()) and moved < 0.5)

    def facts(self) -> SourceFacts:
        """Freedoom ships inside ViZDoom's wheel under a BSD licence."""
        return SourceFacts(
            scene_id=f"freedoom2-{self._map}",
            weather="indoor",
            depth_kind="coarse",
            scale_known=True,
            licence="BSD-3-Clause (Freedoom)",
            redistributable=True,
            commercial_ok=True,
            source_url="https://freedoom.github.io",
            scene={
                "family": "doom",
                "scene_id": f"freedoom2-{self._map}",
                "indoor": True,
                "weather": "indoor",
                "time_of_day": "",
                "objects": [],
                "characters": [],
            },
        )

    def close(self) -> None:
        """End the game's process."""
        if self._game is not None:
            self._game.close()
            self._game = None

    def _explore(self, state: State) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        assert state.depth is not None
        return self._explorer.act(state.depth)

    def _open_game(self) -> Any:
        if self._game is None:
            try:
                import vizdoom
            except ImportError as error:
                raise WorldloomError(
                    "recording Doom needs the package vizdoom; install it or set collect.vizdoom_episodes = 0"
                ) from error
            self._game = _start_game(vizdoom)
        return self._game

    def _pose(self) -> Array:
        return np.asarray(self._game.get_state().game_variables, np.float64)

    def _state(self, *, collided: bool) -> State:
        shown, job = self._game.get_state(), self._job
        picture = Image.fromarray(shown.screen_buffer).resize((job.width, job.height), Image.Resampling.BOX)
        pose = np.asarray(shown.game_variables, np.float64)
        return State(
            tick=int(shown.tic),
            seconds=shown.tic / TICS_PER_SECOND,
            rgb=np.array(picture),
            depth=doom_depth(shown.depth_buffer, job.width, job.height),
            c2w=c2w_from_doom(pose),
            intrinsics=doom_intrinsics(job.width, job.height),
            raw_pose=pose,
            collided=collided,
        )


def _start_game(vizdoom: Any) -> Any:
    """Open the game without window, sound, monsters, weapon and overlays."""
    game = vizdoom.DoomGame()
    game.set_doom_game_path(str(Path(vizdoom.__file__).parent / "freedoom2.wad"))
    game.set_mode(vizdoom.Mode.PLAYER)
    game.set_screen_resolution(vizdoom.ScreenResolution.RES_640X360)
    game.set_screen_format(vizdoom.ScreenFormat.RGB24)
    game.set_depth_buffer_enabled(True)
    game.set_window_visible(False)
    game.set_sound_enabled(False)
    for part in ("hud", "weapon", "crosshair", "decals", "particles", "effects_sprites", "messages", "screen_flashes"):
        getattr(game, f"set_render_{part}")(False)
    game.add_game_args("-nomonsters +movebob 0")
    game.set_doom_config_path(os.devnull)  # else it leaves its settings in the working directory
    game.set_episode_timeout(0)
    button, variable = vizdoom.Button, vizdoom.GameVariable
    keys = [button.MOVE_FORWARD, button.MOVE_BACKWARD, button.MOVE_LEFT, button.MOVE_RIGHT, button.USE]
    game.set_available_buttons([*keys, button.TURN_LEFT_RIGHT_DELTA])
    game.set_available_game_variables(
        [
            variable.CAMERA_POSITION_X,
            variable.CAMERA_POSITION_Y,
            variable.CAMERA_POSITION_Z,
            variable.CAMERA_ANGLE,
        ]
    )
    sweep_leftovers(Path("/dev/shm"))
    with tempfile.TemporaryDirectory() as folder:
        game.set_vizdoom_path(str(_leash(Path(vizdoom.__file__).parent / "vizdoom", Path(folder))))
        game.init()
    return game


def sweep_leftovers(folder: Path, seconds: float = 60.0) -> int:
    """Remove the shared memory of games whose recorder was killed; how many pieces there were.

    Left over is what is ours, older than ``seconds`` (a game that just starts is no leftover) and mapped by no process.
    """
    found = [path for path in folder.glob("ViZDoom*") if _is_old(path, seconds)]
    if not found:
        return 0
    maps = "".join(_read_maps(process) for process in Path("/proc").glob("[0-9]*"))
    left = [path for path in found if str(path) not in maps]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _is_old(path: Path, seconds: float) -> bool:
    try:
        facts = path.stat()
    except FileNotFoundError:  # its game just ended
        return False
    return facts.st_uid == os.geteuid() and time.time() - facts.st_mtime > seconds


def _read_maps(process: Path) -> str:
    try:
        return (process / "maps").read_text()
    except OSError:  # it ended, or is another user's and cannot have opened what is ours
        return ""


def _leash(program: Path, folder: Path) -> Path:
    """A launcher that ties the game's life to ours: left alone it would outlive a killed recorder for ever."""
    tie = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"  # PR_SET_PDEATHSIG
    launcher = folder / "vizdoom"
    launcher.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -SEc "{tie}" {shlex.quote(str(program))} "$@"\n')
    launcher.chmod(0o700)
    return launcher
