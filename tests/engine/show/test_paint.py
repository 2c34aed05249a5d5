"""Depth and masks as colours: what they say can be seen."""

import numpy as np

from engine.show.paint import colour_of, css_of, greatest_things, paint_depth, paint_things


def test_near_is_painted_warmer_than_far_and_unknown_is_black() -> None:
    near, far, unknown = paint_depth(np.array([[1.0, 100.0, np.inf]], np.float32))[0].astype(int)
    assert near[0] - near[2] > far[0] - far[2] and not unknown.any()


def test_every_pixel_of_a_thing_has_its_colour() -> None:
    mask = np.array([[0, 7, 300, 7], [7, 65535, 0, 0]], np.uint16)
    painted = paint_things(mask)
    for number in np.unique(mask):
        assert (painted[mask == number] == np.round(np.array(colour_of(int(number))) * 255)).all()


def test_things_are_painted_apart_and_brighter_than_nothing() -> None:
    colours = 255 * np.array([colour_of(number) for number in range(1, 40)])
    assert len(np.unique(colours, axis=0)) == 39 and colours.max(axis=1).min() > 180 and css_of(colour_of(0)) == "#000000"
    assert np.abs(np.diff(colours, axis=0)).max(axis=1).min() > 80


def test_the_greatest_things_come_first_and_nothing_is_none() -> None:
    mask = np.array([[0, 0, 0, 5], [9, 9, 9, 5], [2, 0, 0, 0]], np.uint16)
    assert greatest_things(mask) == [9, 5, 2] and greatest_things(np.zeros((2, 2), np.uint16)) == []
    assert greatest_things(np.arange(1, 101, dtype=np.uint16).reshape(10, 10)) == list(range(1, 9))
