"""Walks: every action well represented, nothing walked into, places seen again."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.body import Body, Stance
from engine.explore.explorer import plan_agent_walk
from engine.job import scene_seed
from engine.scenes.build import FAMILIES, build_scene
from engine.walks import (
    EVALUATION_WALKS,
    KEY_WALKS,
    REVISITING,
    WalkPlan,
    evaluation_plan,
    evaluation_start,
    plan_walk,
    revisit_share,
)
from infra.schema.episode import Split

Poses = NDArray[np.float64]


def body_of(family: str, split: Split, index: int) -> Body:
    return Body(build_scene(family, scene_seed(family, split, index, 0)), 16.0)


def stances_of(body: Body, plan: WalkPlan) -> list[Stance]:
    return [plan.start, *body.follow(plan.start, plan.keyboard[:-1], plan.mouse[:-1])]


def reach_of(body: Body, plan: WalkPlan) -> float:
    """Metres that a walk leads away from its start."""
    places = np.array([stance.place for stance in stances_of(body, plan)])
    return float(np.linalg.norm(places - places[0], axis=1).max())


def poses(body: Body, plan: WalkPlan) -> Poses:
    return np.stack([stance.c2w() for stance in stances_of(body, plan)])


def test_exploring_presses_every_key_and_turns_both_ways() -> None:
    plans = [plan_walk(body_of("park", "train", index), "explore", index, 320) for index in range(12)]
    keyboard, mouse = (np.concatenate([getattr(plan, name) for plan in plans]) for name in ("keyboard", "mouse"))
    forward, back, left, right, jump, interact = keyboard.mean(0)
    assert forward > 0.2 and min(back, left, right) > 0.1
    assert jump == interact == 0
    assert (mouse[:, 1] != 0).mean() > 0.3 and min((mouse[:, 1] > 0).mean(), (mouse[:, 1] < 0).mean()) > 0.12
    assert (mouse[:, 0] != 0).mean() > 0.05
    assert len(np.unique(np.abs(mouse[:, 1]))) > 10


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("walk", ["explore", *REVISITING])
def test_training_walks_meet_nothing_and_repeat_for_their_seed(family: str, walk: str) -> None:
    body = body_of(family, "train", 1)
    plan, again = (plan_walk(body, walk, 5, 160) for _ in range(2))
    assert np.array_equal(plan.keyboard, again.keyboard) and np.array_equal(plan.mouse, again.mouse)
    assert len(plan.keyboard) == (64 if walk == "idle" else 160)
    assert np.mean([stance.collided for stance in stances_of(body, plan)]) < 0.05


def test_revisiting_walks_see_places_again() -> None:
    body = body_of("park", "train", 2)
    for walk in ("out_and_back", "loop", "spin"):
        assert revisit_share(poses(body, plan_walk(body, walk, 1, 400))) > 0.15, walk


def test_standing_still_or_walking_straight_is_no_revisit() -> None:
    c2w = np.tile(np.eye(4), (200, 1, 1))
    assert revisit_share(c2w) == 0
    c2w[:, 2, 3] = np.arange(200) * 0.12
    assert revisit_share(c2w) == 0


def test_the_eight_keys_start_at_one_pose_and_stay_free() -> None:
    body = body_of("park", "test", 0)
    plans = [evaluation_plan(body, walk, 1) for walk in KEY_WALKS]
    assert len({plan.start for plan in plans}) == 1
    assert {len(plan.keyboard) for plan in plans} == {49}
    for plan in plans:
        assert not any(stance.collided for stance in stances_of(body, plan))
    assert evaluation_start(body, 0) != evaluation_start(body, 1)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("walk", ["out_and_back", "turn_and_back", "spin"])
def test_evaluation_walks_come_back_to_their_start(family: str, walk: str) -> None:
    body = body_of(family, "test", 1)
    track = poses(body, evaluation_plan(body, walk, 0))
    assert np.allclose(track[0], track[-1], atol=1e-6)


def test_unknown_walks_are_named() -> None:
    body = body_of("park", "test", 0)
    with pytest.raises(ValueError, match="unknown walk 'fly'"):
        plan_walk(body, "fly", 0, 10)
    with pytest.raises(ValueError, match="unknown evaluation walk 'fly'"):
        evaluation_plan(body, "fly", 0)
    assert "key_WL" in EVALUATION_WALKS


@pytest.mark.parametrize("family", ["office", "warehouse"])
@pytest.mark.parametrize("walk", ["loop", "spin", "idle"])
def test_walks_in_narrow_places_touch_nothing_and_nobody(family: str, walk: str) -> None:
    body = Body(build_scene(family, scene_seed(family, "train", 0, 0)), 16.0)
    plan = plan_walk(body, walk, 0, 320)
    assert not any(stance.collided for stance in body.follow(plan.start, plan.keyboard[:-1], plan.mouse[:-1]))


@pytest.mark.parametrize(("family", "index"), [("warehouse", 9), ("office", 12), ("market", 46), ("station", 78)])
def test_who_goes_out_and_back_starts_where_there_is_room(family: str, index: int) -> None:
    body = body_of(family, "train", index)
    assert reach_of(body, plan_walk(body, "out_and_back", 1, 160)) > 2


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_scene_has_room_for_a_walk(family: str) -> None:
    for index in range(3, 80, 20):
        body = body_of(family, "train", index)
        for plan in (plan_walk(body, "out_and_back", 1, 160), plan_agent_walk(body, "route", 1, 160)):
            assert reach_of(body, plan) > 2, f"{family} {index}"
