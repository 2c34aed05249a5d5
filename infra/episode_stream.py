"""An episode while it is recorded: frames are encoded in threads as they come, nothing shows before the row."""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from infra.depth import depth_to_code
from infra.digest import canonical_json
from infra.errors import naming_full_disk
from infra.file_system import lacks_locks
from infra.frame_queue import FrameQueue
from infra.lease import read_holder, this_process
from infra.schema import Episode, Frames, frames_to_table
from infra.store import Store
from infra.video import FrameEncoder, Grey16Encoder, VideoReader

_LOCK: Final = "lock"
_log = logging.getLogger(__name__)


class EpisodeStream:
    """Takes one episode's frames as they come and keeps none of them.

    A patient one encodes in the gaps that drawing leaves (see ``FrameQueue``).

    Use as a context: leaving it removes the unfinished files, also after ``finish``, which has put them into the store.
    """

    def __init__(self, store: Store, fps: float, *, patient: bool = False) -> None:
        self.store, self.fps, self.count, self._patient = store, fps, 0, patient
        self._tracks: dict[str, _Track] = {}
        self._hashes: list[str] = []

    def __enter__(self) -> "EpisodeStream":
        with naming_full_disk(self.store.scratch()):
            self._folder, self._lock = _claim_folder(self.store.scratch())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for track in self._tracks.values():
            track.frames.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.close()

    def add(
        self, rgb: NDArray[np.uint8], depth: NDArray[np.float32] | None = None, mask: NDArray[np.uint16] | None = None
    ) -> None:
        """Hand over the next frame: RGB (H, W, 3), depth (H, W) in metres, mask (H, W). They must not change afterwards.

        Waits where the encoders lag behind.

        Raises:
            ValueError: a frame does not look as the first one did.
            StoreFullError: the disk is full.
        """
        arrays = {"video": rgb, "depth": depth, "mask": mask}
        given = {kind: array for kind, array in arrays.items() if array is not None}
        if self.count == 0:
            self._tracks = {kind: self._start(kind) for kind in given}
        elif set(given) != set(self._tracks):
            raise ValueError(f"frame {self.count} brings {', '.join(given)}, frame 0 brought {', '.join(self._tracks)}")
        for kind, array in given.items():
            if array.shape[:2] != rgb.shape[:2]:
                raise ValueError(f"frame {self.count}: {kind} is {array.shape}, its picture {rgb.shape}")
            self._tracks[kind].frames.add(array)
        self.count += 1

    def hashes(self) -> list[str]:
        """sha256 of each raw picture so far; waits for the encoders."""
        for track in self._tracks.values():
            track.frames.drain()
        return self._hashes

    def finish(self, episode: Episode, frames: Frames, scene: dict[str, Any]) -> Episode:
        """Close and check the files, put them into the store; return the row that commits them.

        Raises:
            ValueError: rows, pictures and their hashes do not fit together.
            DamagedVideoError, StoreFullError, StoreUnreachableError: nothing is visible then.
        """
        if len(frames) != self.count:
            raise ValueError(f"episode {episode.episode_id}: {len(frames)} rows, but {self.count} pictures")
        hashes = self.hashes()
        for number, (found, named) in enumerate(zip(hashes, frames.rgb_sha256, strict=True)):
            if found != named:
                raise ValueError(f"episode {episode.episode_id}: picture {number} is not the one that its rgb_sha256 names")
        rows = self._folder / "frames.parquet"
        with naming_full_disk(self.store.scratch()):
            pq.write_table(frames_to_table(frames), rows, compression="zstd")
        objects = {kind: track.finish() for kind, track in self._tracks.items()}
        for path in objects.values():
            with VideoReader(path, pixel_format="rgb24" if path.suffix == ".mp4" else "gray16le") as reader:
                reader.check_end(self.count)
        names = {kind: self.store.put_file(path) for kind, path in objects.items()}
        return dataclasses.replace(
            episode,
            frames=self.count,
            frames_object=self.store.put_file(rows),
            video_object=names["video"],
            depth_object=names.get("depth", ""),
            mask_object=names.get("mask", ""),
            scene_object=self.store.put_bytes(canonical_json(scene), ".json"),
        )

    def _start(self, kind: str) -> "_Track":
        match kind:
            case "video":
                return _Track(FrameEncoder(self._folder / "video.mp4", self.fps), self._hash, self._patient)
            case "depth":
                return _Track(Grey16Encoder(self._folder / "depth.mkv", self.fps), depth_to_code, self._patient)
            case _:
                return _Track(Grey16Encoder(self._folder / "mask.mkv", self.fps), lambda mask: mask, self._patient)

    def _hash(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        picture = np.ascontiguousarray(rgb)
        self._hashes.append(hashlib.sha256(picture.data).hexdigest())
        return picture


class _Track:
    """One encoder behind a queue; hashing, coding and encoding release the lock."""

    def __init__(self, encoder: FrameEncoder, prepare: Callable[[NDArray[Any]], NDArray[Any]], patient: bool) -> None:
        self._encoder = encoder
        self.frames: FrameQueue[NDArray[Any]] = FrameQueue(
            lambda array: encoder.add(prepare(array)), encoder.path.name, patient=patient
        )

    def finish(self) -> Path:
        """Complete the file. Raises what encoding met."""
        self.frames.drain()
        self.frames.stop()
        self._encoder.finish()
        return self._encoder.path


def sweep_unfinished(scratch: Path) -> int:
    """Remove the files of recordings whose process died; how many there were. Those of living ones are locked."""
    removed = 0
    for folder in scratch.glob("episode-*"):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), (folder / _LOCK).open("a") as lock:
            if _is_left(lock):
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
    if removed:
        _log.info("%d unfinished recordings of processes that died were removed from %s", removed, scratch)
    return removed


def _is_left(lock: TextIO) -> bool:
    """Whether nobody holds the lock any more."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    except OSError as error:
        if not lacks_locks(error, Path(lock.name).parents[1]):
            raise
        holder = read_holder(Path(lock.name))
        return holder is not None and holder.is_gone()


def _claim_folder(scratch: Path) -> tuple[Path, TextIO]:
    """A folder that is this process's as long as it lives: locked before it has the name by which it can be swept."""
    sweep_unfinished(scratch)
    name = f"{os.getpid()}-{uuid.uuid4().hex}"
    fresh = scratch / f"new-{name}"
    fresh.mkdir()
    lock = (fresh / _LOCK).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        if not lacks_locks(error, scratch):
            raise
    lock.write(json.dumps(dataclasses.asdict(this_process("recording"))))
    lock.flush()
    return fresh.rename(scratch / f"episode-{name}"), lock
