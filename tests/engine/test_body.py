"""Walking: exactly the shared dynamics where free, sliding where not."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.body import Body, Stance
from engine.obstacles import BODY_RADIUS, character_places
from engine.scenes.build import build_scene
from engine.walks import hold, plan_walk, reverse
from infra.dynamics import DynamicsConfig, integrate

Poses = NDArray[np.float64]


@pytest.fixture(scope="module")
def field() -> Body:
    """A park without things or people."""
    scene = build_scene("park", 4)
    boundary = tuple(thing for thing in scene.objects if "boundary" in thing.name)
    return Body(dataclasses.replace(scene, objects=boundary, characters=()), 16.0)


def poses(stances: list[Stance]) -> Poses:
    return np.stack([stance.c2w() for stance in stances])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), yaw=st.floats(-180, 180))
def test_free_walks_equal_the_shared_dynamics(field: Body, seed: int, yaw: float) -> None:
    rng = np.random.default_rng(seed)
    keyboard = np.zeros((40, 6), np.int8)
    keyboard[:, :4] = rng.integers(0, 2, (40, 4))
    mouse = rng.uniform(-0.2, 0.2, (40, 2)).astype(np.float32)
    start = Stance(place=(0.0, 0.0), pitch=0.0, yaw=yaw)
    walked = field.follow(start, keyboard, mouse)
    assert not any(stance.collided for stance in walked)
    assert np.allclose(poses(walked), integrate(start.c2w(), keyboard, mouse, DynamicsConfig()), atol=1e-9)


@pytest.mark.parametrize("keys", ["W", "A", "W+L", "D+R", "W+D"])
def test_an_action_and_its_reverse_lead_back(field: Body, keys: str) -> None:
    start = Stance(place=(1.0, 2.0), pitch=0.0, yaw=33.0)
    out = field.follow(start, *hold(keys, 30))
    back = field.follow(out[-1], *hold(reverse(keys), 30))
    assert np.allclose(back[-1].c2w(), start.c2w(), atol=1e-9)


def test_opposite_keys_cancel(field: Body) -> None:
    start = Stance(place=(0.0, 0.0), pitch=0.0, yaw=0.0)
    keyboard = np.array([[1, 1, 1, 1, 0, 0]], np.int8)
    assert field.follow(start, keyboard, np.zeros((1, 2), np.float32))[0].place == (0.0, 0.0)


@pytest.mark.parametrize("family", ["park", "rooms"])
def test_pushing_blindly_never_enters_an_object_and_slides_along_it(family: str) -> None:
    body = Body(build_scene(family, 11), 16.0)
    rng = np.random.default_rng(0)
    start = plan_walk(body, "explore", 0, 8).start
    collided = 0
    for _ in range(12):
        actions = hold("W", 60, 0.1)
        actions[1][:, 1] = rng.uniform(-0.05, 0.05)
        for before, stance in zip([start, *body.follow(start, *actions)], body.follow(start, *actions), strict=False):
            collided += stance.collided
            assert body.things.clearance(np.array([stance.place])).min() > BODY_RADIUS - 1e-6
            assert np.linalg.norm(np.subtract(stance.place, before.place)) < 0.3
        start = dataclasses.replace(stance, yaw=stance.yaw + float(rng.uniform(60, 300)))
    assert collided > 10


def test_a_walker_in_the_way_is_an_obstacle() -> None:
    body = Body(build_scene("park", 2), 16.0)
    person = character_places(body.scene, 1 / 16)[0]
    start = Stance(place=(float(person[0]), float(person[1]) - 0.75), pitch=0.0, yaw=0.0)
    assert body.follow(start, *hold("W", 1))[0].collided


def test_pitch_stops_at_its_limit(field: Body) -> None:
    start = Stance(place=(0.0, 0.0), pitch=0.0, yaw=0.0)
    assert field.follow(start, *hold("U", 60, 0.2))[-1].pitch == DynamicsConfig().max_pitch
