"""Episode and frame records: the columns that every source writes, and their checks."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from infra.schema.action import KEYS, MOUSE_AXES, Keyboard, Mouse

Split = Literal["train", "val", "test"]
Perspective = Literal["first", "third"]
MAX_EPISODE_SECONDS = 60.0  # the most that a crash may cost
UNKNOWN_AGREEMENT = -1.0  # of actions and poses: too little changed to tell


@dataclass(frozen=True, kw_only=True)
class Episode:
    """One recording. Its row in table ``episodes`` is the only commit of everything it names.

    ``*_object`` are object names in the store (``<sha256>.<suffix>``), empty where there is none.
    """

    episode_id: str  # sha256 of the job that made it
    source: str  # embedded | vizdoom | minetest | unreal | video
    scene_id: str
    family: str  # scene family, e.g. park
    character_id: str
    weather: str
    perspective: Perspective
    walk: str  # explore, out_and_back, loop, spin, idle, key_forward, ...
    seed: int
    frames: int
    width: int  # pixels
    height: int  # pixels
    fps: float  # frames a second of the video
    sync: Literal["exact", "measured"]
    sync_lag_frames: float  # frames by which pixels trail the pose, as measured; 0 where it could not be told
    depth_kind: Literal["exact", "coarse", "none"]
    scale_known: bool
    action_quality: Literal["recorded", "inferred", "unknown"]
    renderer: str  # egl | software | game engine name
    revisit_share: float  # share of frames that see a place first seen 60 or more frames ago
    licence: str
    redistributable: bool
    commercial_ok: bool
    source_url: str
    split: Split
    frames_object: str
    video_object: str
    depth_object: str
    scene_object: str  # JSON: what the scene holds, for captions
    mask_object: str = ""  # 16-bit number of the thing that a pixel shows, 0 none
    time_of_day: str = ""  # dawn, noon, dusk, night, ... ; empty where nobody knows
    season: str = ""  # spring, summer, autumn, winter; empty where nobody knows
    sync_checked: bool = False  # pixels, poses and changing actions were measured and agree; off where too little moved to tell
    action_lag_frames: float = 0.0  # frames by which motion trails the action of its row; 0 where it could not be told
    action_agreement: float = UNKNOWN_AGREEMENT  # share of changes of keys and mouse that the poses answer in just their row


@dataclass(frozen=True, kw_only=True)
class Frames:
    """The per-frame columns of one episode; row i is state i and the action i that leads to frame i+1."""

    tick: NDArray[np.int64]  # (T,) the source's own counter, strictly increasing
    time: NDArray[np.int64]  # (T,) nanoseconds
    c2w: NDArray[np.float64]  # (T, 4, 4) camera to world, metres, OpenCV axes, gravity along +y
    intrinsics: NDArray[np.float64]  # (T, 4) fx, fy, cx, cy in pixels of the stored video
    raw_pose: NDArray[np.float64]  # (T, R) the source's own pose, its own units; as read, where ``c2w`` was moved to its pixels
    keyboard: Keyboard  # (T, 6)
    mouse: Mouse  # (T, 2)
    collided: NDArray[np.bool_]  # (T,) the last move was blocked or slid along a wall
    rgb_sha256: list[str]  # (T,) hash of each raw frame as recorded, before compression

    def __len__(self) -> int:
        return len(self.tick)

    def slice(self, start: int, stop: int) -> "Frames":
        """Return rows ``start`` to ``stop`` (half open)."""
        columns = {field.name: getattr(self, field.name)[start:stop] for field in dataclasses.fields(self)}
        return Frames(**columns)


FRAME_SCHEMA = pa.schema(
    [
        ("frame", pa.int32()),
        ("tick", pa.int64()),
        ("time", pa.int64()),
        ("c2w", pa.list_(pa.float64())),
        ("intrinsics", pa.list_(pa.float64())),
        ("raw_pose", pa.list_(pa.float64())),
        ("keyboard", pa.list_(pa.int8())),
        ("mouse", pa.list_(pa.float32())),
        ("collided", pa.bool_()),
        ("rgb_sha256", pa.string()),
    ]
)


def frames_to_table(frames: Frames) -> pa.Table:
    """Lay the frames out as one Arrow row a frame.

    Raises:
        ValueError: names the column that breaks the vocabulary's rules.
    """
    check_frames(frames)
    columns: dict[str, object] = {"frame": np.arange(len(frames), dtype=np.int32)}
    for name in FRAME_SCHEMA.names[1:]:
        value = getattr(frames, name)
        columns[name] = value if isinstance(value, list) or value.ndim == 1 else list(value.reshape(len(frames), -1))
    return pa.table(columns, schema=FRAME_SCHEMA)


def frames_from_table(table: pa.Table) -> Frames:
    """Read back what ``frames_to_table`` wrote; the inverse up to float identity.

    Raises:
        ValueError: the rows are not 0..N-1 without gaps, or a column breaks the rules.
    """
    count = table.num_rows
    if not np.array_equal(table["frame"].to_numpy(), np.arange(count)):
        raise ValueError("frame numbers are not 0..N-1 without gaps; the frames object is damaged, record it again")

    def stacked(name: str, dtype: type, *shape: int) -> NDArray[Any]:
        flat = table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        values: NDArray[Any] = flat.astype(dtype).reshape(count, *shape)
        return values

    frames = Frames(
        tick=table["tick"].to_numpy().astype(np.int64),
        time=table["time"].to_numpy().astype(np.int64),
        c2w=stacked("c2w", np.float64, 4, 4),
        intrinsics=stacked("intrinsics", np.float64, 4),
        raw_pose=stacked("raw_pose", np.float64, -1),
        keyboard=stacked("keyboard", np.int8, len(KEYS)),
        mouse=stacked("mouse", np.float32, len(MOUSE_AXES)),
        collided=table["collided"].to_numpy(zero_copy_only=False).astype(np.bool_),
        rgb_sha256=table["rgb_sha256"].to_pylist(),
    )
    check_frames(frames)
    return frames


def check_frames(frames: Frames) -> None:
    """Hold the frames to the vocabulary: lengths, tick order, rigid poses, key values.

    Raises:
        ValueError: names the column and the first offending row.
    """
    count = len(frames)
    if count == 0:
        raise ValueError("an episode needs at least one frame")
    shapes = {"time": (count,), "c2w": (count, 4, 4), "intrinsics": (count, 4), "collided": (count,)}
    shapes |= {"keyboard": (count, len(KEYS)), "mouse": (count, len(MOUSE_AXES))}
    for name, shape in shapes.items():
        found = getattr(frames, name).shape
        if found != shape:
            raise ValueError(f"column {name} has shape {found}, expected {shape}")
    if len(frames.rgb_sha256) != count or len(frames.raw_pose) != count:
        raise ValueError(f"columns rgb_sha256 and raw_pose need {count} rows")
    if count > 1 and (np.diff(frames.tick) <= 0).any():
        raise ValueError(f"tick does not increase at row {int(np.argmax(np.diff(frames.tick) <= 0)) + 1}")
    rotation = frames.c2w[:, :3, :3]
    error = np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max((1, 2))
    bad = ~np.isfinite(frames.c2w).all((1, 2)) | (error > 1e-6) | (np.linalg.det(rotation) < 0)
    if bad.any():
        raise ValueError(f"c2w is not a rigid right-handed pose at row {int(np.argmax(bad))}")
    if not np.isin(frames.keyboard, (-1, 0, 1)).all():
        raise ValueError("keyboard values must be 0, 1 or -1 for unknown")
