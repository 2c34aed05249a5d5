"""Triangles of low-poly things, in numpy: convex bodies with flat faces, coloured and textured by layer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.scenes.scene import COLOURS, Colour, Light
from engine.textures import TEXTURES

Array = NDArray[np.float64]

TILE = 1.5  # metres that one texture tile covers


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


class MeshBuilder:
    """Collects convex bodies. Lengths in metres, heights upwards from the ground, local x right and z forward."""

    def __init__(self) -> None:
        self._faces: list[tuple[Array, Array, Array, float, Colour]] = []
        self._origin = np.zeros(3)
        self._turn = np.eye(3)

    def place(self, x: float, height: float, z: float, yaw: float) -> None:
        """Put what follows at this place, turned right by ``yaw`` degrees."""
        w = np.radians(yaw)
        self._origin = np.array([x, -height, z])
        self._turn = np.array([[np.cos(w), 0, -np.sin(w)], [0, 1, 0], [np.sin(w), 0, np.cos(w)]])  # rows: local axes

    def body(self, faces: list[Array], colour: Colour, texture: str, tile: float = TILE) -> None:
        """Add a convex body of flat polygons, each (k, 3) as (x, height, z); turns every face outwards."""
        middle = np.concatenate(faces).mean(0)
        for face in faces:
            normal = np.cross(face[1] - face[0], face[2] - face[0])
            normal = normal / max(float(np.linalg.norm(normal)), 1e-12)
            if normal @ (face.mean(0) - middle) < 0:
                normal = -normal
                face = face[::-1]
            self._append_face(face, normal, _face_uv(face, normal) / tile, colour, texture)

    def _append_face(self, face: Array, normal: Array, uv: Array, colour: Colour, texture: str) -> None:
        flip = np.array([1.0, -1.0, 1.0])  # height to y down; mirrors, so the winding turns round
        points = (face * flip)[::-1] @ self._turn + self._origin
        layer = float(TEXTURES.index(texture))
        self._faces.append((points, (normal * flip) @ self._turn, uv[::-1], layer, colour))

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
        uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], float) * tiles
        self._append_face(
            np.stack([base - along, base + along, base + along + up, base - along + up]), normal, uv, colour, texture
        )

    def box(self, centre: tuple[float, float, float], size: tuple[float, float, float], colour: Colour, texture: str) -> None:
        """A box; ``centre`` is (x, height of the base, z)."""
        x, base, z = centre
        w, h, d = size[0] / 2, size[1], size[2] / 2
        lower = np.array([[x - w, base, z - d], [x + w, base, z - d], [x + w, base, z + d], [x - w, base, z + d]])
        self.tower(lower, raised(lower, h), colour, texture)

    def tower(self, lower: Array, upper: Array, colour: Colour, texture: str, tile: float = TILE) -> None:
        """A body between two rings (k, 3) of corners; the upper ring may have shrunk to one point."""
        count = len(lower)
        sides = [np.stack([lower[i], lower[(i + 1) % count], upper[(i + 1) % count], upper[i]]) for i in range(count)]
        faces = [side[:3] for side in sides] if np.ptp(upper, 0).max() < 1e-9 else [*sides, upper]
        floating = [lower] if lower[:, 1].min() > 0.1 else []  # seen from below
        self.body(faces + floating, colour, texture, tile)

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
        faces = []
        for i in range(rings):
            for j in range(sides):
                k = (j + 1) % sides
                corners = [grid[i, j], grid[i, k], grid[i + 1, k], grid[i + 1, j]]
                faces.append(np.stack(corners[1:] if i == 0 else corners[:3] if i == rings - 1 else corners))
        self.body(faces, colour, texture)

    def build(self) -> Mesh:
        """Return all bodies as one mesh of triangle fans."""
        position, normal, uv, layer, colour = [], [], [], [], []
        triangles: list[tuple[int, int, int]] = []
        count = 0
        for points, face_normal, face_uv, face_layer, face_colour in self._faces:
            k = len(points)
            position.append(points)
            normal.append(np.tile(face_normal, (k, 1)))
            uv.append(face_uv)
            layer.append(np.full(k, face_layer))
            colour.append(np.tile(face_colour, (k, 1)))
            triangles.extend((count, count + i, count + i + 1) for i in range(1, k - 1))
            count += k
        return Mesh(
            position=np.concatenate(position),
            normal=np.concatenate(normal),
            uv=np.concatenate(uv),
            layer=np.concatenate(layer),
            colour=np.concatenate(colour),
            triangles=np.array(triangles, np.int32),
        )


def raised(points: Array, height: float, forward: float = 0.0, right: float = 0.0) -> Array:
    """Points (k, 3) as (x, height, z), moved."""
    return np.asarray(points + np.array([right, height, forward]))


def tint(colour: str, factor: float = 1.0) -> Colour:
    """A named colour, brighter or darker by ``factor``."""
    red, green, blue = COLOURS[colour]
    return (red * factor, green * factor, blue * factor)


def _face_uv(face: Array, normal: Array) -> Array:
    """Lay a texture upright along a face: u along the ground, v downwards, in metres (k, 2)."""
    across = np.cross(np.array([0.0, 1.0, 0.0]), normal)
    length = float(np.linalg.norm(across))
    across = across / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    down = np.cross(across, normal)
    middle = (face.max(0) + face.min(0)) / 2
    u = (face - middle) @ across
    v = (face - np.array([middle[0], 0.0, middle[2]])) @ down
    return np.stack([u, v], -1)
