"""Rays on the ground plane against what stands there: how far a walker sees in each direction."""

import numpy as np
from numpy.typing import NDArray

from engine.obstacles import Obstacles

Array = NDArray[np.float64]


class RayField:
    """Boxes and circles of a scene, ready for many rays; a rounded box is two boxes and four circles."""

    def __init__(self, things: Obstacles) -> None:
        box, rounded, plain = _shapes(things)
        self._centre = np.concatenate([things.centre[box], things.centre[rounded], things.centre[rounded]])
        self._axes = np.concatenate([things.axes[box], things.axes[rounded], things.axes[rounded]])
        half, radius = things.half[rounded], things.radius[rounded, None]
        self._half = np.concatenate([things.half[box], half + radius * [1, 0], half + radius * [0, 1]])
        signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], float)
        corners = things.centre[rounded, None] + np.einsum("kd,nd,nde->nke", signs, half, things.axes[rounded])
        self._round = np.concatenate([things.centre[plain], corners.reshape(-1, 2)])
        self._radius = np.concatenate([things.radius[plain], np.repeat(things.radius[rounded], 4)])

    def cast(self, place: Array, yaws: Array, reach: float, people: Array | None = None, girth: float = 0.0) -> Array:
        """Distance (R,) from ``place`` (2,) along ``yaws`` (R,) degrees to the first surface, at most ``reach`` metres.

        ``people`` (K, 2) are more circles, of radius ``girth``.
        """
        heading = np.radians(yaws)
        way = np.stack([np.sin(heading), np.cos(heading)], -1)
        distance = np.full(len(yaws), reach)
        if len(self._centre):
            distance = np.minimum(distance, self._to_boxes(place, way, reach))
        centre, radius = self._round, self._radius
        if people is not None and len(people):
            centre = np.concatenate([centre, people])
            radius = np.concatenate([radius, np.full(len(people), girth)])
        if len(centre):
            distance = np.minimum(distance, _to_circles(place, way, centre, radius, reach))
        return distance

    def _to_boxes(self, place: Array, way: Array, reach: float) -> Array:
        away = self._centre - place
        near = np.linalg.norm(away, axis=1) - np.linalg.norm(self._half, axis=1) < reach
        axes, half = self._axes[near], self._half[near]
        start = -np.einsum("nij,nj->ni", axes, away[near])  # the walker in each box's own axes
        along = np.einsum("nij,rj->rni", axes, way)
        along = np.where(np.abs(along) < 1e-9, 1e-9, along)
        first, second = (-half - start) / along, (half - start) / along
        enter = np.minimum(first, second).max(-1, initial=-np.inf)
        leave = np.maximum(first, second).min(-1, initial=np.inf)
        hit = (enter <= leave) & (leave >= 0)
        return np.asarray(np.where(hit, np.maximum(enter, 0), reach).min(1, initial=reach))


def _shapes(things: Obstacles) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Which footprints are sharp boxes, rounded boxes and circles."""
    extended, rounded = things.half.max(1) > 0, things.radius > 0
    return extended & ~rounded, extended & rounded, ~extended & rounded


def _to_circles(place: Array, way: Array, centre: Array, radius: Array, reach: float) -> Array:
    away = centre - place
    along = way @ away.T  # (R, N) metres to the point of the ray that is nearest to each centre
    inside = radius**2 - (away**2).sum(1) + along**2
    half_chord = np.sqrt(np.maximum(inside, 0))
    hit = (inside >= 0) & (along + half_chord >= 0)
    return np.asarray(np.where(hit, np.maximum(along - half_chord, 0), reach).min(1))
