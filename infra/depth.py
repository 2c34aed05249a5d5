"""Depth files: 16-bit logarithmic codes from 0.1 to 300 metres, stored without loss."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.video import VideoReader, encode_grey16

NEAREST: Final = 0.1  # metres; nearer reads as this
FARTHEST: Final = 300.0  # metres; farther reads as no depth
INVALID_CODE: Final = 0  # sky, or not known
_STEPS: Final = 65534  # between codes 1 (nearest) and 65535 (farthest)
_BLOCK: Final = 1 << 15  # pixels that are coded at once
_LOG_RANGE: Final = math.log(FARTHEST / NEAREST)
RELATIVE_ERROR: Final = math.expm1(_LOG_RANGE / _STEPS / 2)  # largest error of a code, 0.0061 %


def depth_to_code(depth: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Metres to codes; infinite, NaN and farther than 300 m become ``INVALID_CODE``.

    Raises:
        ValueError: a depth is zero or negative.
    """
    if (depth <= 0).any():
        raise ValueError("depth must be positive metres, inf or nan where there is none")
    flat, code = depth.reshape(-1), np.empty(depth.size, np.uint16)
    steps = np.empty(min(depth.size, _BLOCK), np.float64)  # small enough to stay in the cache: a recording waits for this
    for start in range(0, depth.size, _BLOCK):
        metres = flat[start : start + _BLOCK]
        step = steps[: metres.size]
        np.maximum(metres, np.float32(NEAREST), out=step)
        np.log(step, out=step)
        step -= math.log(NEAREST)
        step *= _STEPS / _LOG_RANGE
        step += 1.5  # code 1 is the nearest; a half to round
        step[~(metres <= FARTHEST)] = INVALID_CODE  # also where depth is nan
        code[start : start + _BLOCK] = step
    return code.reshape(depth.shape)


def code_to_depth(code: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Codes to float32 metres; ``INVALID_CODE`` becomes inf."""
    metres: NDArray[np.float32] = _METRES[code]
    return metres


def _metres_of_codes() -> NDArray[np.float32]:
    codes = np.arange(_STEPS + 2, dtype=np.float64)
    metres: NDArray[np.float32] = (NEAREST * np.exp((codes - 1) * (_LOG_RANGE / _STEPS))).astype(np.float32)
    metres[INVALID_CODE] = np.inf
    return metres


_METRES: Final = _metres_of_codes()


def encode_depth(path: Path, depth: Iterable[NDArray[np.float32]], fps: float) -> None:
    """Write float32 frames (H, W) in metres, inf or nan where there is none. Raises as ``encode_video``."""
    encode_grey16(path, (depth_to_code(frame) for frame in depth), fps)


class DepthReader:
    """Decodes depth by frame number: float32 metres, inf where there is none. Raises as ``VideoReader``."""

    def __init__(self, path: Path) -> None:
        self._codes = VideoReader(path, pixel_format="gray16le")

    def __len__(self) -> int:
        return len(self._codes)

    def __enter__(self) -> "DepthReader":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._codes.close()

    def decode(self, indices: Sequence[int]) -> NDArray[np.float32]:
        """Decode the frames at ``indices``, (N, H, W)."""
        return code_to_depth(self._codes.decode(indices))

    def decode_range(self, start: int, stop: int) -> NDArray[np.float32]:
        """Decode frames ``start`` to ``stop`` (half open), (N, H, W)."""
        return code_to_depth(self._codes.decode_range(start, stop))

    def check_count(self, expected: int) -> None:
        """Decode everything and hold the count to ``expected``."""
        self._codes.check_count(expected)
