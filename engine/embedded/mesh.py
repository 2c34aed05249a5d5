"""Triangles of low-poly things, in numpy: convex bodies with flat faces, coloured and textured by layer."""

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.embedded.textures import TEXTURES
from engine.scenes.scene import COLOURS, Colour, Light

Array = NDArray[np.float64]

TILE: Final = 1.5  # metres that one texture tile covers
FLIP: Final = np.array([1.0, -1.0, 1.0])  # height to y down; mirrors, so the winding turns round


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """V vertices and T triangles in world axes (y down), counter-clockwise seen from outside."""

    position: Array  # (V, 3) metres
    normal: Array  # (V, 3)
    uv: Array  # (V, 2) texture tiles
    layer: Array  # (V,) index into TEXTURES
    colour: Array  # (V, 3) 0..1, unlit
    triangles: NDArray[np.int32]  # (T, 3)

    def lit(self, light: Light) -> Array:
        """Vertex colours (V, 3) under ``light``: sun by angle, sky by height, darker where a thing meets the ground."""
        amount = np.clip(self.normal @ towards_sun(light), 0, 1)[:, None]
        sky = 0.85 - 0.15 * self.normal[:, 1:2]
        foot = 0.80 + 0.20 * np.clip(-self.position[:, 1:2] / 0.8, 0, 1)
        shade = np.array(light.ambient) * sky + np.array(light.sun) * amount
        colour = np.clip(self.colour * shade * foot, 0, 1.6)
        return self._in_weather(colour, shade, light)

    def _in_weather(self, colour: Array, shade: Array, light: Light) -> Array:
        """Snow on what faces up, and lamps and windows as bright as they shine: (V, 3)."""
        if light.snow:
            cover = light.snow * np.clip((-self.normal[:, 1:2] - 0.15) / 0.5, 0, 1) * (self.position[:, 1:2] < -0.03)
            colour = colour * (1 - cover) + np.clip(np.array([0.95, 0.97, 1.0]) * shade, 0, 1.1) * cover
        if light.lamps:
            for name, shine, own in (("glow", (1.25, 1.12, 0.8), 0.6), ("lit_pane", (1.15, 0.86, 0.45), 0.0)):
                lit = own * self.colour * 1.2 + (1 - own) * np.array(shine)
                colour = np.where((self.layer == TEXTURES.index(name))[:, None], colour + (lit - colour) * light.lamps, colour)
        outside = (self.layer == TEXTURES.index("daylight"))[:, None]
        return np.where(outside, np.array(light.daylight), colour)


def towards_sun(light: Light) -> Array:
    """Unit vector (3,) from the ground to the sun, world axes."""
    azimuth, elevation = np.radians(light.azimuth), np.radians(light.elevation)
    flat = np.cos(elevation)
    return np.array([np.sin(azimuth) * flat, -np.sin(elevation), np.cos(azimuth) * flat])


class _Part(NamedTuple):
    """Faces of one convex body that have equally many corners."""

    faces: Array  # (n, k, 3) as (x, height, z)
    middle: Array  # (3,) of the body
    colour: Colour
    layer: float
    tile: float  # metres
    uv: Array | None = None  # (n, k, 2) where the texture is fitted, not laid


class MeshBuilder:
    """Collects convex bodies. Lengths in metres, heights upwards from the ground, local x right and z forward.

    A scene has thousands of faces, so they are kept in arrays and finished all at once, in the order they came.
    """

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._places: list[tuple[int, Array, Array]] = [(0, np.zeros(3), np.eye(3))]  # first part, origin, turn

    def place(self, x: float, height: float, z: float, yaw: float) -> None:
        """Put what follows at this place, turned right by ``yaw`` degrees."""
        w = np.radians(yaw)
        turn = np.array([[np.cos(w), 0, -np.sin(w)], [0, 1, 0], [np.sin(w), 0, np.cos(w)]])  # rows: local axes
        self._places.append((len(self._parts), np.array([x, -height, z]), turn))

    def body(self, faces: list[Array], colour: Colour, texture: str, tile: float = TILE) -> None:
        """Add a convex body of flat polygons, each (k, 3) as (x, height, z); turns every face outwards."""
        self._keep([np.stack(list(same)) for _, same in groupby(faces, len)], colour, texture, tile)

    def _keep(self, groups: list[Array], colour: Colour, texture: str, tile: float) -> None:
        """Faces (n, k, 3) of one convex body, a group for each run of as many corners."""
        middle = np.concatenate([group.reshape(-1, 3) for group in groups]).mean(0)
        layer = float(TEXTURES.index(texture))
        self._parts.extend(_Part(group, middle, colour, layer, tile) for group in groups)

    def panel(
        self,
        centre: tuple[float, float, float],
        size: tuple[float, float],
        side: int,
        colour: Colour,
        texture: str,
        tiles: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        """An upright rectangle seen from one side: 0 local +z, 1 +x, 2 -z, 3 -x; its texture fits ``tiles`` times.

        ``centre`` is (x, height of the base, z); ``size`` width and height in metres.
        """
        along = np.array([(1, 0, 0), (0, 0, -1), (-1, 0, 0), (0, 0, 1)][side], float) * size[0] / 2
        normal = np.array([(0, 0, 1), (1, 0, 0), (0, 0, -1), (-1, 0, 0)][side], float)
        base, up = np.array(centre), np.array([0.0, size[1], 0.0])
        uv = np.array([[[0, 1], [1, 1], [1, 0], [0, 0]]], float) * tiles
        face = np.stack([base - along, base + along, base + along + up, base - along + up])
        self._parts.append(_Part(face[None], base - normal, colour, float(TEXTURES.index(texture)), TILE, uv))

    def box(self, centre: tuple[float, float, float], size: tuple[float, float, float], colour: Colour, texture: str) -> None:
        """A box; ``centre`` is (x, height of the base, z)."""
        x, base, z = centre
        w, h, d = size[0] / 2, size[1], size[2] / 2
        lower = np.array([[x - w, base, z - d], [x + w, base, z - d], [x + w, base, z + d], [x - w, base, z + d]])
        self.tower(lower, raised(lower, h), colour, texture)

    def tower(self, lower: Array, upper: Array, colour: Colour, texture: str, tile: float = TILE) -> None:
        """A body between two rings (k, 3) of corners; the upper ring may have shrunk to one point."""
        sides = walls(lower, upper)
        groups = [sides[:, :3]] if np.ptp(upper, 0).max() < 1e-9 else [sides, upper[None]]
        floating = [lower[None]] if lower[:, 1].min() > 0.1 else []  # seen from below
        self._keep(groups + floating, colour, texture, tile)

    def drum(
        self,
        centre: tuple[float, float, float],
        radii: tuple[float, float],
        height: float,
        sides: int,
        colour: Colour,
        texture: str,
    ) -> None:
        """A round tower: base radius and top radius (0 gives a cone)."""
        angle = np.arange(sides) * 2 * np.pi / sides + np.pi / sides
        ring = np.stack([np.sin(angle), np.zeros(sides), np.cos(angle)], -1)
        middle = np.array(centre)
        self.tower(middle + ring * radii[0], middle + ring * radii[1] + [0, height, 0], colour, texture)

    def blob(self, centre: tuple[float, float, float], radii: tuple[float, float, float], colour: Colour, texture: str) -> None:
        """A low-poly ball, ``centre`` at its middle."""
        rings, sides = 4, 7
        polar = np.linspace(0, np.pi, rings + 1)
        angle = np.arange(sides) * 2 * np.pi / sides
        grid = np.stack(
            [
                np.sin(polar)[:, None] * np.sin(angle),
                -np.cos(polar)[:, None] + 0 * angle,
                np.sin(polar)[:, None] * np.cos(angle),
            ],
            -1,
        ) * np.array(radii) + np.array(centre)
        quads = [walls(lower, upper) for lower, upper in pairwise(grid)]
        self._keep([quads[0][:, 1:], *quads[1:-1], quads[-1][:, :3]], colour, texture, TILE)

    def build(self) -> Mesh:
        """Return all bodies as one mesh of triangle fans."""
        parts = self._parts
        corners = np.repeat([part.faces.shape[1] for part in parts], [len(part.faces) for part in parts])  # (F,) of each face
        owner = np.repeat(np.arange(len(parts)), [len(part.faces) for part in parts])
        start, fans = np.cumsum(corners) - corners, np.cumsum(corners - 2) - (corners - 2)
        total = int(corners.sum())
        position, normal, uv = np.empty((total, 3)), np.empty((total, 3)), np.empty((total, 2))
        triangles = np.empty((int((corners - 2).sum()), 3), np.int32)
        where = np.searchsorted([first for first, _, _ in self._places], np.arange(len(parts)), side="right") - 1
        origin, turn = (np.stack([place[axis] for place in self._places])[where[owner]] for axis in (1, 2))
        for count in np.unique(corners):
            chosen = np.flatnonzero(corners == count)
            rows = start[chosen, None] + np.arange(count)
            faces, outward, laid = _finish([part for part in parts if part.faces.shape[1] == count])
            position[rows] = (faces * FLIP)[:, ::-1] @ turn[chosen] + origin[chosen, None]
            normal[rows] = (outward * FLIP)[:, None] @ turn[chosen]
            uv[rows] = laid[:, ::-1]
            fan = np.array([(0, i, i + 1) for i in range(1, count - 1)])
            triangles[fans[chosen, None] + np.arange(count - 2)] = start[chosen, None, None] + fan
        return Mesh(
            position=position,
            normal=normal,
            uv=uv,
            layer=np.repeat([part.layer for part in parts], np.bincount(owner, corners).astype(int)),
            colour=np.repeat([part.colour for part in parts], np.bincount(owner, corners).astype(int), 0),
            triangles=triangles,
        )


def walls(lower: Array, upper: Array) -> Array:
    """The quads (n, 4, 3) between two rings of n corners."""
    return np.stack([lower, np.roll(lower, -1, 0), np.roll(upper, -1, 0), upper], 1)


def _finish(parts: list[_Part]) -> tuple[Array, Array, Array]:
    """Faces (n, k, 3) turned outwards, their normals (n, 3) and textures laid upright (n, k, 2), of equally many corners.

    A texture lies with u along the ground and v downwards.
    """
    counts = [len(part.faces) for part in parts]
    faces = np.concatenate([part.faces for part in parts])
    middle = np.repeat([part.middle for part in parts], counts, 0)
    normal = np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    inward = ((faces.mean(1) - middle) * normal).sum(-1) < 0
    normal[inward] *= -1
    faces[inward] = faces[inward][:, ::-1]
    across = np.stack([normal[:, 2], np.zeros(len(normal)), -normal[:, 0]], -1)  # up x normal: along the ground
    length = np.linalg.norm(across, axis=-1, keepdims=True)
    across = np.where(length > 1e-6, across / np.maximum(length, 1e-6), [1.0, 0.0, 0.0])
    from_centre = faces - ((faces.max(1) + faces.min(1)) / 2 * [1, 0, 1])[:, None]
    laid = np.stack([(from_centre * axis[:, None]).sum(-1) for axis in (across, np.cross(across, normal))], -1)
    laid /= np.repeat([part.tile for part in parts], counts)[:, None, None]
    fitted = np.repeat([part.uv is not None for part in parts], counts)
    if fitted.any():
        laid[fitted] = np.concatenate([part.uv for part in parts if part.uv is not None])
    return faces, normal, laid


def raised(points: Array, height: float, forward: float = 0.0, right: float = 0.0) -> Array:
    """Points (k, 3) as (x, height, z), moved."""
    return np.asarray(points + np.array([right, height, forward]))


def tint(colour: str, factor: float = 1.0) -> Colour:
    """A named colour, brighter or darker by ``factor``."""
    red, green, blue = COLOURS[colour]
    return (red * factor, green * factor, blue * factor)
