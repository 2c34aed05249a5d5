"""Unreal's poses and ours: left-handed centimetres with degrees, against c2w in metres with OpenCV axes.

Unreal: x forward, y right, z up; rotation is (pitch, yaw, roll) in degrees, + up, + right, + tilted to the right.
Our world takes Unreal's y as x, its -z as y and its x as z, so yaw 0 looks along our +z.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CENTIMETRES: Final = 100.0  # a metre
WORLD: Final = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])  # Unreal axes to ours; determinant -1
LOCKED: Final = 1e-6  # cosine of pitch below which yaw and roll cannot be told apart


def c2w_from_unreal(location: Array, rotation: Array) -> Array:
    """c2w (4, 4) of location (3,) in cm and rotation (pitch, yaw, roll) in degrees."""
    pitch, yaw, roll = np.radians(rotation)
    sp, cp, sy, cy, sr, cr = np.sin(pitch), np.cos(pitch), np.sin(yaw), np.cos(yaw), np.sin(roll), np.cos(roll)
    forward = np.array([cp * cy, cp * sy, sp])
    right = np.array([sr * sp * cy - cr * sy, sr * sp * sy + cr * cy, -sr * cp])
    up = np.array([-(cr * sp * cy + sr * sy), cy * sr - cr * sp * sy, cr * cp])
    c2w = np.eye(4)
    c2w[:3, :3] = WORLD @ np.stack([right, -up, forward], -1)
    c2w[:3, 3] = WORLD @ location / CENTIMETRES
    return c2w


def unreal_from_c2w(c2w: Array) -> tuple[Array, Array]:
    """The inverse: location (3,) in cm and rotation (3,) in degrees; straight up or down gets roll 0."""
    right, down, forward = (WORLD.T @ c2w[:3, :3]).T
    pitch = np.arcsin(np.clip(forward[2], -1, 1))
    if np.hypot(forward[0], forward[1]) < LOCKED:
        yaw, roll = np.arctan2(-right[0], right[1]), 0.0
    else:
        yaw, roll = np.arctan2(forward[1], forward[0]), np.arctan2(-right[2], -down[2])
    return WORLD.T @ c2w[:3, 3] * CENTIMETRES, np.degrees(np.array([pitch, yaw, roll]))


def unreal_from_stance(place: Array, pitch: float, yaw: float) -> tuple[Array, Array]:
    """Location and rotation of an upright camera at ``place`` (3,) in our metres; its angles are not rounded on the way."""
    return WORLD.T @ place * CENTIMETRES, np.array([pitch, yaw, 0.0])
