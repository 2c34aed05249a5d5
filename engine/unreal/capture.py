"""What is asked of one state, and how the answers are read."""

import functools
import re
import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.job import Job
from engine.scenes.unreal_list import UnrealScene
from engine.unreal.client import CommandRefusedError, EngineSilentError, UnrealClient, binary_of, text_of
from engine.unreal.pictures import BMP_MAGIC, NPY_MAGIC, decode_bmp, decode_depth, numbers_of_picture
from engine.unreal.wire import WireError, numbers_text

Array = NDArray[np.float64]
Table = NDArray[np.uint16]  # (2**24,) number of each colour 0xRRGGBB

LIT: Final = "vget /camera/0/lit bmp"
DEPTH: Final = "vget /camera/0/depth npy"
MASK: Final = "vget /camera/0/object_mask bmp"
LOCATION: Final = "vget /camera/0/location"
ROTATION: Final = "vget /camera/0/rotation"
TICK: Final = "vget /worldloom/tick"
RESUME: Final = "vset /action/game/resume"
ASK_AGAIN: Final = 0.1  # seconds between two questions for a level that is loading
PAWN_HEIGHT: Final = 100.0  # cm from the ground to the middle of a pawn, which is what is placed
_COLOUR: Final = re.compile(r"\(R=(\d+),G=(\d+),B=(\d+),A=\d+\)")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One state as the engine gave it."""

    rgb: NDArray[np.uint8]  # (H, W, 3)
    depth: NDArray[np.float32] | None  # (H, W) metres
    mask: NDArray[np.uint16] | None  # (H, W)
    pose: Array  # (6,) location in cm and rotation in degrees, as read
    tick: int  # of the fixed step; -1 without


class Capture:
    """The commands that open each row's batch."""

    def __init__(self, table: Table | None, *, stepped: bool, with_depth: bool = True) -> None:
        self._table = table
        pictures = [LIT, *([DEPTH] if with_depth else []), *([MASK] if table is not None else [])]
        self._commands = [*pictures, LOCATION, ROTATION, *([TICK] if stepped else [])]

    def commands(self) -> list[str]:
        """In the order of sending."""
        return list(self._commands)

    def decode(self, bodies: list[memoryview]) -> Shown:
        """Read the answers to ``commands``; those of what followed them are left alone.

        Raises:
            CommandRefusedError, WireError: one is not what was asked for.
        """
        got = dict(zip(self._commands, bodies, strict=False))
        depth = decode_depth(binary_of(DEPTH, got[DEPTH], NPY_MAGIC)) if DEPTH in got else None
        mask = None
        if MASK in got and self._table is not None:
            mask = numbers_of_picture(binary_of(MASK, got[MASK], BMP_MAGIC), self._table)
        return Shown(
            rgb=decode_bmp(binary_of(LIT, got[LIT], BMP_MAGIC)),
            depth=depth,
            mask=mask,
            pose=np.concatenate([triple_of(name, got[name]) for name in (LOCATION, ROTATION)]),
            tick=int(text_of(TICK, got[TICK])) if TICK in got else -1,
        )


def triple_of(command: str, body: memoryview) -> Array:
    """Three numbers.

    Raises:
        WireError: they are not.
    """
    text = text_of(command, body)
    try:
        values = np.array([float(value) for value in text.split()])
    except ValueError:
        values = np.zeros(0)
    if values.shape != (3,) or not np.isfinite(values).all():
        raise WireError(f"{command!r} was answered with {text[:60]!r} instead of three numbers")
    return values


def ask(client: UnrealClient, commands: list[str], seconds: float) -> None:
    """Carry out commands in one tick; each has to be answered without an error."""
    for command, body in zip(commands, client.batch(commands, seconds), strict=True):
        text_of(command, body)


def read_pose(client: UnrealClient) -> Array:
    """Location and rotation (6,) of camera 0."""
    bodies = client.batch([LOCATION, ROTATION])
    return np.concatenate([triple_of(name, body) for name, body in zip((LOCATION, ROTATION), bodies, strict=True)])


def knows_steps(client: UnrealClient) -> bool:
    """Whether the engine has the fixed step of infra/unreal."""
    try:
        client.text(TICK)
    except CommandRefusedError:
        return False
    return True


def colour_table(client: UnrealClient) -> tuple[Table, list[str]]:
    """The number of each mask colour, and the things' names: numbered from 1 in the order in which the engine lists them."""
    names = client.text("vget /objects").split()[: 2**16 - 1]
    commands = [f"vget /object/{name}/color" for name in names]
    colours = []
    for body in client.batch(commands) if commands else []:
        match = _COLOUR.match(bytes(body).decode("utf-8", "replace"))
        red, green, blue = map(int, match.groups()) if match else (0, 0, 0)  # some actors of a map have no colour
        colours.append(red << 16 | green << 8 | blue)
    return _table_of(tuple(colours)), names


@functools.lru_cache(maxsize=2)
def _table_of(colours: tuple[int, ...]) -> Table:
    """Kept, since jobs come scene by scene, and 32 MB take a while to be had."""
    table = np.zeros(2**24, np.uint16)
    table[np.array(colours, np.int64)] = np.arange(1, len(colours) + 1)
    table[0] = 0
    return table


def open_level(client: UnrealClient, level: str, seconds: float) -> None:
    """Let the engine load a map, and wait until it is there.

    Raises:
        EngineSilentError: it is not there in time.
    """
    client.text(f"vset /action/game/level {level}")
    until = time.monotonic() + seconds
    while client.text("vget /level/name", max(until - time.monotonic(), ASK_AGAIN)) != short_name(level):
        if time.monotonic() > until:
            raise EngineSilentError(f"map {level} did not load in {seconds:g} s; does the build have it?")
        time.sleep(ASK_AGAIN)


def short_name(level: str) -> str:
    """What the engine calls the map ``/Game/Maps/Town`` once it is loaded."""
    return level.rpartition("/")[2]


def scene_commands(scene: UnrealScene | None, job: Job) -> list[str]:
    """Console commands that make the job's weather and time of day; None is a map that no scene list describes.

    Raises:
        ValueError: nobody said how.
    """
    commands: list[str] = []
    for what, wanted, known in (
        ("weather", job.weather, scene.weather if scene else {}),
        ("time of day", job.time_of_day, scene.time_of_day if scene else {}),
        ("season", job.season, dict[str, tuple[str, ...]]()),
    ):
        if wanted and scene is None:
            raise ValueError(
                f"map {job.family} has no {what} {wanted!r}; a scene list (endpoints.unreal.scenes) says how it is made"
            )
        if wanted and wanted not in known:
            raise ValueError(f"scene {job.family} has no {what} {wanted!r}; use one of {', '.join(known) or 'none'}")
        commands += [f"vrun {command}" for command in known.get(wanted, ())]
    return commands


def place_at_start(client: UnrealClient, scene: UnrealScene | None, seeds: list[int], entered: Array) -> tuple[Array, Array]:
    """Go to the start that ``seeds`` draw; the camera's pose (6,), and how far (3,) it is from the pawn that carries it.

    The plugin moves the pawn, but reads the camera. Without a scene list it starts where the map put the player when it was
    ``entered`` (6,).
    """
    x, y, z, _, yaw, _ = entered
    if scene is not None:
        rng = np.random.default_rng(seeds)
        area = scene.start_areas[rng.integers(len(scene.start_areas))]
        x, y = 100 * (np.array(area.centre[:2]) + rng.uniform(-1, 1, 2) * area.half_size)
        z, yaw = 100 * area.centre[2] + PAWN_HEIGHT, rng.uniform(*area.yaw)
    commands = [f"vset /camera/0/location {numbers_text(x, y, z)}", f"vset /camera/0/rotation {numbers_text(0, yaw, 0)}"]
    ask(client, commands, client.reply_seconds)
    start = read_pose(client)
    return start, start[:3] - np.array([x, y, z])


def camera_setup(width: int, height: int, hfov: float) -> list[str]:
    """Commands that give camera 0 its picture."""
    return [f"vset /camera/0/size {width} {height}", f"vset /camera/0/fov {numbers_text(hfov)}"]
