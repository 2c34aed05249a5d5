"""Reading a dataset version's clips: pictures, depth, poses and actions, one clip at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from infra.depth import DepthReader
from infra.schema import DatasetClip, DatasetVersion, Frames, frames_from_table
from infra.store import Store
from infra.video import VideoReader


@dataclass(frozen=True, kw_only=True)
class ClipFrames:
    """One decoded clip; all columns start at the clip's first frame."""

    clip: DatasetClip
    rgb: NDArray[np.uint8]  # (T, H, W, 3)
    depth: NDArray[np.float32] | None  # (T, H, W) metres, not finite where unknown
    frames: Frames


def read_clip(store: Store, clip: DatasetClip, *, with_depth: bool) -> ClipFrames:
    """Decode one clip. Raises the store's and the readers' named errors where an object is missing or damaged."""
    table = pq.read_table(store.local_path(clip.frames_object))
    frames = frames_from_table(table).slice(clip.start, clip.stop)
    rgb = VideoReader(store.local_path(clip.video_object)).decode_range(clip.start, clip.stop)
    depth = None
    if with_depth and clip.depth_object:
        depth = DepthReader(store.local_path(clip.depth_object)).decode_range(clip.start, clip.stop)
    return ClipFrames(clip=clip, rgb=rgb, depth=depth, frames=frames)


def clips_of(dataset: DatasetVersion, split: str) -> list[DatasetClip]:
    """The clips of one split, in the manifest's order.

    Raises:
        ValueError: the split is empty.
    """
    clips = [clip for clip in dataset.clips if clip.split == split]
    if not clips:
        raise ValueError(f"dataset {dataset.name} has no {split} clips; collect more scenes or loosen curate's filters")
    return clips


def read_clips(store: Store, clips: Sequence[DatasetClip], *, with_depth: bool) -> Iterator[ClipFrames]:
    """Decode clips one after the other, so that memory holds one at a time."""
    for clip in clips:
        yield read_clip(store, clip, with_depth=with_depth)
