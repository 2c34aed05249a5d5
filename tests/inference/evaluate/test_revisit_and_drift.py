"""Coming back, and decaying on the way."""

import numpy as np
import pytest

from inference.evaluate.drift import drift, worst_window
from inference.evaluate.revisit import RevisitConfig, revisit_pairs, score_revisit
from infra.dynamics import DynamicsConfig, camera_to_world, integrate
from infra.schema.action import parse_action


def poses(*holds: tuple[str, int]) -> np.ndarray:
    rows = [parse_action(text) for text, frames in holds for _ in range(frames)]
    start = camera_to_world(np.zeros(3), np.array(0.0), np.array(0.0))
    walked = integrate(start, np.array([k for k, _ in rows]), np.array([m for _, m in rows]), DynamicsConfig())
    return np.concatenate([start[None], walked])


def test_out_and_back_pairs_mirrored_frames() -> None:
    pairs = revisit_pairs(poses(("W", 40), ("S", 40)), RevisitConfig(gap=20))
    assert pairs
    assert all(first + again == 80 for first, again in pairs)
    assert min(again - first for first, again in pairs) == 20


def test_a_walk_that_only_turns_away_shares_no_view() -> None:
    assert revisit_pairs(poses(("R", 40)), RevisitConfig(gap=10)) == []


def test_turning_and_turning_back_shares_views() -> None:
    assert (5, 75) in revisit_pairs(poses(("R", 40), ("L", 40)), RevisitConfig(gap=20))


def test_the_same_place_seen_the_other_way_is_not_the_same_view() -> None:
    assert revisit_pairs(poses(("W", 10), ("R", 120), ("W", 10)), RevisitConfig(gap=100)) == []


def test_a_world_that_changed_on_the_way_back_loses_on_back_and_itself_but_not_on_out() -> None:
    c2w = poses(("W", 40), ("S", 40))
    rng = np.random.default_rng(0)
    out = rng.integers(0, 256, (41, 8, 8, 3), np.uint8)
    truth = np.concatenate([out, out[-2::-1]])
    changed = truth.copy()
    changed[41:] = rng.integers(0, 256, (40, 8, 8, 3), np.uint8)
    good, bad = (score_revisit(made, truth, c2w, RevisitConfig(gap=20)) for made in (truth, changed))
    assert good.back == good.itself == good.truth_itself == 60
    assert bad.out == 60
    assert bad.back < 12 and bad.itself < 12
    assert good.path == pytest.approx(30 * 0.1235, abs=0.13)


def test_a_walk_without_a_revisit_is_an_error() -> None:
    black = np.zeros((20, 8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="shares no view"):
        score_revisit(black, black, poses(("W", 19)), RevisitConfig(gap=10))


def test_drift_sees_a_collapse_in_the_middle() -> None:
    steady, collapsed = np.full(100, 25.0), np.full(100, 25.0)
    collapsed[50:60] = 5.0
    assert drift(steady) == 0
    assert drift(collapsed) == pytest.approx(0.8)
    assert worst_window(collapsed) == (50, 60, 5.0)


def test_too_short_a_walk_has_no_drift() -> None:
    with pytest.raises(ValueError, match="too few"):
        drift(np.ones(9))
