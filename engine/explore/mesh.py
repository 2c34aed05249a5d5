"""The navigation mesh: triangles of walkable ground, shortest routes over their edges, pulled tight.

The ground of our scenes is flat, so the mesh is exact without voxels: the square less every footprint grown by the
walker, as a constrained Delaunay triangulation. (The one Recast port for Python with wheels, pynavmesh, is pure Python
and has had no release since 2023, and its baker none since 2022.)
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from engine.obstacles import BODY_RADIUS, Obstacles

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class MeshConfig:
    """How much room routes keep, and how fine the mesh is."""

    clearance: float = BODY_RADIUS + 0.12  # metres from the route to anything
    longest_edge: float = 3.0  # metres of the ground's outline, so that triangles stay small
    arc_segments: int = 3  # edges of a quarter circle


def _triangulated(outline: shapely.Geometry) -> shapely.Geometry:
    """Triangles of an outline; one whose points nearly coincide is snapped to millimetres first, else GEOS gives up on it."""
    try:
        return shapely.constrained_delaunay_triangles(outline)
    except shapely.errors.GEOSException:
        return shapely.constrained_delaunay_triangles(shapely.set_precision(outline, 0.001))


class WalkMesh:
    """Where a walker's centre may be, and the shortest ways there."""

    def __init__(self, ground: shapely.Geometry, config: MeshConfig) -> None:
        outline = shapely.segmentize(ground, config.longest_edge)
        triangles = shapely.get_parts(_triangulated(outline))
        if not len(triangles):
            raise ValueError("no ground is left to walk on; the scene is too full for this walker")
        self.ground = ground
        shapely.prepare(self.ground)
        self._tree = shapely.STRtree(triangles)
        self.triangles = np.stack([shapely.get_coordinates(triangle)[:3] for triangle in triangles])  # (N, 3, 2)
        self._link()

    def _link(self) -> None:
        """Number the edges that two triangles share (portals) and join those of one triangle by their distance."""
        corners, index = np.unique(self.triangles.reshape(-1, 2).round(6), axis=0, return_inverse=True)
        sides = np.sort(index.reshape(-1, 3)[:, [[0, 1], [1, 2], [2, 0]]], -1)  # (N, 3, 2)
        edges, which, count = np.unique(sides.reshape(-1, 2), axis=0, return_inverse=True, return_counts=True)
        number = np.where(count == 2, np.cumsum(count == 2) - 1, -1)
        self._portal_of = number[which].reshape(-1, 3)  # (N, 3) the portal of each side, -1 at the outline
        self._portals = corners[edges[count == 2]]  # (P, 2, 2)
        self._middle = self._portals.mean(1)
        pairs = self._portal_of[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
        a, b = pairs[(pairs >= 0).all(1)].T
        length = np.linalg.norm(self._middle[a] - self._middle[b], axis=1)
        size = len(self._portals)
        self._graph = csr_array((np.r_[length, length], (np.r_[a, b], np.r_[b, a])), shape=(size, size))

    def triangle_of(self, places: Array) -> Indices:
        """The triangle (K,) that each of ``places`` (K, 2) stands on, or the nearest one."""
        return np.asarray(self._tree.nearest(shapely.points(places)), np.int64)

    def contains(self, places: Array) -> NDArray[np.bool_]:
        """Which of ``places`` (K, 2) a walker's centre may be at."""
        return np.asarray(shapely.intersects_xy(self.ground, places[:, 0], places[:, 1]))

    def sees(self, start: Array, goal: Array) -> bool:
        """Whether the straight way stays on the mesh."""
        return bool(self.ground.covers(shapely.LineString([start, goal])))

    def reach_from(self, place: Array) -> "Reach":
        """Lengths of the ways from ``place`` (2,) to everywhere."""
        triangle = int(self.triangle_of(place[None])[0])
        doors = self._portal_of[triangle][self._portal_of[triangle] >= 0]
        if not len(doors):
            empty = np.zeros(0)
            return Reach(self, place, triangle, empty, empty.astype(np.int64))
        cost, before = dijkstra(self._graph, indices=doors, return_predecessors=True)
        cost = cost + np.linalg.norm(self._middle[doors] - place, axis=1)[:, None]
        best = cost.argmin(0)
        columns = np.arange(len(best))
        return Reach(self, place, triangle, cost[best, columns], np.asarray(before[best, columns], np.int64))


class Reach:
    """The tree of shortest ways from one place."""

    def __init__(self, mesh: WalkMesh, place: Array, triangle: int, cost: Array, before: Indices) -> None:
        self._mesh, self._place, self._triangle, self._cost, self._before = mesh, place, triangle, cost, before

    def lengths(self, places: Array, triangles: Indices) -> Array:
        """Metres (K,) to ``places`` (K, 2) on ``triangles`` (K,); inf where there is no way. Up to the pulling exact."""
        mesh = self._mesh
        direct = np.where(triangles == self._triangle, np.linalg.norm(places - self._place, axis=1), np.inf)
        if not len(self._cost):
            return np.asarray(direct)
        doors = mesh._portal_of[triangles]  # (K, 3)
        last = np.linalg.norm(mesh._middle[doors] - places[:, None], axis=-1)
        total = np.where(doors >= 0, self._cost[doors] + last, np.inf).min(1)
        return np.asarray(np.minimum(direct, total))

    def route(self, goal: Array) -> Array | None:
        """Corners (C, 2) of the shortest way to ``goal`` (2,), the start left out; None where there is no way."""
        mesh, triangle = self._mesh, int(self._mesh.triangle_of(goal[None])[0])
        if triangle == self._triangle:
            return goal[None]
        doors = mesh._portal_of[triangle][mesh._portal_of[triangle] >= 0]
        if not len(self._cost) or not len(doors):
            return None
        total = self._cost[doors] + np.linalg.norm(mesh._middle[doors] - goal, axis=1)
        if not np.isfinite(total.min()):
            return None
        door, chain = int(doors[total.argmin()]), []
        while door >= 0:
            chain.append(door)
            door = int(self._before[door])
        return _pull(mesh, self._place, goal, chain[::-1])


def _pull(mesh: WalkMesh, start: Array, goal: Array, chain: list[int]) -> Array:
    """Pull the string from ``start`` to ``goal`` through the portals of ``chain`` (the funnel method)."""
    gates = _gates(mesh, goal, chain)
    corners: list[Point] = []
    apex: Point = (float(start[0]), float(start[1]))
    left, right = gates[0]
    at_left = at_right = 0
    i = 0
    while i < len(gates):
        new_left, new_right = gates[i]
        if _turn(apex, right, new_right) >= 0:  # the right side does not widen
            if apex == right or _turn(apex, left, new_right) < 0:
                right, at_right = new_right, i
            else:  # it crosses the left side: the way bends there
                apex, i = left, at_left + 1
                corners.append(apex)
                left = right = apex
                at_right = at_left
                continue
        if _turn(apex, left, new_left) <= 0:
            if apex == left or _turn(apex, right, new_left) > 0:
                left, at_left = new_left, i
            else:
                apex, i = right, at_right + 1
                corners.append(apex)
                left = right = apex
                at_left = at_right
                continue
        i += 1
    if corners and corners[-1] == gates[-1][0]:
        corners.pop()
    return np.array([*corners, goal])


def _gates(mesh: WalkMesh, goal: Array, chain: list[int]) -> list[tuple[Point, Point]]:
    """Ends of each portal as (left, right) for one who walks along ``chain``; the goal is the last, without width."""
    middles = mesh._middle[chain]
    way = np.concatenate([middles[1:], goal[None]]) - middles
    ends = mesh._portals[chain]
    side = ends[:, 0] - middles
    swapped = way[:, 0] * side[:, 1] - way[:, 1] * side[:, 0] <= 0
    ends = np.where(swapped[:, None, None], ends[:, ::-1], ends)
    end: Point = (float(goal[0]), float(goal[1]))
    return [((a[0], a[1]), (b[0], b[1])) for a, b in ends.tolist()] + [(end, end)]


def _turn(apex: Point, a: Point, b: Point) -> float:
    """Positive when ``b`` lies counter-clockwise of ``a``, seen from ``apex`` in (x, z)."""
    return (a[0] - apex[0]) * (b[1] - apex[1]) - (a[1] - apex[1]) * (b[0] - apex[0])


def build_mesh(things: Obstacles, half: float, config: MeshConfig | None = None) -> WalkMesh:
    """The mesh of a scene of |x|, |z| < ``half``. People move, so the mesh does not know them.

    Raises:
        ValueError: nothing is left to walk on.
    """
    config = config or MeshConfig()
    inner = half - config.clearance
    square = shapely.box(-inner, -inner, inner, inner)
    return WalkMesh(shapely.difference(square, _grown(things, config)), config)


def _grown(things: Obstacles, config: MeshConfig) -> shapely.Geometry:
    signs = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]], float)
    corners = things.centre[:, None] + np.einsum("kd,nd,nde->nke", signs, np.maximum(things.half, 1e-3), things.axes)
    # the polygon of a grown corner lies inside the true arc: grow by as much more
    outside = 1 / np.cos(np.pi / (4 * config.arc_segments))
    radius = (things.radius + config.clearance) * outside
    return shapely.union_all(shapely.buffer(shapely.polygons(corners), radius, quad_segs=config.arc_segments))


def plan_route(mesh: WalkMesh, start: Array, goal: Array) -> Array | None:
    """Corners (C, 2) of the shortest way from ``start`` (2,) to ``goal`` (2,); None where there is no way."""
    return mesh.reach_from(start).route(goal)
