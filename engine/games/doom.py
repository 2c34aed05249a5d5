"""The door to ViZDoom: a real game in lock-step, two tics a frame, with its own dynamics.

Doom's renderer shears instead of pitching, so the camera stays level. Its pixels are 1.2 times as tall as wide.
Masks number what the game labels (pickups, decorations, lamps, corpses); walls, floors and ceilings it does not.
"""

import contextlib
import dataclasses
import functools
import math
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from engine.games.explorer import DepthExplorer
from engine.games.player import Player
from engine.job import Job
from engine.recorder import SourceFacts, State
from infra.dynamics import DynamicsConfig, turn
from infra.errors import WorldloomError

Array = NDArray[np.float64]

UNITS_PER_METRE: Final = 32.0
TICS_PER_SECOND: Final = 35.0
TICS_PER_FRAME: Final = 2
FPS: Final = TICS_PER_SECOND / TICS_PER_FRAME
SCREENS: Final = ((640, 360), (1280, 720), (1920, 1080))  # pixels that the game draws: the least that holds the job's
FOCAL: Final = (240.0, 288.0)  # fx, fy on the first of them, in proportion on the others; measured by reprojection
DEPTH_UNITS_PER_LEVEL: Final = 7.5  # of the game's 8-bit depth; measured by reprojection
LEVELS_LACKING: Final = (0.0, 1.15, 2.35)  # what that depth lacks on each screen beside the first; measured at equal poses
STUCK_UNITS: Final = 0.5  # a frame, with a walking key held
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
    drawn_width, drawn_height = SCREENS[0]
    return np.array([FOCAL[0] * width / drawn_width, FOCAL[1] * height / drawn_height, width / 2, height / 2])


def doom_screen(width: int, height: int) -> tuple[int, int]:
    """The least size that the game can draw in which a picture of ``width`` x ``height`` is not enlarged.

    Raises:
        ValueError: it draws none so large.
    """
    for screen in SCREENS:
        if width <= screen[0] and height <= screen[1]:
            return screen
    most = "x".join(map(str, SCREENS[-1]))
    raise ValueError(f"ViZDoom draws at most {most}, not {width}x{height}; ask for a smaller size")


def doom_depth(levels: NDArray[np.uint8], width: int, height: int, lacking: float = 0.0) -> NDArray[np.float32]:
    """Coarse z-depth (height, width) in metres from the levels that the game drew; inf where they saturate."""
    return _metres(lacking).take(_nearest(levels, width, height))


def doom_mask(values: NDArray[np.uint8], labels: Sequence[Any], width: int, height: int) -> NDArray[np.uint16]:
    """(height, width) number of the thing that each pixel shows, from the game's labels buffer and its list of labels.

    A label's value in the buffer changes from frame to frame; ``number_of`` what it labels does not.
    """
    numbers = np.zeros(256, np.uint16)
    for label in labels:
        numbers[label.value] = number_of(label)
    return numbers.take(_nearest(values, width, height))


def number_of(label: Any) -> int:
    """The game counts things from 0 in the order in which an episode first shows them."""
    return int(label.object_id) + 1


def _nearest(drawn: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    if drawn.shape == (height, width):
        return drawn
    picked: NDArray[np.uint8] = drawn.ravel()[_picks(*drawn.shape, width, height)]
    return picked


@functools.lru_cache(maxsize=4)
def _picks(drawn_height: int, drawn_width: int, width: int, height: int) -> NDArray[np.intp]:
    """Which pixel of a drawn picture lies under the middle of each of the job's, (height, width)."""
    rows = ((np.arange(height) + 0.5) * drawn_height / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * drawn_width / width).astype(np.intp)
    picks: NDArray[np.intp] = rows[:, None] * drawn_width + columns
    return picks


@functools.lru_cache(maxsize=len(SCREENS))
def _metres(lacking: float) -> NDArray[np.float32]:
    """(256,) z-depth of each level."""
    levels = np.arange(256, dtype=np.float32)
    metres = (levels + np.float32(0.5 + lacking)) * np.float32(DEPTH_UNITS_PER_LEVEL / UNITS_PER_METRE)
    return np.where(levels == 255, np.float32(np.inf), metres)


class VizdoomRecorder:
    """Records Freedoom maps without monsters, explored by a policy that looks at the depth ahead."""

    def __init__(self) -> None:
        self._game: Any = None
        self._process: psutil.Process
        self._things: dict[int, str] = {}  # names of what the map has shown since it was entered, by number
        self._screen = SCREENS[0]  # that the running game draws
        self._map = ""
        self._pose = np.zeros(4)  # that the last frame showed
        self._last: State

    def reset(self, job: Job) -> State:
        """Start the job's map, stray a little from its start, and return the first frame."""
        if job.fps != FPS:
            raise ValueError(f"ViZDoom records at {FPS} fps, not {job.fps}; two tics a frame")
        self._draw_on(doom_screen(job.width, job.height))
        self._job = job
        self._map = doom_map(job)
        straying = DepthExplorer([job.scene_seed, job.seed])
        self._open_game().set_doom_map(self._map)
        self._game.set_seed(job.seed % 2**31)
        state = self._enter()
        for _ in range(job.seed % STARTS * FRAMES_BETWEEN_STARTS):
            assert state.depth is not None
            state = self.step(*straying.act(state.depth))
            if state.over:  # start where the map starts
                state = self._enter()
                break
        self._player = Player(job)  # what is recorded is played from its first frame on
        return state

    def act(self, state: State) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
        """Explore until the job's frames are used up."""
        return self._player.act(state)

    def step(self, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> State:
        """Hold the keys for two tics; the mouse turns by the shared degrees a unit, pitch stays level."""
        degrees = float(turn(mouse, DynamicsConfig())[1])
        self._game.make_action([*map(float, keyboard[:4]), float(keyboard[5]), degrees / TICS_PER_FRAME], TICS_PER_FRAME)
        return self._state(walking=bool(keyboard[:4].any()))

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
                "mask_names": {str(number): name for number, name in self._things.items()},
            },
        )

    def close(self) -> None:
        """End the game's process; killed, since it has nothing to save and crashes now and then when it ends by itself."""
        if self._game is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._process.kill()
            self._game.close()
            self._game = None

    def _open_game(self) -> Any:
        if self._game is None:
            try:
                import vizdoom
            except ImportError as error:
                raise WorldloomError(
                    "recording Doom needs the package vizdoom; install it or set collect.vizdoom_episodes = 0"
                ) from error
            self._game, self._process = _start_game(vizdoom, self._screen)
        return self._game

    def _draw_on(self, screen: tuple[int, int]) -> None:
        """A running game keeps its screen; another one needs another game."""
        if screen != self._screen:
            self.close()
            self._screen = screen

    def _enter(self) -> State:
        """Begin the map anew: what it shows once the player may move."""
        self._game.new_episode()
        self._things = {}
        self._game.make_action([0.0] * 6, FROZEN_TICS)
        return self._state(walking=False)

    def _state(self, *, walking: bool) -> State:
        """What the game shows now; asked for once a frame, since each answer copies all of its buffers."""
        shown, job = self._game.get_state(), self._job
        if shown is None:  # the player died, or left the level
            return dataclasses.replace(self._last, over=True)
        pose = np.asarray(shown.game_variables, np.float64)
        collided = walking and float(np.linalg.norm(pose[:2] - self._pose[:2])) < STUCK_UNITS
        self._pose, drawn = pose, shown.screen_buffer
        self._things |= {number_of(label): f"{label.object_name}_{number_of(label)}" for label in shown.labels}
        if drawn.shape[:2] != (job.height, job.width):
            drawn = np.array(Image.fromarray(drawn).resize((job.width, job.height), Image.Resampling.BOX))
        self._last = State(
            tick=int(shown.tic),
            seconds=shown.tic / TICS_PER_SECOND,
            rgb=drawn,
            depth=doom_depth(shown.depth_buffer, job.width, job.height, LEVELS_LACKING[SCREENS.index(self._screen)]),
            c2w=c2w_from_doom(pose),
            mask=doom_mask(shown.labels_buffer, shown.labels, job.width, job.height),
            intrinsics=doom_intrinsics(job.width, job.height),
            raw_pose=pose,
            collided=collided,
        )
        return self._last


def _start_game(vizdoom: Any, screen: tuple[int, int]) -> tuple[Any, psutil.Process]:
    """Open the game without window, sound, monsters, weapon and overlays; with it its process."""
    game = vizdoom.DoomGame()
    game.set_doom_game_path(str(Path(vizdoom.__file__).parent / "freedoom2.wad"))
    game.set_mode(vizdoom.Mode.PLAYER)
    game.set_screen_resolution(getattr(vizdoom.ScreenResolution, f"RES_{screen[0]}X{screen[1]}"))
    game.set_screen_format(vizdoom.ScreenFormat.RGB24)
    game.set_depth_buffer_enabled(True)
    game.set_labels_buffer_enabled(True)
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
        process = psutil.Process(int((Path(folder) / "pid").read_text()))
    return game, process


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
        return (process / "maps").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it ended, or is another user's and cannot have opened what is ours
        return ""


def _leash(program: Path, folder: Path) -> Path:
    """A launcher that ties the game's life to ours, else it would outlive a killed recorder for ever.

    The game leaves an empty folder where it starts: in ``folder``, which goes, as does the number of its process, ``pid``.
    """
    tie = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"  # PR_SET_PDEATHSIG
    launcher = folder / "vizdoom"
    start = shlex.join([sys.executable, "-SEc", tie, str(program)])
    launcher.write_text(f'#!/bin/sh\ncd {shlex.quote(str(folder))} && echo $$ > pid && exec {start} "$@"\n', encoding="utf-8")
    launcher.chmod(0o700)
    return launcher
