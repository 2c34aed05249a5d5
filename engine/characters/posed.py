"""A mesh builder for bodies: what it adds may be drawn in a tilted frame, and limbs run between joints."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.embedded.mesh import MeshBuilder, walls
from engine.scenes.scene import Colour

Array = NDArray[np.float64]
CLOTH_TILE = 0.6  # metres that one texture tile covers on clothes


class PosedBuilder(MeshBuilder):
    """Adds bodies through a stack of frames, each a turn about a point."""

    def __init__(self) -> None:
        super().__init__()
        self._frames: list[tuple[Array, Array, Array]] = []

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
        """As MeshBuilder, in the frames that are open, with the texture of cloth."""
        super().body(faces, colour, texture, tile)

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
        self._keep([walls(lower, upper), np.stack([lower, upper])], colour, texture, CLOTH_TILE)

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
            self._keep([walls(lower, upper), *ends], colour, texture, CLOTH_TILE)

    def _keep(self, groups: list[Array], colour: Colour, texture: str, tile: float) -> None:
        for turn, pivot, shift in reversed(self._frames):
            groups = [(group - pivot) @ turn.T + (pivot + shift) for group in groups]
        super()._keep(groups, colour, texture, CLOTH_TILE)


def shaded(colour: Colour, factor: float) -> Colour:
    """Brighter or darker."""
    red, green, blue = colour
    return (red * factor, green * factor, blue * factor)


def moved(point: Array, right: float, height: float, forward: float) -> Array:
    """A point beside another."""
    return np.asarray(point + np.array([right, height, forward]))
