"""A mesh builder for bodies: what it adds may be drawn in a tilted frame, and limbs run between joints."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.mesh import Mesh, MeshBuilder
from engine.scenes.scene import Colour
from engine.textures import TEXTURES

Array = NDArray[np.float64]
CLOTH_TILE = 0.6  # metres that one texture tile covers on clothes


class _Part(NamedTuple):
    faces: Array  # (n, k, 3) as (x, height, z)
    middle: Array  # (3,) of the convex body that they belong to
    colour: Colour
    layer: float


class PosedBuilder(MeshBuilder):
    """Adds bodies through a stack of frames, each a turn about a point.

    A body has hundreds of faces in a dozen poses, so faces are kept in arrays and finished all at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._frames: list[tuple[Array, Array, Array]] = []
        self._parts: list[_Part] = []

    @contextmanager
    def frame(
        self, pivot: Array, *, lean: float = 0.0, roll: float = 0.0, shift: tuple[float, float, float] = (0, 0, 0)
    ) -> Iterator[None]:
        """What is added inside leans forwards and rolls to the right about ``pivot`` by degrees, then shifts."""
        a, b = np.radians([lean, roll])
        forwards = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
        sideways = np.array([[np.cos(b), np.sin(b), 0], [-np.sin(b), np.cos(b), 0], [0, 0, 1]])
        self._frames.append((sideways @ forwards, pivot, np.array(shift)))
        yield
        self._frames.pop()

    def height_of(self, point: Array) -> float:
        """Where a point of the open frames ends up above the ground, metres."""
        for turn, pivot, shift in reversed(self._frames):
            point = (point - pivot) @ turn.T + pivot + shift
        return float(point[1])

    def body(self, faces: list[Array], colour: Colour, texture: str, tile: float = CLOTH_TILE) -> None:
        """As MeshBuilder, in the frames that are open; one tile size for all."""
        by_corners: dict[int, list[Array]] = {}
        for face in faces:
            by_corners.setdefault(len(face), []).append(face)
        self._keep([np.stack(same) for same in by_corners.values()], colour, texture)

    def limb(
        self, a: Array, b: Array, radii: tuple[float, float], colour: Colour, texture: str = "plain", sides: int = 6
    ) -> None:
        """A tapering limb from joint ``a`` to joint ``b``."""
        x, y, z = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
        across = np.array([y, -x, 0.0] if abs(z) < 0.8 else [0.0, z, -y])
        across /= np.linalg.norm(across)
        other = np.array([y * across[2] - z * across[1], z * across[0] - x * across[2], x * across[1] - y * across[0]])
        angle = np.arange(sides) * 2 * np.pi / sides
        ring = np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * other
        lower, upper = a + ring * radii[0], b + ring * radii[1]
        self._keep([_walls(lower, upper), np.stack([lower, upper])], colour, texture)

    def stack(
        self,
        rings: list[tuple[float, float, float, float]],
        colour: Colour,
        texture: str = "plain",
        sides: int = 8,
    ) -> None:
        """Oval rings one above the other: (height, half width, half depth, forward) each, from below."""
        angle = (np.arange(sides) + 0.5) * 2 * np.pi / sides
        corners = np.stack([np.sin(angle), np.zeros(sides), np.cos(angle)], -1) / np.cos(np.pi / sides)
        solid = [corners * [w, 0, d] + [0, h, z] for h, w, d, z in rings]
        for number, (lower, upper) in enumerate(pairwise(solid)):
            ends = [lower[None]] * (number == 0) + [upper[None]] * (number == len(solid) - 2)
            self._keep([_walls(lower, upper), *ends], colour, texture)

    def build(self) -> Mesh:
        """All bodies as one mesh: faces turned outwards, textures laid upright, triangle fans."""
        finished = [_finish([part for part in self._parts if part.faces.shape[1] == k]) for k in self._corner_counts()]
        starts = np.cumsum([0] + [len(mesh.position) for mesh in finished])
        return Mesh(
            position=np.concatenate([mesh.position for mesh in finished]),
            normal=np.concatenate([mesh.normal for mesh in finished]),
            uv=np.concatenate([mesh.uv for mesh in finished]),
            layer=np.concatenate([mesh.layer for mesh in finished]),
            colour=np.concatenate([mesh.colour for mesh in finished]),
            triangles=np.concatenate(
                [mesh.triangles + start for mesh, start in zip(finished, starts[:-1], strict=True)], dtype=np.int32
            ),
        )

    def _corner_counts(self) -> list[int]:
        return sorted({part.faces.shape[1] for part in self._parts})

    def _keep(self, groups: list[Array], colour: Colour, texture: str) -> None:
        """Faces (n, k, 3) of one convex body, a group for each number of corners."""
        for turn, pivot, shift in reversed(self._frames):
            groups = [(group - pivot) @ turn.T + (pivot + shift) for group in groups]
        corners = [group.reshape(-1, 3) for group in groups]
        middle = sum(points.sum(0) for points in corners) / sum(len(points) for points in corners)
        layer = float(TEXTURES.index(texture))
        self._parts.extend(_Part(group, np.asarray(middle), colour, layer) for group in groups)


def _walls(lower: Array, upper: Array) -> Array:
    """The quads (n, 4, 3) between two rings of n corners."""
    return np.stack([np.roll(lower, 1, 0), lower, upper, np.roll(upper, 1, 0)], 1)


def _finish(parts: list[_Part]) -> Mesh:
    """Mesh of faces that have equally many corners."""
    counts = [len(part.faces) for part in parts]
    faces = np.concatenate([part.faces for part in parts])  # (n, k, 3)
    middle = np.repeat([part.middle for part in parts], counts, 0)
    normal = np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    inward = ((faces.mean(1) - middle) * normal).sum(-1) < 0
    normal[inward] *= -1
    faces[inward] = faces[inward][:, ::-1]
    across = np.stack([normal[:, 2], np.zeros(len(normal)), -normal[:, 0]], -1)  # up x normal: along the ground
    length = np.linalg.norm(across, axis=-1, keepdims=True)
    across = np.where(length > 1e-6, across / np.maximum(length, 1e-6), [1.0, 0.0, 0.0])
    centre = (faces.max(1) + faces.min(1)) / 2 * [1, 0, 1]
    from_centre = faces - centre[:, None]
    uv = np.stack([np.einsum("nkc,nc->nk", from_centre, axis) for axis in (across, np.cross(across, normal))], -1)
    size, flip = faces.shape[1], np.array([1.0, -1.0, 1.0])  # height to y down; mirrors, so the winding turns round
    fan = np.array([(0, i, i + 1) for i in range(1, size - 1)])
    return Mesh(
        position=(faces * flip)[:, ::-1].reshape(-1, 3),
        normal=np.repeat(normal * flip, size, 0),
        uv=uv[:, ::-1].reshape(-1, 2) / CLOTH_TILE,
        layer=np.repeat(np.repeat([part.layer for part in parts], counts), size),
        colour=np.repeat(np.repeat([part.colour for part in parts], counts, 0), size, 0),
        triangles=(np.arange(len(faces))[:, None, None] * size + fan).reshape(-1, 3).astype(np.int32),
    )


def shaded(colour: Colour, factor: float) -> Colour:
    """Brighter or darker."""
    red, green, blue = colour
    return (red * factor, green * factor, blue * factor)


def moved(point: Array, right: float, height: float, forward: float) -> Array:
    """A point beside another."""
    return np.asarray(point + np.array([right, height, forward]))
