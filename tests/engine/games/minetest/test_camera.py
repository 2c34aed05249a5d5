"""Minetest's poses become ours and come back the same."""

import numpy as np
import pytest

from engine.games.minetest.camera import c2w_from_game, game_from_c2w, intrinsics_from_fov


@pytest.mark.parametrize("seed", range(5))
def test_position_and_direction_come_back_as_they_were(seed: int) -> None:
    rng = np.random.default_rng(seed)
    position, look = rng.normal(0, 100, 3), rng.normal(0, 1, 3)
    look /= np.linalg.norm(look)
    c2w = c2w_from_game(position, look)
    assert np.linalg.det(c2w[:3, :3]) == pytest.approx(1)
    back_position, back_look = game_from_c2w(c2w)
    assert back_position == pytest.approx(position)
    assert back_look == pytest.approx(look)


def test_up_in_the_game_is_up_in_ours_and_right_stays_right() -> None:
    c2w = c2w_from_game(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 1.0]))
    assert c2w == pytest.approx(np.array([[1, 0, 0, 1], [0, 1, 0, -2], [0, 0, 1, 3], [0, 0, 0, 1]]))
    looking_right = c2w_from_game(np.zeros(3), np.array([1.0, 0.0, 0.0]))
    assert looking_right[:3, 2] == pytest.approx([1, 0, 0])


def test_the_strip_that_is_cut_off_moves_the_centre_and_leaves_the_focal_length() -> None:
    whole = intrinsics_from_fov(72.0, 448, 264, 0)
    cut = intrinsics_from_fov(72.0, 448, 264, 8)
    assert cut == pytest.approx(whole - [0, 0, 0, 8])
    assert 2 * np.degrees(np.arctan(132 / whole[1])) == pytest.approx(72)
