"""Frames between processes: slots of shared memory, so that a segment is copied once and never pickled."""

import shutil
import struct
import time
import zlib
from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.errors import NotHereError

Frames = NDArray[np.uint8]  # (N, H, W, 3)

_HEARTBEAT: Final = struct.Struct("<d")  # time.monotonic() of the writer, at the start of the memory
_SLOT: Final = struct.Struct("<QII")  # sequence number, frames, CRC-32 of their bytes
_ALIGN: Final = 64  # bytes
_SHARED: Final = Path("/dev/shm")


@dataclass(frozen=True, kw_only=True)
class RingShape:
    """Two slots for each seat: one for the frames that it gets, one for the image that it starts from."""

    seats: int
    frames: int  # of a slot, at most
    height: int
    width: int

    @property
    def slots(self) -> int:
        return 2 * self.seats

    @property
    def slot_bytes(self) -> int:
        used = _SLOT.size + self.frames * self.height * self.width * 3
        return -(-used // _ALIGN) * _ALIGN

    @property
    def total_bytes(self) -> int:
        return _ALIGN + self.slots * self.slot_bytes


def frames_slot(seat: int) -> int:
    """Where the model's process writes a seat's segments."""
    return 2 * seat


def image_slot(seat: int) -> int:
    """Where the server writes a seat's start image; never where a segment may still be under way."""
    return 2 * seat + 1


def _no_memory(shape: RingShape, why: str | None) -> NotHereError:
    megabytes = shape.total_bytes / 1e6
    return NotHereError(f"{megabytes:.0f} MB of shared memory do not fit into {_SHARED} ({why}); give it more (--shm-size)")


class TornFramesError(ValueError):
    """A slot does not hold what its reader was told: it was overwritten or not finished."""


class FrameRing:
    """Who owns a slot is agreed on elsewhere; sequence number and checksum prove that the agreement held."""

    def __init__(self, shape: RingShape, memory: SharedMemory) -> None:
        self.shape, self._memory = shape, memory
        assert memory.buf is not None
        self._buffer = memory.buf

    @classmethod
    def create(cls, shape: RingShape) -> "FrameRing":
        """New memory; the creator unlinks it.

        Raises:
            NotHereError: this machine shares no memory between processes, or too little.
        """
        try:
            memory = SharedMemory(create=True, size=shape.total_bytes)
        except OSError as error:
            raise _no_memory(shape, error.strerror) from None
        if shutil.disk_usage(_SHARED).free < shape.total_bytes:  # whoever writes into what is not there is killed, wordlessly
            memory.close()
            memory.unlink()
            raise _no_memory(shape, "No space left on device")
        return cls(shape, memory)

    @classmethod
    def attach(cls, shape: RingShape, name: str) -> "FrameRing":
        """Memory that another process created."""
        return cls(shape, SharedMemory(name=name))

    @property
    def name(self) -> str:
        return self._memory.name

    def write(self, slot: int, sequence: int, frames: Frames) -> None:
        """Put frames (N, H, W, 3) into a slot.

        Raises:
            ValueError: they are of another size than the ring's, or too many.
        """
        wanted = (self.shape.height, self.shape.width, 3)
        if frames.shape[1:] != wanted or len(frames) > self.shape.frames or frames.dtype != np.uint8:
            raise ValueError(
                f"frames are {frames.dtype} {frames.shape}; a slot takes up to {self.shape.frames} of uint8 {wanted}"
            )
        view = self._pixels(slot, len(frames))
        view[:] = frames
        _SLOT.pack_into(self._buffer, self._offset(slot), sequence, len(frames), zlib.crc32(view.data))

    def read(self, slot: int, sequence: int) -> Frames:
        """A copy of what was written under ``sequence``.

        Raises:
            TornFramesError: the slot holds something else.
        """
        found, count, checksum = _SLOT.unpack_from(self._buffer, self._offset(slot))
        if found != sequence or count > self.shape.frames:
            raise TornFramesError(f"slot {slot} holds sequence {found}, expected {sequence}")
        copy = self._pixels(slot, count).copy()
        if zlib.crc32(copy.data) != checksum:
            raise TornFramesError(f"slot {slot}: sequence {sequence} was overwritten while it was read")
        return copy

    def beat(self) -> None:
        """Say that the writing process is alive."""
        _HEARTBEAT.pack_into(self._buffer, 0, time.monotonic())

    def seconds_since_beat(self) -> float:
        """How long ago the last beat was."""
        return time.monotonic() - float(_HEARTBEAT.unpack_from(self._buffer, 0)[0])

    def close(self) -> None:
        """Let go of the memory; others keep it."""
        self._memory.close()

    def unlink(self) -> None:
        """Remove the memory; for its creator."""
        self._memory.close()
        self._memory.unlink()

    def _offset(self, slot: int) -> int:
        if not 0 <= slot < self.shape.slots:
            raise ValueError(f"slot {slot} is not one of {self.shape.slots}")
        return _ALIGN + slot * self.shape.slot_bytes

    def _pixels(self, slot: int, count: int) -> Frames:
        shape = (count, self.shape.height, self.shape.width, 3)
        return np.ndarray(shape, np.uint8, self._buffer, self._offset(slot) + _SLOT.size)
