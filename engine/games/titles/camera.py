"""Camera conventions of the titles: their axes, units and angles to our c2w and back."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Axis = Literal["+x", "-x", "+y", "-y", "+z", "-z"]


@dataclass(frozen=True, kw_only=True)
class CameraConvention:
    """How a game says where its camera is. Its handedness follows from which of its axes are right, up and forward.

    ``euler``: rotation is three angles in degrees, named by ``angles``, applied yaw first, then pitch, then roll, each about
    the axis that the one before left; their signs say what a positive angle does. ``axes``: rotation is six numbers, the
    camera's forward and up directions in the game's world.
    """

    right: Axis  # the game's axis that points right where all angles are 0
    up: Axis
    forward: Axis
    metres_per_unit: float
    rotation: Literal["euler", "axes"]
    angles: tuple[Literal["pitch", "yaw", "roll"], ...] = ()  # order of the three angles in telemetry
    positive_pitch: Literal["up", "down"] = "up"
    positive_yaw: Literal["left", "right"] = "right"
    positive_roll: Literal["left", "right"] = "right"  # the side that goes down
    fov: Literal["vertical", "horizontal"] = "vertical"  # what the game's field of view measures

    def __post_init__(self) -> None:
        if sorted(axis[1] for axis in (self.right, self.up, self.forward)) != ["x", "y", "z"]:
            raise ValueError(f"camera: right {self.right}, up {self.up}, forward {self.forward} are not three different axes")
        if not 0 < self.metres_per_unit < math.inf:
            raise ValueError(f"camera: metres_per_unit {self.metres_per_unit} is not positive")
        if self.rotation == "euler" and sorted(self.angles) != ["pitch", "roll", "yaw"]:
            raise ValueError(f"camera: angles {self.angles} must name pitch, yaw and roll once each")

    @property
    def numbers(self) -> int:
        """How many numbers telemetry gives for a rotation."""
        return 3 if self.rotation == "euler" else 6

    @property
    def to_ours(self) -> Array:
        """(3, 3): directions in the game's world to ours, x right, y down, z forward. Determinant -1 from left-handed worlds."""
        return np.stack([_axis(self.right), -_axis(self.up), _axis(self.forward)])


def c2w_from_game(convention: CameraConvention, position: Array, rotation: Array) -> Array:
    """c2w (4, 4) in metres, OpenCV axes, from position (3,) and rotation (3,) or (6,) as the game says them.

    Raises:
        ValueError: the rotation has another length, or its forward and up directions do not span a plane.
    """
    if rotation.shape != (convention.numbers,):
        raise ValueError(f"rotation has {rotation.size} numbers, the profile says {convention.numbers}")
    to_ours = convention.to_ours
    c2w = np.eye(4)
    c2w[:3, :3] = _from_angles(convention, rotation) if convention.rotation == "euler" else _from_axes(to_ours, rotation)
    c2w[:3, 3] = to_ours @ position * convention.metres_per_unit
    return c2w


def game_from_c2w(convention: CameraConvention, c2w: Array) -> tuple[Array, Array]:
    """The inverse of ``c2w_from_game``: position (3,) and rotation, angles in -180..180 degrees."""
    position = convention.to_ours.T @ c2w[:3, 3] / convention.metres_per_unit
    right, down, forward = c2w[:3, :3].T
    if convention.rotation == "axes":
        return position, np.concatenate([convention.to_ours.T @ forward, convention.to_ours.T @ -down])
    found = {
        "pitch": math.degrees(math.asin(float(np.clip(-forward[1], -1, 1)))),
        "yaw": math.degrees(math.atan2(forward[0], forward[2])),
        "roll": math.degrees(math.atan2(right[1], down[1])),
    }
    return position, np.array([_signs(convention)[name] * found[name] for name in convention.angles])


def intrinsics_from_fov(convention: CameraConvention, degrees: float, width: int, height: int) -> Array:
    """(fx, fy, cx, cy) of square pixels in a picture of ``width`` x ``height`` that shows all that the game draws.

    Raises:
        ValueError: the field of view is not between 1 and 179 degrees.
    """
    if not 1 <= degrees <= 179:
        raise ValueError(f"field of view {degrees} is not between 1 and 179 degrees")
    side = height if convention.fov == "vertical" else width
    focal = side / 2 / math.tan(math.radians(degrees) / 2)
    return np.array([focal, focal, width / 2, height / 2])


def _axis(name: Axis) -> Array:
    axis = np.zeros(3)
    axis["xyz".index(name[1])] = 1.0 if name[0] == "+" else -1.0
    return axis


def _signs(convention: CameraConvention) -> dict[str, float]:
    return {
        "pitch": 1.0 if convention.positive_pitch == "up" else -1.0,
        "yaw": 1.0 if convention.positive_yaw == "right" else -1.0,
        "roll": 1.0 if convention.positive_roll == "right" else -1.0,
    }


def _from_angles(convention: CameraConvention, rotation: Array) -> Array:
    signs = _signs(convention)
    angle = {name: math.radians(signs[name] * value) for name, value in zip(convention.angles, rotation, strict=True)}
    (cy, sy), (cp, sp), (cr, sr) = ((math.cos(angle[name]), math.sin(angle[name])) for name in ("yaw", "pitch", "roll"))
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])  # + turns right, y is down
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])  # + looks up
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])  # + lowers the right side
    return np.asarray(yaw @ pitch @ roll)


def _from_axes(to_ours: Array, rotation: Array) -> Array:
    """Forward is kept, up only says how the camera rolls: what games report is orthogonal to about 1e-6."""
    forward, up = to_ours @ rotation[:3], to_ours @ rotation[3:]
    length = float(np.linalg.norm(forward))
    right = np.cross(-up, forward)
    if length < 1e-6 or np.linalg.norm(right) < 1e-3 * length:
        raise ValueError("the camera's forward and up directions do not span a plane")
    forward, right = forward / length, right / np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward], axis=1)
