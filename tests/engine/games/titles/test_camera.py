"""Camera conventions: every title's poses come out right, and back again."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.games.titles.camera import CameraConvention, c2w_from_game, game_from_c2w, intrinsics_from_fov
from engine.games.titles.profile import TITLES, load_title

ANGLES = st.tuples(st.floats(-85, 85), st.floats(-179, 179), st.floats(-60, 60))
PLACES = st.tuples(*[st.floats(-9000, 9000)] * 3)


def rotation_of(convention: CameraConvention, pitch: float, yaw: float, roll: float):
    """The numbers a title would report for a camera that has these angles in its own signs."""
    if convention.rotation == "euler":
        return np.array([{"pitch": pitch, "yaw": yaw, "roll": roll}[name] for name in convention.angles])
    p, y, r = np.radians([pitch, yaw, roll])  # right-handed, z up, y forward: yaw turns left, pitch looks up
    forward = np.array([-np.sin(y) * np.cos(p), np.cos(y) * np.cos(p), np.sin(p)])
    right = np.array([np.cos(y), np.sin(y), 0])
    up = np.cross(right, forward)
    return np.concatenate([forward, np.cos(r) * up + np.sin(r) * right])


@pytest.mark.parametrize("title", TITLES)
@given(place=PLACES, angles=ANGLES)
def test_poses_survive_the_round_trip(title: str, place, angles) -> None:
    convention = load_title(title).camera
    rotation = rotation_of(convention, *angles)
    c2w = c2w_from_game(convention, np.array(place), rotation)
    np.testing.assert_allclose(c2w[:3, :3] @ c2w[:3, :3].T, np.eye(3), atol=1e-9)
    assert np.linalg.det(c2w[:3, :3]) == pytest.approx(1)
    back_place, back_rotation = game_from_c2w(convention, c2w)
    np.testing.assert_allclose(back_place, place, atol=1e-6)
    np.testing.assert_allclose(back_rotation, rotation, atol=1e-6)


@pytest.mark.parametrize("title", TITLES)
def test_up_is_minus_y_and_a_metre_is_a_metre(title: str) -> None:
    convention = load_title(title).camera
    up = c2w_from_game(convention, np.array([0, 0, 1 / convention.metres_per_unit]), rotation_of(convention, 0, 0, 0))
    np.testing.assert_allclose(up[:3, 3], [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(up[:3, :3], np.eye(3), atol=1e-12)


@pytest.mark.parametrize("title", ["gta_v", "red_dead_redemption_2"])
@given(angles=ANGLES)
def test_rage_cameras_look_where_their_scripts_say(title: str, angles) -> None:
    pitch, yaw, roll = np.radians(angles)
    c2w = c2w_from_game(load_title(title).camera, np.zeros(3), np.degrees([pitch, roll, yaw]))
    direction = [-math.sin(yaw) * math.cos(pitch), math.cos(yaw) * math.cos(pitch), math.sin(pitch)]  # x east, y north, z up
    east, up, north = c2w[0, 2], -c2w[1, 2], c2w[2, 2]
    np.testing.assert_allclose([east, north, up], direction, atol=1e-9)


@pytest.mark.parametrize("title", ["palworld", "hogwarts_legacy"])
@given(angles=ANGLES)
def test_unreal_cameras_have_the_engines_axes(title: str, angles) -> None:
    (sp, sy, sr), (cp, cy, cr) = np.sin(np.radians(angles)), np.cos(np.radians(angles))
    forward = np.array([cp * cy, cp * sy, sp])
    right = np.array([sr * sp * cy - cr * sy, sr * sp * sy + cr * cy, -sr * cp])
    up = np.array([-(cr * sp * cy + sr * sy), cy * sr - cr * sp * sy, cr * cp])
    to_ours = np.array([[0, 1, 0], [0, 0, -1], [1, 0, 0]])
    c2w = c2w_from_game(load_title(title).camera, np.zeros(3), np.array(angles))
    np.testing.assert_allclose(c2w[:3, :3], to_ours @ np.stack([right, -up, forward], axis=1), atol=1e-9)


def test_turning_right_and_looking_up_are_the_same_in_every_title() -> None:
    for title in TITLES:
        convention = load_title(title).camera
        yaw = 30.0 if convention.positive_yaw == "right" and convention.rotation == "euler" else -30.0
        c2w = c2w_from_game(convention, np.zeros(3), rotation_of(convention, 20.0, yaw, 0.0))
        assert c2w[0, 2] > 0.4, title  # forward has gone right
        assert c2w[1, 2] < -0.3, title  # and up


def test_the_field_of_view_gives_square_pixels() -> None:
    horizontal, vertical = load_title("palworld").camera, load_title("gta_v").camera
    np.testing.assert_allclose(intrinsics_from_fov(horizontal, 90, 1280, 720), [640, 640, 640, 360])
    np.testing.assert_allclose(intrinsics_from_fov(vertical, 90, 1280, 720), [360, 360, 640, 360])
    with pytest.raises(ValueError, match="field of view 0"):
        intrinsics_from_fov(vertical, 0, 1280, 720)


def test_broken_rotations_are_named() -> None:
    axes = load_title("cyberpunk_2077").camera
    with pytest.raises(ValueError, match="3 numbers, the profile says 6"):
        c2w_from_game(axes, np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="do not span a plane"):
        c2w_from_game(axes, np.zeros(3), np.array([0, 1, 0, 0, 1, 0.0]))
    with pytest.raises(ValueError, match="three different axes"):
        CameraConvention(right="+x", up="+x", forward="+y", metres_per_unit=1, rotation="axes")
