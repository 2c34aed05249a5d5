"""The dynamics of the action space: what one row of actions does to a free camera.

Units are the release's: 12.35 cm a frame along the mean of the old and the new yaw, 15 degrees a mouse unit.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from infra.schema.action import Keyboard, Mouse

Array = NDArray[np.float64]
Degrees = TypeVar("Degrees", float, NDArray[np.float32], NDArray[np.float64])


@dataclass(frozen=True, kw_only=True)
class DynamicsConfig:
    """Per frame, not per second. Sources with a movement of their own (ViZDoom) have their own."""

    step: float = 0.1235  # metres a frame
    degrees_per_mouse_unit: float = 15.0
    mouse_dead_zone: float = 0.02  # smaller turns nothing
    max_pitch: float = 60.0  # degrees, where the camera stops looking further up or down


def wrap_degrees(degrees: Degrees) -> Degrees:
    """The same angle in -180 to 180 degrees."""
    return (degrees + 180) % 360 - 180


def turn(mouse: Mouse, config: DynamicsConfig) -> Array:
    """Degrees of (pitch, yaw) that each mouse row turns, (..., 2); + is up and right."""
    moved = np.abs(mouse) >= config.mouse_dead_zone
    return np.where(moved, mouse, 0.0).astype(np.float64) * config.degrees_per_mouse_unit


def walk_direction(keyboard: Keyboard) -> Array:
    """Unit (right, forward) direction of each keyboard row, (..., 2); zero where keys cancel or none is down."""
    keys = np.maximum(keyboard, 0).astype(np.float64)
    direction = np.stack([keys[..., 3] - keys[..., 2], keys[..., 0] - keys[..., 1]], -1)
    length = np.linalg.norm(direction, axis=-1, keepdims=True)
    unit: Array = direction / np.maximum(length, 1.0)
    return unit


def displacement(keyboard: Keyboard, yaw_before: Array, yaw_after: Array, config: DynamicsConfig) -> Array:
    """World displacement (dx, dz) in metres that each keyboard row asks for, (..., 2).

    Yaw is in degrees, 0 looks along +z, + turns right (towards +x). Movement follows the mean of both yaws.
    """
    right, forward = np.moveaxis(walk_direction(keyboard), -1, 0)
    yaw = np.radians((yaw_before + yaw_after) / 2)
    x = forward * np.sin(yaw) + right * np.cos(yaw)
    z = forward * np.cos(yaw) - right * np.sin(yaw)
    return np.stack([x, z], -1) * config.step


def camera_to_world(position: Array, pitch: Array, yaw: Array) -> Array:
    """Build c2w (..., 4, 4) from position (..., 3) in metres and pitch, yaw (...) in degrees.

    OpenCV axes in a world with gravity along +y: yaw 0, pitch 0 looks along +z with +x to the right.
    """
    p, w = np.radians(pitch), np.radians(yaw)
    zero = np.zeros_like(p * w)
    right = np.stack([np.cos(w) + zero, zero, -np.sin(w) + zero], -1)
    forward = np.stack([np.sin(w) * np.cos(p), -np.sin(p) + zero, np.cos(w) * np.cos(p)], -1)
    down = np.cross(forward, right)
    c2w = np.broadcast_to(np.eye(4), (*zero.shape, 4, 4)).copy()
    c2w[..., :3, :3] = np.stack([right, down, forward], -1)
    c2w[..., :3, 3] = position
    return c2w


def pitch_and_yaw(c2w: Array) -> tuple[Array, Array]:
    """Degrees of pitch and yaw of a camera without roll; the inverse of ``camera_to_world``."""
    forward = c2w[..., :3, 2]
    pitch = np.degrees(np.arcsin(np.clip(-forward[..., 1], -1, 1)))
    yaw = np.degrees(np.arctan2(forward[..., 0], forward[..., 2]))
    return pitch, yaw


def integrate(c2w: Array, keyboard: Keyboard, mouse: Mouse, config: DynamicsConfig) -> Array:
    """Walk a free camera: from pose ``c2w`` (4, 4), T action rows give the T poses that they lead to, (T, 4, 4).

    Row i of the result is the pose after action i. Nothing blocks the way and nothing falls.
    """
    pitch, yaw = pitch_and_yaw(c2w)
    turned = turn(mouse, config)
    yaws = yaw + np.concatenate([[0.0], np.cumsum(turned[:, 1])])
    pitches = np.clip(pitch + np.cumsum(turned[:, 0]), -config.max_pitch, config.max_pitch)
    moves = displacement(keyboard, yaws[:-1], yaws[1:], config)
    position = np.repeat(c2w[None, :3, 3], len(moves), 0)
    position[:, [0, 2]] += np.cumsum(moves, 0)
    return camera_to_world(position, pitches, yaws[1:])
