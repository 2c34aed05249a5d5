"""What of a scene a frame shows: boxes and people tested against the camera's view, and its depth where there is one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PERSON: Final = (0.5, 1.7, 0.5)  # metres: width, height, depth


@dataclass(frozen=True, kw_only=True)
class View:
    """One camera and the frame that it took."""

    c2w: Array  # (4, 4)
    intrinsics: Array  # (4,) pixels
    width: int
    height: int
    depth: NDArray[np.float32] | None  # (H, W) metres, inf where unknown
    reach: float = 30.0  # metres beyond which nothing is worth a word


@dataclass(frozen=True, kw_only=True)
class Sight:
    """A thing that a frame shows."""

    name: str
    side: str  # left | ahead | right
    distance: float  # metres to the nearest visible part
    size: float  # share of the picture that it would fill if nothing stood before it, roughly


def find_sights(scene: Mapping[str, Any], seconds: float, view: View) -> list[Sight]:
    """Everything of the scene that the view shows, most prominent first; characters stand where they are at ``seconds``."""
    boxes = [
        (_called(str(thing["name"])), thing["position"], thing["size"], float(thing["yaw"])) for thing in scene.get("objects", [])
    ]
    for person in scene.get("characters", []):
        x, z = place_on_path(person, seconds)
        looks = str(person.get("looks") or f"person in {article(person['shirt'])} {person['shirt']} shirt")
        boxes.append((looks, [x, 0.0, z], PERSON, 0.0))
    sights = [sight for box in boxes if (sight := _sight(*box, view)) is not None]
    return sorted(sights, key=lambda sight: (-sight.size, sight.name))


def place_on_path(person: Mapping[str, Any], seconds: float) -> tuple[float, float]:
    """Where (x, z) someone is who walks round a closed path at a constant speed, ``offset`` metres along it at the start."""
    corners = [tuple(corner) for corner in person["path"]]
    legs = list(zip(corners, corners[1:] + corners[:1], strict=True))
    lengths = [math.dist(a, b) for a, b in legs]
    along = (float(person["offset"]) + float(person["speed"]) * seconds) % sum(lengths)
    for (a, b), length in zip(legs, lengths, strict=True):
        if along <= length and length > 0:
            part = along / length
            return (a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part)
        along -= length
    return corners[0]


def _called(name: str) -> str:
    """What to call a thing: one of the boundary by what it is, where its name says so."""
    return name if name.endswith("boundary") else name.replace("boundary ", "")


def article(noun: str) -> str:
    """The article that goes before ``noun``; there is only one boundary on each side."""
    return (
        "the"
        if noun.endswith("boundary") or noun.split()[0] in ("north", "east", "south", "west")
        else "an"
        if noun[:1] in "aeiou"
        else "a"
    )


def _sight(name: str, position: Sequence[float], size: Sequence[float], yaw: float, view: View) -> Sight | None:
    """Test a few points of the box; it is seen if one in six is in the picture and nothing stands in front of it."""
    points = _box_points(position, size, yaw)
    camera = (points - view.c2w[:3, 3]) @ view.c2w[:3, :3]
    z = camera[:, 2]
    pixels = camera[:, :2] / np.maximum(z, 1e-3)[:, None] * view.intrinsics[:2] + view.intrinsics[2:]
    inside = (z > 0.3) & (z < view.reach) & (pixels >= 0).all(1) & (pixels < (view.width, view.height)).all(1)
    if view.depth is not None:
        u, v = np.floor(np.where(inside[:, None], pixels, 0)).astype(np.int64).T
        margin = math.hypot(size[0], size[2]) / 2 + 0.4 if max(size[0], size[2]) < 8 else 1.0
        inside &= np.abs(view.depth[v, u] - z) < margin  # what is there is the box itself, not something before it
    if inside.mean() < 1 / 6:
        return None
    u, nearest = float(pixels[inside, 0].mean()) / view.width, float(z[inside].min())
    side = "left" if u < 0.36 else "right" if u > 0.64 else "ahead"
    filled = inside.mean() * max(size[0], size[2]) * size[1] / nearest**2
    return Sight(name=name, side=side, distance=nearest, size=float(filled))


def _box_points(position: Sequence[float], size: Sequence[float], yaw: float) -> Array:
    """Points (45, 3) inside a box that stands on the ground (y down, its base at ``position``)."""
    width, height, depth = size
    turn = math.radians(yaw)
    x, y, z = np.meshgrid(
        np.linspace(-0.4, 0.4, 5) * width, -np.array([0.25, 0.55, 0.85]) * height, np.linspace(-0.4, 0.4, 3) * depth
    )
    across = x * math.cos(turn) + z * math.sin(turn)
    along = z * math.cos(turn) - x * math.sin(turn)
    points: Array = np.stack([across, y, along], -1).reshape(-1, 3) + np.asarray(position)
    return points
