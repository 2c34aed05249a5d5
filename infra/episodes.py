"""Writing and reading episodes: objects first, checked, the row last, so that a half-written episode is never seen."""

import dataclasses
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from infra.depth import DepthReader, encode_depth
from infra.digest import canonical_json
from infra.schema import Episode, Frames, frames_from_table, frames_to_table
from infra.errors import DamagedVideoError
from infra.store import Store
from infra.tables import append_rows, query, read_rows, records_from, rows_from
from infra.video import VideoReader, encode_video


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One recorded episode in memory; the episode's object names are still empty."""

    episode: Episode
    frames: Frames
    rgb: NDArray[np.uint8]  # (T, H, W, 3)
    depth: NDArray[np.float32] | None  # (T, H, W) metres, not finite where unknown
    scene: dict[str, Any]  # JSON values


def write_episode(store: Store, recording: Recording) -> Episode:
    """Keep a recording; returns its row. An episode that is already there is left alone.

    Raises:
        ValueError: columns break the vocabulary, or pictures and rows differ in number.
        StoreFullError, StoreUnreachableError: the disk is full or the store does not answer; nothing is visible then.
    """
    written = find_episode(store, recording.episode.episode_id)
    if written is not None:
        return written
    count = len(recording.frames)
    if len(recording.rgb) != count or (recording.depth is not None and len(recording.depth) != count):
        raise ValueError(f"episode {recording.episode.episode_id[:12]}: {count} rows but {len(recording.rgb)} pictures")
    table = frames_to_table(recording.frames)
    with tempfile.TemporaryDirectory(prefix="worldloom-episode-") as folder:
        frames_path, video, depth = (Path(folder) / name for name in ("frames.parquet", "video.mp4", "depth.mkv"))
        pq.write_table(table, frames_path, compression="zstd")
        encode_video(video, recording.rgb, recording.episode.fps)
        _check_count(video, len(VideoReader(video)), count)
        depth_object = ""
        if recording.depth is not None:
            encode_depth(depth, recording.depth, recording.episode.fps)
            _check_count(depth, len(DepthReader(depth)), count)
            depth_object = store.put_file(depth)
        episode = dataclasses.replace(
            recording.episode,
            frames=count,
            frames_object=store.put_file(frames_path),
            video_object=store.put_file(video),
            depth_object=depth_object,
            scene_object=store.put_bytes(canonical_json(recording.scene), ".json"),
        )
    append_rows(store, "episodes", rows_from([episode]), transaction=episode.episode_id)
    return episode


def find_episode(store: Store, episode_id: str) -> Episode | None:
    """The episode's row, or None."""
    return next((episode for episode in list_episodes(store) if episode.episode_id == episode_id), None)


def list_episodes(store: Store, where: str | None = None) -> list[Episode]:
    """Episodes in the order of their ids; ``where`` is an SQL condition on their columns."""
    if read_rows(store, "episodes", ["episode_id"]).num_rows == 0:
        return []
    condition = f"WHERE {where}" if where else ""
    rows = query(store, f"SELECT * FROM episodes {condition} ORDER BY episode_id", ["episodes"])
    unique = {episode.episode_id: episode for episode in records_from(rows, Episode)}
    return list(unique.values())


def read_episode(store: Store, episode: Episode) -> tuple[Frames, VideoReader, DepthReader | None]:
    """Frames, pictures and depth of one episode.

    Raises:
        MissingObjectError, CorruptObjectError, DamagedVideoError: an object is gone or damaged, or the counts differ.
    """
    frames = frames_from_table(pq.read_table(store.local_path(episode.frames_object)))
    video = VideoReader(store.local_path(episode.video_object))
    depth = DepthReader(store.local_path(episode.depth_object)) if episode.depth_object else None
    if len(frames) != episode.frames:
        raise DamagedVideoError(f"episode {episode.episode_id[:12]} has {len(frames)} rows, its entry says {episode.frames}")
    _check_count(video.path, len(video), episode.frames)
    return frames, video, depth


def read_scene(store: Store, episode: Episode) -> dict[str, Any]:
    """What the episode's scene holds."""
    return json.loads(store.get_bytes(episode.scene_object))  # type: ignore[no-any-return]


def _check_count(path: Path, found: int, expected: int) -> None:
    if found != expected:
        raise DamagedVideoError(f"{path.name} holds {found} frames, expected {expected}; record the episode again")
