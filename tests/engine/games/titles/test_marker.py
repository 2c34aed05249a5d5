"""The marker in the picture: read back, also after scaling and compression, and never read where there is none."""

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.games.titles.marker import MODULUS, draw_marker, read_marker, unwrap


@given(st.integers(0, 2**40))
def test_numbers_are_read_back_modulo_2_to_20(frame: int) -> None:
    picture = np.full((40, 300, 3), 90, np.uint8)
    draw_marker(picture, frame, 8)
    assert read_marker(picture, 8) == frame % MODULUS


@given(st.integers(0, MODULUS - 1), st.integers(0, 100))
def test_numbers_survive_scaling_and_compression(frame: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 255, (360, 640, 3), dtype=np.uint8)
    draw_marker(picture, frame, 8)
    smaller = Image.fromarray(picture).resize((480, 270), Image.Resampling.BOX)
    smaller.save(packed := io.BytesIO(), "jpeg", quality=70)
    assert read_marker(np.array(Image.open(packed)), 6.0) == frame


@given(st.integers(0, 10_000))
def test_pictures_without_a_marker_are_not_read_as_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert read_marker(rng.integers(0, 255, (100, 300, 3), dtype=np.uint8), 8) is None
    assert read_marker(np.full((100, 300, 3), seed % 256, np.uint8), 8) is None
    assert read_marker(np.zeros((4, 20, 3), np.uint8), 8) is None


@given(st.integers(0, 2**40), st.integers(-1000, 1000))
def test_a_number_is_unwrapped_near_one_that_is_known(frame: int, off: int) -> None:
    assert unwrap(frame % MODULUS, frame + off) == frame
