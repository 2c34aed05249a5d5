"""From what the renderer reads back to what is kept: pixels averaged, the depth buffer in metres."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

NEAR: Final = 0.1  # metres
FAR: Final = 300.0  # metres; what lies there (the sky) has no depth


def average_pixels(rgb: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Mean of each ``scale`` x ``scale`` block, rounded: (s H, s W, 3) to (H, W, 3)."""
    if scale == 1:
        return rgb
    height, width, _ = rgb.shape
    total = np.zeros((height // scale, width // scale, 3), np.uint16)
    for row in range(scale):
        for column in range(scale):
            total += rgb[row::scale, column::scale]
    return ((total + scale * scale // 2) // (scale * scale)).astype(np.uint8)


def depth_of(buffer: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """Turn the depth buffer (s H, s W) into z-depth (H, W) in metres, inf for the sky.

    1/z is linear across a plane, so its block mean is the depth at the pixel's centre. Where a block straddles an
    edge (its depths differ by more than 10 %) the nearest surface counts.
    """
    inverse = (np.float32(FAR) - buffer * np.float32(FAR - NEAR)) / np.float32(NEAR * FAR)  # 1 / z
    inverse[buffer >= 1.0] = 0
    parts = np.stack([inverse[row::scale, column::scale] for row in range(scale) for column in range(scale)])
    nearest = parts.max(0)
    mean = np.where(parts.min(0) > 0.9 * nearest, parts.mean(0), nearest)
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(mean > 0, 1 / mean, np.inf), np.float32)
