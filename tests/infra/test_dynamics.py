import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from infra.dynamics import (
    DynamicsConfig,
    camera_to_world,
    displacement,
    integrate,
    pitch_and_yaw,
    turn,
    walk_direction,
    wrap_degrees,
)
from infra.schema import idle_actions, parse_action

CONFIG = DynamicsConfig()
STEP = CONFIG.step
START = camera_to_world(np.array([1.0, -1.6, 2.0]), np.array(0.0), np.array(0.0))
ANGLE = st.floats(-179, 179)
KEYBOARDS = arrays.arrays(np.int8, (20, 6), elements=st.integers(0, 1))
MICE = arrays.arrays(np.float32, (20, 2), elements=st.floats(-0.25, 0.25, width=32))


def walk(text: str, frames: int = 1) -> tuple[np.ndarray, np.ndarray]:
    keyboard, mouse = idle_actions(frames)
    keyboard[:], mouse[:] = parse_action(text)
    return keyboard, mouse


@pytest.mark.parametrize(("text", "moved"), [("W", (0, STEP)), ("S", (0, -STEP)), ("A", (-STEP, 0)), ("D", (STEP, 0))])
def test_each_key_moves_one_step_in_its_direction(text: str, moved: tuple[float, float]) -> None:
    after = integrate(START, *walk(text), CONFIG)[-1]
    assert np.allclose(after[[0, 2], 3] - START[[0, 2], 3], moved)
    assert after[1, 3] == START[1, 3]


@given(ANGLE, ANGLE)
def test_opposite_keys_cancel_whatever_the_direction(before: float, after: float) -> None:
    for text in ("W+S", "A+D", "W+S+A+D"):
        keyboard, _ = parse_action(text)
        assert np.allclose(displacement(keyboard, np.array(before), np.array(after), CONFIG), 0)


@given(KEYBOARDS)
def test_any_movement_is_one_step_long_or_none(keyboard: np.ndarray) -> None:
    lengths = np.linalg.norm(walk_direction(keyboard), axis=-1)
    assert np.logical_or(np.isclose(lengths, 1), lengths == 0).all()


@pytest.mark.parametrize("text", ["W+A", "W+D", "S+A", "S+D"])
def test_diagonals_are_as_long_as_straight_steps(text: str) -> None:
    moved = integrate(START, *walk(text), CONFIG)[-1][:3, 3] - START[:3, 3]
    assert np.linalg.norm(moved) == pytest.approx(STEP)


def test_a_tenth_of_a_mouse_unit_turns_one_and_a_half_degrees_right_and_up() -> None:
    assert np.allclose(turn(np.array([[0.1, 0.1]], np.float32), CONFIG), [[1.5, 1.5]])
    pitch, yaw = pitch_and_yaw(integrate(START, *walk("R+U"), CONFIG)[-1])
    assert np.allclose((pitch, yaw), 1.5)
    assert integrate(START, *walk("R"), CONFIG)[-1][0, 2] > 0  # looks towards +x
    assert integrate(START, *walk("U"), CONFIG)[-1][1, 2] < 0  # and up, against gravity


@pytest.mark.parametrize(("amount", "turned"), [(0.0199, 0.0), (0.02, 0.3), (-0.0199, 0.0), (-0.02, -0.3)])
def test_small_mouse_movements_turn_nothing(amount: float, turned: float) -> None:
    assert np.allclose(turn(np.array([amount, amount]), CONFIG), turned)


def test_a_step_follows_the_mean_of_the_old_and_the_new_yaw() -> None:
    keyboard, mouse = walk("W")
    mouse[0, 1] = 2.0  # 30 degrees
    moved = integrate(START, keyboard, mouse, CONFIG)[-1][:3, 3] - START[:3, 3]
    assert np.degrees(np.arctan2(moved[0], moved[2])) == pytest.approx(15)


def test_looking_up_does_not_lift_and_stops_at_the_limit() -> None:
    keyboard, mouse = walk("W+U", 100)
    poses = integrate(START, keyboard, mouse, CONFIG)
    assert (poses[:, 1, 3] == START[1, 3]).all()
    assert pitch_and_yaw(poses[-1])[0] == pytest.approx(CONFIG.max_pitch)
    assert np.linalg.norm(poses[-1, :3, 3] - START[:3, 3]) == pytest.approx(100 * STEP)


def test_a_walk_taken_back_ends_where_it_began() -> None:
    there = integrate(START, *walk("W+R", 30), CONFIG)[-1]
    back = integrate(there, *walk("S+L", 30), CONFIG)[-1]
    assert np.allclose(back, START)


@given(KEYBOARDS, MICE)
def test_walking_in_two_parts_is_walking_at_once(keyboard: np.ndarray, mouse: np.ndarray) -> None:
    mouse[:, 0] = 0  # the pitch limit is not the point here
    whole = integrate(START, keyboard, mouse, CONFIG)
    first = integrate(START, keyboard[:7], mouse[:7], CONFIG)
    rest = integrate(first[-1], keyboard[7:], mouse[7:], CONFIG)
    assert np.allclose(np.concatenate([first, rest]), whole)


@given(st.floats(-89, 89), ANGLE)
def test_pitch_and_yaw_come_back_from_a_pose(pitch: float, yaw: float) -> None:
    c2w = camera_to_world(np.zeros(3), np.array(pitch), np.array(yaw))
    assert np.allclose(pitch_and_yaw(c2w), (pitch, yaw), atol=1e-6)
    assert np.allclose(c2w[:3, :3] @ c2w[:3, :3].T, np.eye(3))
    assert np.linalg.det(c2w[:3, :3]) == pytest.approx(1)
    assert abs(c2w[1, 0]) < 1e-12  # no roll: the right axis stays level


def test_unknown_keys_move_nothing() -> None:
    assert (walk_direction(np.full((2, 6), -1, np.int8)) == 0).all()


def test_jump_and_interact_do_not_walk() -> None:
    assert np.allclose(integrate(START, *walk("J+E"), CONFIG)[-1], START)


@given(st.floats(-1e4, 1e4), st.integers(-20, 20))
def test_an_angle_is_the_same_after_whole_turns(degrees: float, turns: int) -> None:
    wrapped = wrap_degrees(degrees)
    assert -180 <= wrapped <= 180
    apart = abs(wrap_degrees(degrees + 360 * turns) - wrapped)
    assert min(apart, 360 - apart) < 1e-6  # either side of the seam is the same direction
