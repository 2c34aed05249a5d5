"""Rays: the same distance as walking along the ray in small steps until something is met."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.body import Body
from engine.explore.rays import RayField
from engine.explore.views import ViewGrid
from engine.job import scene_seed
from engine.obstacles import Obstacles
from engine.scenes.build import build_scene

Array = NDArray[np.float64]
STEP = 0.01


def march(things: Obstacles, place: Array, yaw: float, reach: float) -> float:
    """Brute force: the first of many points on the ray that is inside a footprint."""
    along = np.arange(0, reach, STEP)
    heading = np.radians(yaw)
    points = place + along[:, None] * np.array([np.sin(heading), np.cos(heading)])
    inside = np.flatnonzero(things.clearance(points) <= 0)
    return float(along[inside[0]]) if len(inside) else reach


def check(things: Obstacles, half: float) -> None:
    field, rng = RayField(things), np.random.default_rng(1)
    for _ in range(12):
        place = rng.uniform(-half, half, 2)
        if things.clearance(place[None])[0] < 0.05:
            continue
        yaws = rng.uniform(-180, 180, 8)
        cast = field.cast(place, yaws, 9.0)
        marched = np.array([march(things, place, yaw, 9.0) for yaw in yaws])
        # a ray that only grazes a corner may slip between two points of the march
        assert (np.abs(cast - marched) < 2 * STEP).mean() > 0.85
        assert (cast <= marched + STEP).all()


@pytest.mark.parametrize("family", ["park", "rooms", "street"])
def test_rays_equal_brute_force(family: str) -> None:
    scene = build_scene(family, scene_seed(family, "train", 0, 0))
    check(Body(scene, 16.0).things, scene.half)


def test_rounded_boxes_are_met_at_their_round_corners() -> None:
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    check(
        Obstacles(centre=np.zeros((1, 2)), half=np.array([[2.0, 1.0]]), axes=turn[None], radius=np.array([0.7])),
        6.0,
    )


def test_people_stop_rays_and_an_empty_scene_stops_none() -> None:
    empty = Obstacles(centre=np.zeros((0, 2)), half=np.zeros((0, 2)), axes=np.zeros((0, 2, 2)), radius=np.zeros(0))
    field, place = RayField(empty), np.zeros(2)
    assert np.array_equal(field.cast(place, np.array([0.0, 90.0]), 5.0), [5.0, 5.0])
    met = field.cast(place, np.array([0.0, 90.0]), 5.0, np.array([[3.0, 0.0]]), 0.35)
    assert met == pytest.approx([5.0, 2.65])


def test_a_view_holds_what_is_ahead_and_nothing_behind_a_wall() -> None:
    wall = Obstacles(centre=np.array([[0.0, 4.0]]), half=np.array([[9.0, 0.2]]), axes=np.eye(2)[None], radius=np.zeros(1))
    grid = ViewGrid(RayField(wall), 10.0)
    seen = grid.middle_of(grid.view(np.array([0.0, 0.0]), 0.0))
    assert seen[:, 1].min() > -0.5 and seen[:, 1].max() < 4.0
    behind = grid.middle_of(grid.view(np.array([0.0, 0.0]), 180.0))
    assert behind[:, 1].max() < 0.5 and behind[:, 1].min() < -7
