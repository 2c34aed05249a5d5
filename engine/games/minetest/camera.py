"""Minetest's camera to ours and back: its world is left-handed with y up, one node is one metre, and it never rolls."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.dynamics import camera_to_world

Array = NDArray[np.float64]

TO_OURS: Final = np.array([1.0, -1.0, 1.0])  # x right, y up, z forward becomes x right, y down, z forward


def c2w_from_game(position: Array, look: Array) -> Array:
    """c2w (4, 4) in metres, OpenCV axes, from the camera's position (3,) in nodes and its unit direction (3,)."""
    x, y, z = look / np.linalg.norm(look)
    pitch, yaw = math.degrees(math.asin(np.clip(y, -1, 1))), math.degrees(math.atan2(x, z))
    return camera_to_world(position * TO_OURS, np.array(pitch), np.array(yaw))


def game_from_c2w(c2w: Array) -> tuple[Array, Array]:
    """The inverse: position (3,) in nodes and the unit direction (3,) of the camera."""
    return c2w[:3, 3] * TO_OURS, c2w[:3, 2] * TO_OURS


def intrinsics_from_fov(fov: float, width: int, height: int, strip: int) -> Array:
    """(fx, fy, cx, cy) in pixels of a window without its ``strip`` upper rows; ``fov`` is the whole window's, vertical."""
    focal = height / 2 / math.tan(math.radians(fov) / 2)
    return np.array([focal, focal, width / 2, height / 2 - strip])
