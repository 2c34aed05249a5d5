"""One scene as the explorer knows it: its mesh, its rays, its cells, and posts on the ground that routes may lead to."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.body import Body
from engine.explore.mesh import build_mesh
from engine.explore.rays import RayField
from engine.explore.views import Cells, ViewGrid
from engine.obstacles import BODY_RADIUS, Obstacles, character_places

Array = NDArray[np.float64]

POST_SPACING: Final = 2.0  # metres
POST_RANGE: Final = 3.0  # metres round a post that belong to it


class Surroundings:
    """What stands in a square scene; ``people`` gives the places (K, 2) of those who walk about at a tick."""

    def __init__(self, things: Obstacles, half: float, people: Callable[[int], Array]) -> None:
        self.things, self.half, self.people = things, half, people
        self.field = RayField(things)
        self.mesh = build_mesh(things, half)
        self.grid = ViewGrid(self.field, half)
        middles = self.grid.middle_of(np.arange(self.grid.cells))
        self.free = self.mesh.contains(middles)  # (cells,) where a walker's centre may be
        line = np.arange(-half + POST_SPACING / 2, half, POST_SPACING)
        posts = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
        self.posts = posts[self.mesh.contains(posts)]
        self.post_triangles = self.mesh.triangle_of(self.posts)
        self.post_cells = self._cells_round(self.posts)

    def _cells_round(self, posts: Array) -> Cells:
        """Free cells (P, M) within ``POST_RANGE`` of each post; the number past the last cell fills up."""
        line = np.arange(-POST_RANGE, POST_RANGE + 1e-6, self.grid.config.cell)
        disc = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
        points = posts[:, None] + disc[np.linalg.norm(disc, axis=1) <= POST_RANGE]
        cells = self.grid.cell_of(points)
        good = (np.abs(points) < self.half).all(-1) & self.free[cells]
        return np.where(good, cells, self.grid.cells)

    def rays(self, place: Array, yaws: Array, reach: float, tick: int) -> Array:
        """Distance (R,) to the first thing or person along ``yaws`` (R,) degrees, at most ``reach`` metres."""
        return self.field.cast(place, yaws, reach, self.people(tick), BODY_RADIUS)


def surroundings_of(body: Body) -> Surroundings:
    """The surroundings of a walker in one of our own scenes."""
    return Surroundings(body.things, body.scene.half, lambda tick: character_places(body.scene, tick / body.fps))
