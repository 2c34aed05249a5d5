"""Action response tells a model that follows from one that mirrors and one that ignores."""

import numpy as np

from inference.evaluate.actions import OPPOSITE, action_choice, action_response
from inference.evaluate.cases import BRANCHES

TRUTH = {walk: np.random.default_rng(i).integers(0, 256, (16, 16, 3), np.uint8) for i, walk in enumerate(BRANCHES)}


def test_truth_itself_answers_every_action() -> None:
    assert set(action_response(TRUTH, TRUTH).values()) == {1.0}
    assert set(action_choice(TRUTH, TRUTH).values()) == {1.0}


def test_a_mirrored_model_answers_none() -> None:
    mirrored = {walk: TRUTH[OPPOSITE[walk]] for walk in BRANCHES}
    assert set(action_response(mirrored, TRUTH).values()) == {0.0}
    assert set(action_choice(mirrored, TRUTH).values()) == {0.0}


def test_a_model_that_ignores_actions_scores_exactly_half_of_every_pair() -> None:
    same = np.random.default_rng(99).integers(0, 256, (16, 16, 3), np.uint8)
    scores = action_response(dict.fromkeys(BRANCHES, same), TRUTH)
    assert np.mean(list(scores.values())) == 0.5
    assert np.mean(list(action_choice(dict.fromkeys(BRANCHES, same), TRUTH).values())) == 1 / len(BRANCHES)


def test_random_pictures_score_near_chance() -> None:
    rng = np.random.default_rng(7)
    scores = []
    for _ in range(100):
        made = {walk: rng.integers(0, 256, (8, 8, 3), np.uint8) for walk in BRANCHES}
        truth = {walk: rng.integers(0, 256, (8, 8, 3), np.uint8) for walk in BRANCHES}
        scores += list(action_response(made, truth).values())
    assert abs(np.mean(scores) - 0.5) < 0.07


def test_walks_whose_renders_look_the_same_are_left_out() -> None:
    truth = TRUTH | {"key_S": TRUTH["key_W"]}
    assert {"key_W", "key_S"}.isdisjoint(action_response(TRUTH, truth))
