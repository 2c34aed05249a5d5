"""Agents: they keep to the dynamics, repeat for their seed, and route following covers ground."""

import numpy as np
import pytest

from engine.explore.explorer import AGENTS, Explorer, agent_start, make_agent, plan_agent_walk, walk_with
from engine.explore.metrics import measure_walk
from engine.explore.surroundings import surroundings_of
from tests.engine.explore.conftest import BodyOf


@pytest.mark.parametrize("name", AGENTS)
def test_the_same_job_is_the_same_walk(name: str, body_of: BodyOf) -> None:
    body = body_of("rooms")
    first, second, other = (plan_agent_walk(body, name, seed, 240) for seed in (3, 3, 4))
    assert np.array_equal(first.keyboard, second.keyboard) and np.array_equal(first.mouse, second.mouse)
    assert first.start != other.start and first.start == second.start
    assert first.keyboard.shape == (240, 6) and first.mouse.shape == (240, 2)
    assert not first.keyboard[:, 4:].any() and np.abs(first.mouse).max() <= 0.2 + 1e-6


def test_a_plan_is_what_the_agent_does_in_closed_loop(body_of: BodyOf) -> None:
    body = body_of("park")
    plan = plan_agent_walk(body, "route", 1, 80)
    stances, again = walk_with(make_agent("route", surroundings_of(body), 1), body, agent_start(body, 1), 80)
    assert np.array_equal(plan.mouse, again.mouse)
    assert stances[1:] == body.follow(plan.start, plan.keyboard[:-1], plan.mouse[:-1])


def test_route_following_covers_more_than_the_random_walk_and_is_not_stuck(body_of: BodyOf) -> None:
    body = body_of("rooms", 1)
    around, start = surroundings_of(body), agent_start(body, 0)
    figures = {}
    for name in ("route", "random"):
        stances, plan = walk_with(make_agent(name, around, 0), body, start, 480)
        figures[name] = measure_walk(body, stances, plan.keyboard, plan.mouse)
    assert figures["route"].area_per_minute > figures["random"].area_per_minute
    assert figures["route"].stuck_share < 0.02


def test_an_unknown_agent_is_refused(body_of: BodyOf) -> None:
    with pytest.raises(ValueError, match="use one of policy, route, sweep, random"):
        make_agent("wise", surroundings_of(body_of("rooms")), 0)


def test_route_following_is_an_explorer_without_a_policy(body_of: BodyOf) -> None:
    assert isinstance(make_agent("route", surroundings_of(body_of("rooms")), 0), Explorer)
