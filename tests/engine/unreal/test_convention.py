"""Unreal's poses and ours."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.unreal.convention import c2w_from_unreal, unreal_from_c2w, unreal_from_stance
from infra.dynamics import camera_to_world

angles = st.floats(-179, 179)
places = st.tuples(*[st.floats(-5000, 5000)] * 3)


@given(location=places, pitch=st.floats(-89, 89), yaw=angles, roll=angles)
def test_unreal_poses_round_trip(location: tuple[float, float, float], pitch: float, yaw: float, roll: float) -> None:
    there, rotation = unreal_from_c2w(c2w_from_unreal(np.array(location), np.array([pitch, yaw, roll])))
    assert np.allclose(there, location, atol=1e-6) and np.allclose(rotation, [pitch, yaw, roll], atol=1e-6)


@given(yaw=angles, roll=angles, sign=st.sampled_from([-90.0, 90.0]))
def test_cameras_that_look_straight_up_or_down_round_trip_as_matrices(yaw: float, roll: float, sign: float) -> None:
    c2w = c2w_from_unreal(np.zeros(3), np.array([sign, yaw, roll]))
    assert np.allclose(c2w_from_unreal(*unreal_from_c2w(c2w)), c2w, atol=1e-6)


@given(pitch=st.floats(-60, 60), yaw=angles, place=st.tuples(*[st.floats(-50, 50)] * 3))
def test_our_pitch_and_yaw_are_unreals(pitch: float, yaw: float, place: tuple[float, float, float]) -> None:
    ours = camera_to_world(np.array(place), np.array(pitch), np.array(yaw))
    assert np.allclose(c2w_from_unreal(*unreal_from_stance(np.array(place), pitch, yaw)), ours, atol=1e-12)


def test_a_metre_ahead_is_a_hundred_centimetres_along_unreals_x() -> None:
    c2w = c2w_from_unreal(np.array([100.0, 200.0, 160.0]), np.zeros(3))
    assert np.allclose(c2w[:3, 3], [2, -1.6, 1]) and np.allclose(c2w[:3, 2], [0, 0, 1])


def test_poses_are_right_handed_and_pitch_looks_up() -> None:
    c2w = c2w_from_unreal(np.zeros(3), np.array([30.0, 0.0, 0.0]))
    assert np.isclose(np.linalg.det(c2w[:3, :3]), 1) and np.isclose(c2w[1, 2], -0.5)
    assert np.isclose(c2w_from_unreal(np.zeros(3), np.array([0.0, 30.0, 0.0]))[0, 2], 0.5)
