"""What a walker cannot walk through, and how it slides along it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.scenes.scene import Scene, SceneObject

Array = NDArray[np.float64]

BODY_RADIUS = 0.35  # metres, of the walker and of every character
EYE_HEIGHT = 1.6  # metres above the ground


@dataclass(frozen=True, kw_only=True)
class Obstacles:
    """N footprints on the ground, each an oriented rectangle with rounded corners (a circle has no extent)."""

    centre: Array  # (N, 2) x, z in metres
    half: Array  # (N, 2) half extents along the local axes, metres
    axes: Array  # (N, 2, 2) rows: local x and local z in world (x, z)
    radius: Array  # (N,) metres

    def gaps(self, points: Array) -> tuple[Array, Array]:
        """Signed distance (P, N) from ``points`` (P, 2) to each footprint and its outward normal (P, N, 2)."""
        local = np.einsum("nij,pnj->pni", self.axes, points[:, None] - self.centre)
        nearest = np.clip(local, -self.half, self.half)
        away = local - nearest
        distance = np.linalg.norm(away, axis=-1)
        normal = np.einsum("nij,pni->pnj", self.axes, away / np.maximum(distance, 1e-12)[..., None])
        return distance - self.radius, normal

    def clearance(self, points: Array) -> Array:
        """Distance (P,) from each point to the nearest footprint, metres."""
        return np.asarray(self.gaps(points)[0].min(1))

    def with_circles(self, points: Array, radius: float) -> "Obstacles":
        """These obstacles and one circle round each of ``points`` (K, 2)."""
        count = len(points)
        return Obstacles(
            centre=np.concatenate([self.centre, points]),
            half=np.concatenate([self.half, np.zeros((count, 2))]),
            axes=np.concatenate([self.axes, np.tile(np.eye(2), (count, 1, 1))]),
            radius=np.concatenate([self.radius, np.full(count, radius)]),
        )

    def slide(self, start: Array, move: Array) -> tuple[Array, bool]:
        """Move a body from ``start`` (2,) by ``move`` (2,); push it out of what it meets, so that it slides.

        Returns the place reached and whether anything was met. Stays where it is when it cannot be pushed free.
        """
        place = start + move
        met = False
        for _ in range(4):
            gap, normal = self.gaps(place[None])
            depth = BODY_RADIUS - gap[0]
            worst = int(np.argmax(depth))
            if depth[worst] <= 1e-9:
                return place, met
            met = True
            place = place + normal[0, worst] * depth[worst]
        return start, True


def footprints(thing: SceneObject) -> list[tuple[float, float, float, float, float]]:
    """Local (x, z, half width, half depth, radius) of each footprint of one object."""
    width, _, depth = thing.size
    match thing.kind:
        case "column" | "round_tree" | "pine" | "lamp" | "fountain" | "rock" | "flag":
            trunk = {"round_tree": 0.25, "pine": 0.22, "lamp": 0.15, "flag": 0.12}.get(thing.kind, width / 2)
            return [(0.0, 0.0, 0.0, 0.0, trunk)]
        case "gate":
            return [(side * (width / 2 - 0.25), 0.0, 0.25, 0.25, 0.0) for side in (-1, 1)]
        case "oak" | "birch" | "spruce" | "streetlight" | "clock":
            return [(0.0, 0.0, 0.0, 0.0, {"oak": 0.42, "spruce": 0.24, "birch": 0.17}.get(thing.kind, 0.16))]
        case "bollard" | "barrel" | "well" | "stump" | "broken_column" | "cone" | "lighthouse" | "potted_plant" | "reeds":
            return [(0.0, 0.0, 0.0, 0.0, width / 2)]
        case "arch":
            return [(side * width * 0.4, 0.0, width * 0.1, depth / 2, 0.0) for side in (-1, 1)]
        case "platform_roof":
            return [(side * width * 0.36, 0.0, 0.0, 0.0, 0.2) for side in (-1, 1)]
        case "crane":
            return [(x * (width / 2 - 0.3), z * (depth / 2 - 0.3), 0.3, 0.3, 0.0) for x in (-1, 1) for z in (-1, 1)]
        case "lintel" | "picture" | "wide_window" | "ceiling_lamp" | "whiteboard":
            return []
        case _:
            return [(0.0, 0.0, width / 2, depth / 2, 0.0)]


def obstacles_of(objects: tuple[SceneObject, ...]) -> Obstacles:
    """Gather the footprints of all objects."""
    centre, half, axes, radius = [], [], [], []
    for thing in objects:
        yaw = np.radians(thing.yaw)
        turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])  # rows: local x, local z in world
        for x, z, half_width, half_depth, round_radius in footprints(thing):
            centre.append(np.array(thing.position) + np.array([x, z]) @ turn)
            half.append((half_width, half_depth))
            axes.append(turn)
            radius.append(round_radius)
    return Obstacles(centre=np.array(centre), half=np.array(half), axes=np.array(axes), radius=np.array(radius))


def character_places(scene: Scene, seconds: float) -> Array:
    """Where the characters are, (K, 2) in metres."""
    return np.array([character.place(seconds)[0] for character in scene.characters]).reshape(-1, 2)
