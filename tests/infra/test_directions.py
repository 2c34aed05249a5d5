"""Directions, the keys that ask for them and the way they lead agree."""

import numpy as np

from infra.directions import DIRECTIONS, UNIT, directions_of, keys_of
from infra.dynamics import walk_direction
from infra.schema.action import KEYS, UNKNOWN_KEY


def keyboard_of(numbers: np.ndarray) -> np.ndarray:
    keyboard = np.zeros((len(numbers), len(KEYS)), np.int8)
    keyboard[:, :4] = keys_of(numbers)
    return keyboard


def test_keys_and_directions_are_each_others_inverse_and_lead_where_the_unit_says():
    numbers = np.arange(len(DIRECTIONS))
    assert (directions_of(keyboard_of(numbers)) == numbers).all()
    assert np.allclose(walk_direction(keyboard_of(numbers)), UNIT)


def test_a_direction_is_called_after_the_keys_that_are_down():
    for name, row in zip(DIRECTIONS, keyboard_of(np.arange(len(DIRECTIONS))), strict=True):
        assert {key for key, down in zip(KEYS, row, strict=True) if down} == set(name.split()) - {"still"}


def test_opposite_keys_cancel_and_an_unknown_key_leaves_the_direction_unknown():
    keyboard = np.zeros((2, len(KEYS)), np.int8)
    keyboard[0, :2] = 1
    keyboard[1, 3] = UNKNOWN_KEY
    assert directions_of(keyboard).tolist() == [0, -1]
