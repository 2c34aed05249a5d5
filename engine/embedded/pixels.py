"""From what the renderer reads back to what is kept: pixels averaged, the depth buffer in metres."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.flow import shrink

NEAR: Final = 0.1  # metres
FAR: Final = 300.0  # metres; what lies there (the sky) has no depth
STRIP: Final = 64  # rows of depth made at once, so that what is between fits a processor's cache


@dataclass(frozen=True, kw_only=True)
class Samples:
    """One frame as it was read back, ``scale`` rays a pixel side, the lowest row first; nobody else holds these arrays."""

    colour: NDArray[np.uint8]  # (s H, s W, 3 or 4), blue first
    depth: NDArray[np.float32] | None  # (s H, s W) in 0..1
    scale: int

    def average(self) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None]:
        """What is kept of it, see ``rgb`` and ``metres``; no depth where none was read. Any thread may do this."""
        return self.rgb(), None if self.depth is None else self.metres()

    def rgb(self) -> NDArray[np.uint8]:
        """Colours (H, W, 3)."""
        return np.ascontiguousarray(self.blue_first()[::-1, :, ::-1])

    def blue_first(self) -> NDArray[np.uint8]:
        """Colours (H, W, 3), blue first and the lowest row first, as they came and as a BMP has them."""
        return average_pixels(self.colour[..., :3], self.scale)

    def metres(self) -> NDArray[np.float32]:
        """Z-depth (H, W) in metres, inf where there is sky."""
        assert self.depth is not None, "the renderer has none"
        return depth_of(self.depth[::-1], self.scale)


def average_pixels(colour: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Mean of each ``scale`` x ``scale`` block, rounded up from a half: (s H, s W, 3) to (H, W, 3)."""
    if scale == 1:
        return colour
    height, width = colour.shape[0] // scale, colour.shape[1] // scale
    if scale == 2:
        return shrink(np.ascontiguousarray(colour), width, height)  # rounds alike there, and only there
    total = np.zeros((height, width, 3), np.uint16)
    for row in range(scale):
        for column in range(scale):
            total += colour[row::scale, column::scale]
    return ((total + scale * scale // 2) // (scale * scale)).astype(np.uint8)


def depth_of(buffer: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """Turn the depth buffer (s H, s W) into z-depth (H, W) in metres, inf for the sky.

    1/z is linear across a plane, so its block mean is the depth at the pixel's centre. Where a block straddles an
    edge (its depths differ by more than 10 %) the nearest surface counts.
    """
    out = np.empty((buffer.shape[0] // scale, buffer.shape[1] // scale), np.float32)
    for top in range(0, len(out), STRIP):
        _strip_of(buffer[top * scale : (top + STRIP) * scale], scale, out[top : top + STRIP])
    return out


def _strip_of(buffer: NDArray[np.float32], scale: int, out: NDArray[np.float32]) -> None:
    inverse = (np.float32(FAR) - buffer * np.float32(FAR - NEAR)) / np.float32(NEAR * FAR)  # 1 / z
    inverse[buffer >= 1.0] = 0
    parts = np.stack([inverse[row::scale, column::scale] for row in range(scale) for column in range(scale)])
    nearest = parts.max(0)
    mean = np.where(parts.min(0) > 0.9 * nearest, parts.mean(0), nearest)
    with np.errstate(divide="ignore"):
        np.divide(np.float32(1), mean, out=out)  # inf where mean is 0
