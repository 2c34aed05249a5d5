"""Writing and reading episodes: objects first, checked, the row last, so that a half-written episode is never seen."""

import json
import logging
from dataclasses import dataclass
from shlex import quote
from typing import Annotated, Any, Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError

from infra.depth import DepthReader
from infra.episode_stream import EpisodeStream
from infra.errors import CorruptObjectError, DamagedVideoError, MissingObjectError
from infra.masks import MaskReader
from infra.schema import Episode, Frames, frames_from_table
from infra.store import Store
from infra.tables import append_rows, query, read_rows, records_from, rows_from
from infra.video import VideoReader

_MASK_NAMES: Final = TypeAdapter(dict[Annotated[int, Field(gt=0, lt=2**16)], str])
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One recorded episode in memory; the episode's object names are still empty."""

    episode: Episode
    frames: Frames
    rgb: NDArray[np.uint8]  # (T, H, W, 3)
    depth: NDArray[np.float32] | None  # (T, H, W) metres, not finite where unknown
    scene: dict[str, Any]  # JSON values; "mask_names" says what the mask's numbers stand for, by number as text
    mask: NDArray[np.uint16] | None = None  # (T, H, W), 0 where a pixel shows none of the numbered things


def write_episode(store: Store, recording: Recording) -> Episode:
    """Keep a recording; returns its row. An episode that is already there is left alone.

    Raises:
        ValueError: columns break the vocabulary, or pictures, hashes and rows do not fit together.
        StoreFullError, StoreUnreachableError: the store did not take it; nothing is visible then.
    """
    if (written := find_episode(store, recording.episode.episode_id)) is not None:
        return written
    return commit_episode(store, put_recording(store, recording))


def commit_episode(store: Store, episode: Episode) -> Episode:
    """Append the row of an episode whose objects are all there; a second time it does nothing."""
    append_rows(store, "episodes", rows_from([episode]), transaction=episode.episode_id)
    return episode


def put_recording(store: Store, recording: Recording) -> Episode:
    """Write and check the objects of a recording; return the row that would commit it. Raises as ``write_episode``."""
    _check_sizes(recording)
    with EpisodeStream(store, recording.episode.fps) as stream:
        for number, picture in enumerate(recording.rgb):
            depth = None if recording.depth is None else recording.depth[number]
            stream.add(picture, depth, None if recording.mask is None else recording.mask[number])
        return stream.finish(recording.episode, recording.frames, recording.scene)


def find_episode(store: Store, episode_id: str) -> Episode | None:
    """The episode's row, or None."""
    found = records_from(read_rows(store, "episodes", equal={"episode_id": episode_id}), Episode)
    return found[0] if found else None


def match_episode(store: Store, prefix: str) -> Episode:
    """The one episode whose id begins with ``prefix``, 4 digits or more.

    Raises:
        MissingObjectError: there is none, or more than one.
    """
    if len(prefix) < 4 or not set(prefix) <= set("0123456789abcdef"):
        raise ValueError(f"{prefix!r} is no beginning of an episode's id; give 4 or more of its hexadecimal digits")
    found = list_episodes(store, f"starts_with(episode_id, '{prefix}')")
    if len(found) != 1:
        listing = f"worldloom episodes --store {quote(store.uri)}"
        raise MissingObjectError(f"{len(found) or 'no'} episodes in {store.uri} begin with {prefix}; list them with: {listing}")
    return found[0]


def list_episodes(store: Store, where: str | None = None) -> list[Episode]:
    """Episodes in the order of their ids, each once; ``where`` is an SQL condition on their columns.

    Raises:
        ValueError: the condition is not SQL; names the fault.
    """
    condition = f"WHERE {where}" if where else ""
    rows = records_from(query(store, f"SELECT * FROM episodes {condition} ORDER BY ALL DESC", ["episodes"]), Episode)
    unique = {episode.episode_id: episode for episode in rows}  # of twins the smallest row stays, whatever their order
    if len(unique) < len(rows):
        _log.warning(
            "table episodes in %s names %d episodes more than once; one row of each counts", store.uri, len(rows) - len(unique)
        )
    return [unique[episode_id] for episode_id in sorted(unique)]


def read_episode(store: Store, episode: Episode) -> tuple[Frames, VideoReader, DepthReader | None]:
    """Frames, pictures and depth of one episode.

    Raises:
        MissingObjectError, CorruptObjectError: an object is gone or damaged.
        DamagedVideoError: the counts differ.
    """
    frames = frames_from_table(pq.read_table(store.local_path(episode.frames_object)))
    video = VideoReader(store.local_path(episode.video_object))
    depth = DepthReader(store.local_path(episode.depth_object)) if episode.depth_object else None
    counts = {"frames": len(frames), "video": len(video), "depth": episode.frames if depth is None else len(depth)}
    for name, count in counts.items():
        if count != episode.frames:
            raise _other_count(episode, name, count)
    return frames, video, depth


def read_masks(store: Store, episode: Episode) -> tuple[MaskReader, dict[int, str]] | None:
    """Masks of one episode and what their numbers stand for; None where it has none. Raises as ``read_episode``."""
    if not episode.mask_object:
        return None
    names = _mask_names(store, episode)
    masks = MaskReader(store.local_path(episode.mask_object))
    if len(masks) != episode.frames:
        raise _other_count(episode, "mask", len(masks))
    return masks, names


def read_scene(store: Store, episode: Episode) -> dict[str, Any]:
    """What the episode's scene holds."""
    scene: dict[str, Any] = json.loads(store.get_bytes(episode.scene_object))
    return scene


def _mask_names(store: Store, episode: Episode) -> dict[int, str]:
    """The scene's words for the mask's numbers; checked, since a store may be a stranger's."""
    try:
        return _MASK_NAMES.validate_python(read_scene(store, episode).get("mask_names", {}))
    except ValidationError:
        raise CorruptObjectError(
            f"episode {episode.episode_id}: mask_names in its scene are not names by number, 1 to 65535; record it again"
        ) from None


def _other_count(episode: Episode, name: str, count: int) -> DamagedVideoError:
    return DamagedVideoError(
        f"episode {episode.episode_id}: its {name} object holds {count} frames, its row says {episode.frames}; record it again"
    )


def _check_sizes(recording: Recording) -> None:
    episode, size = recording.episode, (len(recording.frames), recording.episode.height, recording.episode.width)
    if recording.rgb.shape != (*size, 3):
        raise ValueError(f"episode {episode.episode_id}: {size[0]} rows of {size[1:]}, but pictures are {recording.rgb.shape}")
    for name, track in (("depth", recording.depth), ("mask", recording.mask)):
        if track is not None and track.shape != size:
            raise ValueError(f"episode {episode.episode_id}: {size[0]} rows of {size[1:]}, but {name} is {track.shape}")
