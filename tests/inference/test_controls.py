"""What a player holds becomes rows of a segment: the newest action wins, and no turn is lost or exceeds its bound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.controls import Controls, ControlsConfig, spread
from inference.protocol import Action
from infra.dynamics import DynamicsConfig
from infra.schema import KEYS

FRAMES = 8
CONFIG = ControlsConfig()


@given(st.lists(st.tuples(st.integers(1, 20), st.sampled_from(KEYS)), max_size=12))
def test_the_newest_number_wins_however_late_the_others_come(sent):
    controls = Controls()
    for number, key in sent:
        controls.put(Action(number=number, keys=(key,)))
    taken = controls.take(FRAMES)
    assert taken.number == max((number for number, _ in sent), default=0)
    if sent:
        newest = next(key for number, key in sent if number == taken.number)
        assert taken.keyboard[:, KEYS.index(newest)].all() and taken.keyboard.sum() == FRAMES


def test_an_old_action_is_dropped_with_its_movement():
    controls = Controls()
    assert controls.put(Action(number=5))
    assert not controls.put(Action(number=5, mouse=(0.0, 1.0)))
    assert not controls.put(Action(number=2, keys=("back",), mouse=(0.0, 1.0)))
    taken = controls.take(FRAMES)
    assert taken.number == 5 and not taken.keyboard.any() and not taken.mouse.any()


def test_held_keys_go_on_and_movement_does_not():
    controls = Controls()
    controls.put(Action(number=1, keys=("forward", "right"), mouse=(0.0, 0.8)))
    first, second = controls.take(FRAMES), controls.take(FRAMES)
    assert first.mouse[:, 1] == pytest.approx(0.1)
    assert not second.mouse.any() and second.number == 1
    np.testing.assert_array_equal(first.keyboard, second.keyboard)
    assert first.keyboard[0].tolist() == [1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("key", "axis", "turned"), [("turn_right", 1, 0.1), ("turn_left", 1, -0.1), ("look_up", 0, 0.06), ("look_down", 0, -0.06)]
)
def test_turning_keys_turn_as_the_walks_of_the_embedded_world_did(key, axis, turned):
    controls = Controls()
    controls.put(Action(number=1, keys=(key,)))
    mouse = controls.take(FRAMES).mouse
    assert mouse[:, axis] == pytest.approx(turned) and not mouse[:, 1 - axis].any()


def test_opposite_turning_keys_cancel():
    controls = Controls()
    controls.put(Action(number=1, keys=("turn_left", "turn_right", "turn_left")))
    assert controls.take(FRAMES).mouse == pytest.approx(0)


def test_movement_between_two_segments_adds_up():
    controls = Controls()
    for number in range(1, 5):
        controls.put(Action(number=number, mouse=(0.1, -0.2)))
    assert controls.take(FRAMES).mouse.sum(0) == pytest.approx([0.4, -0.8])


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), max_size=6))
def test_no_frame_turns_more_than_the_most(moves):
    controls = Controls()
    for number, move in enumerate(moves, 1):
        controls.put(Action(number=number, keys=("turn_right", "look_up"), mouse=move))
    mouse = controls.take(FRAMES).mouse
    assert mouse.dtype == np.float32 and np.isfinite(mouse).all() and np.abs(mouse).max() <= np.float32(CONFIG.most)


@given(st.floats(-50, 50), st.integers(1, 40))
def test_a_spread_turn_is_whole_or_cut_or_waits(total, frames):
    rows, left = spread(total, frames, CONFIG.least, CONFIG.most)
    assert len(rows) == frames
    turned = rows[rows != 0]
    assert (np.abs(turned) >= min(CONFIG.least, abs(total)) - 1e-6).all()  # nothing falls into the dead zone
    assert CONFIG.least > DynamicsConfig().mouse_dead_zone
    if abs(total) <= CONFIG.most * frames:
        assert float(rows.sum()) + left == pytest.approx(total, abs=1e-4)
    else:
        assert left == 0 and np.abs(rows) == pytest.approx(CONFIG.most)


def test_small_movements_add_up_until_they_are_worth_a_turn():
    controls = Controls()
    turned = 0.0
    for number in range(1, 11):
        controls.put(Action(number=number, mouse=(0.0, 0.02)))
        turned += float(controls.take(FRAMES).mouse[:, 1].sum())
    assert turned == pytest.approx(0.2, abs=CONFIG.least)


def test_a_new_walk_forgets_what_the_mouse_moved_in_the_old_one_but_not_the_keys():
    controls = Controls()
    controls.put(Action(number=1, keys=("back",), mouse=(0.04, 30.0)))
    controls.forget_movement()
    taken = controls.take(FRAMES)
    assert not taken.mouse.any() and taken.keyboard[:, 1].all()
