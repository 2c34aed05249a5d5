"""Metrics of walks: a spin covers little, out and back revisits, a wall makes stuck, variety is entropy."""

import numpy as np
import pytest

from engine.body import Body, Stance
from engine.explore.explorer import agent_start
from engine.explore.metrics import WalkMetrics, action_entropy, measure_walk, stuck_frames
from engine.explore.rays import RayField
from engine.explore.views import ViewGrid, ViewLog
from engine.walks import Actions, evaluation_start, hold, join
from tests.engine.explore.conftest import BodyOf


def measured(body: Body, start: Stance, actions: Actions) -> WalkMetrics:
    return measure_walk(body, [start, *body.follow(start, actions[0][:-1], actions[1][:-1])], *actions)


def long_way(body: Body) -> Stance:
    """A start from which 64 frames ahead are free."""
    for seed in range(200):
        start = agent_start(body, seed)
        if body.walks_free(start, *hold("W", 64), 1.0):
            return start
    raise AssertionError("no free way")


def test_a_spin_in_place_covers_less_than_a_walk_and_treads_almost_nothing(body_of: BodyOf) -> None:
    body = body_of("park")
    start = long_way(body)
    spin, walk = measured(body, start, hold("R", 480)), measured(body, start, join([hold("W", 64), hold("R", 416)]))
    assert spin.area_per_minute < walk.area_per_minute
    assert spin.trodden_per_minute < walk.trodden_per_minute / 3
    assert spin.stuck_share == 0


def test_out_and_back_revisits_and_straight_ahead_does_not(body_of: BodyOf) -> None:
    body = body_of("park")
    start = long_way(body)
    ahead = measured(body, start, hold("W", 64))
    back = measured(body, start, join([hold("W", 64), hold("R", 60, 0.2), hold("W", 64), hold("R", 60, 0.2), hold("W", 64)]))
    assert ahead.revisits_per_minute == 0
    assert back.revisits_per_minute > 3


def test_staying_before_one_view_and_swaying_count_nothing(body_of: BodyOf) -> None:
    body = body_of("park")
    start = evaluation_start(body, 0)
    assert measured(body, start, hold("none", 400)).revisits_per_minute == 0
    assert measured(body, start, join([hold("L", 8), hold("R", 8)] * 25)).revisits_per_minute == 0


def test_a_view_that_was_left_counts_once_when_it_is_back(body_of: BodyOf) -> None:
    body = body_of("park")
    start = evaluation_start(body, 0)
    look_away_and_back = join([hold("R", 60, 0.2), hold("none", 10), hold("L", 60, 0.2), hold("none", 40)])
    stances = [start, *body.follow(start, *look_away_and_back)]
    grid = ViewGrid(RayField(body.things), body.scene.half)
    log = ViewLog(grid)
    for stance in stances[::4]:
        log.add(stance.tick, grid.view(np.array(stance.place), stance.yaw))
    ends = [log.ticks[k] for k in log.revisits]
    assert any(tick > 100 for tick in ends) and len(ends) <= 3
    assert np.diff(log.ticks).max() == 4


def test_walking_against_a_wall_is_stuck_and_standing_still_is_not(body_of: BodyOf) -> None:
    keyboard, _ = hold("W", 40)
    blocked = np.zeros((40, 2))
    free = np.arange(40)[:, None] * np.array([[0.0, 0.1235]])
    assert stuck_frames(blocked, keyboard, 0.1235)[20:].all()
    assert not stuck_frames(free, keyboard, 0.1235).any()
    assert not stuck_frames(blocked, hold("none", 40)[0], 0.1235).any()


def test_entropy_is_zero_for_one_action_and_one_bit_for_two() -> None:
    assert action_entropy(*hold("W", 50)) == 0
    assert action_entropy(*join([hold("W", 50), hold("L", 50)])) == pytest.approx(1.0)
