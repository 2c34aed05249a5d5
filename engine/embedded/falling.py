"""Rain and snow in the air: where each drop is follows from the seconds since the start alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.scenes.scene import Scene

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Falling:
    """Drops or flakes that fill a box round the eye and are wrapped at its sides."""

    count: int
    motion: tuple[float, float, float]  # metres / second: to +x, to +z, upwards
    shape: tuple[float, float, float, float]  # half width and half length of one, side and height of the box, metres
    hue: tuple[float, float, float, float]


def falling_of(scene: Scene) -> Falling:
    """The drops of a scene in which it rains or snows, as bright as its sky."""
    red, green, blue = (0.35 + 0.65 * channel for channel in scene.palette.horizon)
    if scene.falling == "snow":
        return Falling(count=1300, motion=(0.5, 0.3, -1.5), shape=(0.024, 0.024, 16.0, 8.0), hue=(red, green, blue, 0.9))
    return Falling(count=1100, motion=(0.7, 0.2, -9.0), shape=(0.006, 0.20, 16.0, 8.0), hue=(red, green, blue, 0.5))


def falling_corners(falling: Falling) -> tuple[Array, Array, NDArray[np.int32]]:
    """Starts of drops in world axes (4 N, 3) within a box of one metre, their pictures' corners (4 N, 2), triangles (2 N, 3)."""
    start = np.random.default_rng(6).random((falling.count, 3))
    corner = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    first = 4 * np.arange(falling.count)[:, None]
    triangles = np.concatenate([np.add(first, [0, 1, 2]), np.add(first, [0, 2, 3])]).astype(np.int32)
    return np.repeat(start, 4, 0) * [1, -1, 1], np.tile(corner, (falling.count, 1)), triangles
