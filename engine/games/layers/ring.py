"""Frames in shared memory: one process writes a slot, others read it; nothing is pickled.

Rings of coordinators that were killed are swept by the next one that makes a ring.
"""

import fcntl
import mmap
import os
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Final, TextIO

import numpy as np
from numpy.typing import NDArray

from infra.errors import StoreFullError, WorldloomError

Picture = tuple[NDArray[np.uint8], NDArray[np.float32] | None, NDArray[np.uint16] | None]

SLOTS: Final = 8
PREFIX: Final = "worldloom-ring-"
_BYTES: Final = 3 + 4 + 2  # a pixel: RGB, depth, mask
_HEADER: Final = struct.Struct("<qq??2xI40x")  # tick, sequence, has depth, has mask, checksum of all three; 64 bytes
_SHARED: Final = Path("/dev/shm")


class TornFrameError(WorldloomError):
    """A slot does not hold the frame that was asked for, whole."""


class FrameRing:
    """``SLOTS`` frames of one size. Whoever coordinates sees to it that no slot is written while it is read."""

    def __init__(self, path: Path, width: int, height: int) -> None:
        """Open the ring at ``path``; see ``create``."""
        self.path, self.width, self.height = path, width, height
        self._lock: TextIO | None = None  # of the maker
        self._pixels = width * height
        self._slot = _slot_bytes(self._pixels)
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), self._slot * SLOTS)

    @classmethod
    def create(cls, width: int, height: int, *, rgb_only: bool = False) -> "FrameRing":
        """A new ring for frames of ``width`` x ``height`` pixels, where memory is shared; locked while its maker lives.

        Memory is taken at once for pictures, their depth and masks; with ``rgb_only`` for pictures alone.

        Raises:
            StoreFullError: too little shared memory is left.
        """
        folder = _SHARED if os.access(_SHARED, os.W_OK) else Path(tempfile.gettempdir())  # where it is read-only or absent
        sweep(folder)
        number, name = tempfile.mkstemp(prefix="worldloom-new-ring-", dir=folder)
        lock, fresh = os.fdopen(number, "w"), Path(name)
        _reserve(lock, fresh, width * height, 3 if rgb_only else _BYTES)
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = fresh.rename(folder / fresh.name.replace("worldloom-new-ring-", PREFIX))  # locked before a sweep can see it
        ring = cls(path, width, height)
        ring._lock = lock
        return ring

    def write(
        self,
        sequence: int,
        tick: int,
        rgb: NDArray[np.uint8],
        depth: NDArray[np.float32] | None,
        mask: NDArray[np.uint16] | None,
    ) -> None:
        """Put a frame (H, W, 3), its depth and mask (H, W) into the slot of ``sequence``."""
        if rgb.shape != (self.height, self.width, 3):
            raise ValueError(f"the ring takes {self.width}x{self.height} pictures, not {rgb.shape}")
        start = sequence % SLOTS * self._slot
        self._memory[start : start + _HEADER.size] = bytes(_HEADER.size)  # unreadable until it is whole
        at, checksum = start + _HEADER.size, 0
        for array, kind in ((rgb, np.uint8), (depth, np.float32), (mask, np.uint16)):
            size = self._pixels * {np.uint8: 3, np.float32: 4, np.uint16: 2}[kind]
            if array is not None:
                content = np.ascontiguousarray(array, kind).tobytes()
                self._memory[at : at + size] = content
                checksum = zlib.crc32(content, checksum)
            at += size
        header = _HEADER.pack(tick, sequence, depth is not None, mask is not None, checksum)
        self._memory[start : start + _HEADER.size] = header

    def read(self, sequence: int, tick: int) -> Picture:
        """Copies of the frame of ``sequence``, its depth and its mask.

        Raises:
            TornFrameError: the slot holds another frame, or not all of it.
        """
        start = sequence % SLOTS * self._slot
        header = self._memory[start : start + _HEADER.size]
        found_tick, found, has_depth, has_mask, checksum = _HEADER.unpack(header)
        at, count, shape = start + _HEADER.size, self._pixels, (self.height, self.width)
        rgb = np.frombuffer(self._memory, np.uint8, 3 * count, at).reshape(*shape, 3).copy()
        depth = np.frombuffer(self._memory, np.float32, count, at + 3 * count).reshape(shape).copy() if has_depth else None
        mask = np.frombuffer(self._memory, np.uint16, count, at + 7 * count).reshape(shape).copy() if has_mask else None
        if (found, found_tick) != (sequence, tick) or _checksum(rgb, depth, mask) != checksum:
            raise TornFrameError(f"frame {sequence} (tick {tick}) is not whole in the ring, which holds frame {found}")
        return rgb, depth, mask

    def close(self, *, remove: bool = False) -> None:
        """Let go of the memory; whoever created it removes it."""
        self._memory.close()
        if remove:
            self.path.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _slot_bytes(pixels: int) -> int:
    return _HEADER.size + pixels * _BYTES


def _reserve(file: TextIO, path: Path, pixels: int, used: int) -> None:
    """Take the first ``used`` bytes a pixel of each slot: where memory runs out later, whoever writes is killed, wordlessly."""
    size = _HEADER.size + pixels * used
    try:
        file.truncate(_slot_bytes(pixels) * SLOTS)
        for slot in range(SLOTS):
            os.posix_fallocate(file.fileno(), slot * _slot_bytes(pixels), size)
    except OSError as error:
        file.close()
        path.unlink()
        raise StoreFullError(
            f"{size * SLOTS / 1e6:.0f} MB of shared memory for frames do not fit into {path.parent} ({error.strerror}); "
            "give it more (a container's --shm-size), record fewer at once, or smaller pictures"
        ) from None


def sweep(folder: Path) -> None:
    """Remove the rings in ``folder`` whose maker is dead."""
    for path in folder.glob(f"{PREFIX}*"):
        try:
            with path.open("r+") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
        except OSError:
            continue  # its maker lives, or it is another user's


def _checksum(*arrays: NDArray[np.generic] | None) -> int:
    checksum = 0
    for array in arrays:
        if array is not None:
            checksum = zlib.crc32(array.data, checksum)
    return checksum
