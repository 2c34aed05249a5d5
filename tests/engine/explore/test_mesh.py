"""Navigation mesh: routes keep off everything, reach their goal and are hardly longer than they must be."""

import functools

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from engine.body import Body
from engine.explore.mesh import MeshConfig, WalkMesh, build_mesh, plan_route
from engine.job import scene_seed
from engine.obstacles import BODY_RADIUS, Obstacles
from engine.scenes.build import FAMILIES, build_scene

Array = NDArray[np.float64]


@functools.cache
def body_of(family: str, index: int = 0) -> Body:
    return Body(build_scene(family, scene_seed(family, "train", index, 0)), 16.0)


def free_points(mesh: WalkMesh, half: float, count: int) -> Array:
    points = np.random.default_rng(3).uniform(-half, half, (50 * count, 2))
    return points[mesh.contains(points)][:count]


@pytest.mark.parametrize("family", FAMILIES)
def test_routes_never_come_near_an_obstacle_and_end_at_their_goal(family: str) -> None:
    body = body_of(family)
    mesh = build_mesh(body.things, body.scene.half)
    points = free_points(mesh, body.scene.half, 60)
    found = 0
    for start, goal in zip(points[::2], points[1::2], strict=True):
        route = plan_route(mesh, start, goal)
        if route is None:
            continue
        found += 1
        line = shapely.LineString(np.concatenate([start[None], route]))
        steps = shapely.get_coordinates(shapely.segmentize(line, 0.1))
        assert body.things.clearance(steps).min() > BODY_RADIUS + 0.1
        assert np.allclose(route[-1], goal)
    assert found >= 10  # ground may fall into parts without a way between them


def test_a_route_round_a_wall_bends_at_its_end_and_is_the_shortest() -> None:
    wall = Obstacles(
        centre=np.array([[0.0, -2.0]]), half=np.array([[0.1, 8.0]]), axes=np.eye(2)[None], radius=np.zeros(1)
    )  # from z = -10 to 6, in a square of 10 metres
    mesh = build_mesh(wall, 10.0)
    start, goal = np.array([-3.0, 0.0]), np.array([3.0, 0.0])
    route = plan_route(mesh, start, goal)
    assert route is not None and not mesh.sees(start, goal)
    length = shapely.LineString(np.concatenate([start[None], route])).length
    corner = np.array([0.1 + MeshConfig().clearance, 6.0 + MeshConfig().clearance])
    assert 2 * np.hypot(3, 6) < length < 2 * np.linalg.norm(corner - goal) + 2 * corner[0] + 0.3
    assert all(abs(x) < 1 and 5.9 < z < 7 for x, z in route[:-1])


def test_there_is_no_route_through_a_wall_without_a_door() -> None:
    wall = Obstacles(centre=np.zeros((1, 2)), half=np.array([[0.2, 12.0]]), axes=np.eye(2)[None], radius=np.zeros(1))
    mesh = build_mesh(wall, 10.0)
    assert plan_route(mesh, np.array([-3.0, 0.0]), np.array([3.0, 0.0])) is None
    reach = mesh.reach_from(np.array([-3.0, 0.0]))
    places = np.array([[-5.0, 5.0], [3.0, 0.0]])
    assert np.isfinite(reach.lengths(places, mesh.triangle_of(places))).tolist() == [True, False]


def test_a_scene_without_ground_is_refused() -> None:
    full = Obstacles(centre=np.zeros((1, 2)), half=np.array([[20.0, 20.0]]), axes=np.eye(2)[None], radius=np.zeros(1))
    with pytest.raises(ValueError, match="no ground is left"):
        build_mesh(full, 10.0)
