"""Pictures, prompts and outputs that a generation cannot begin with are refused in one line."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inference.released.start import (
    LARGEST,
    MULTIPLE,
    StartError,
    check_output,
    check_prompt,
    check_segments,
    nearest_size,
    read_start,
)
from infra.pictures import PictureError


def start(path: Path) -> tuple[np.ndarray, list[str]]:
    """The start picture and what was said of it."""
    said: list[str] = []
    return read_start(path, said.append), said


def test_a_picture_of_a_size_that_the_models_take_is_read_as_it_is(tmp_path):
    Image.new("RGB", (96, 64), (10, 200, 30)).save(tmp_path / "start.png")
    picture, said = start(tmp_path / "start.png")
    assert picture.shape == (64, 96, 3) and picture.dtype == "uint8" and picture[5, 7].tolist() == [10, 200, 30] and not said


@pytest.mark.parametrize(
    ("size", "made"),
    [
        ((1920, 1080), (1280, 704)),
        ((1280, 720), (1280, 704)),
        ((1080, 1920), (704, 1280)),
        ((640, 480), (640, 480)),
        ((100, 64), (96, 64)),
        ((1, 1), (32, 32)),
    ],
)
def test_the_size_of_a_screen_or_a_phone_is_fitted_and_that_is_said(tmp_path, size, made):
    Image.new("RGB", size, (10, 200, 30)).save(tmp_path / "start.png")
    picture, said = start(tmp_path / "start.png")
    assert picture.shape == (made[1], made[0], 3) and (picture == (10, 200, 30)).all()
    line = f"picture    start.png is {size[0]}x{size[1]}; scaled and cut to {made[0]}x{made[1]}, a size the models take"
    assert said == ([line] if made != size else [])


@settings(max_examples=60, deadline=None)
@given(width=st.integers(1, 9000), height=st.integers(1, 9000))
def test_a_fitted_size_is_one_that_the_models_take_near_the_picture_s_own(width, height):
    found = nearest_size(width, height)
    assert found[0] % MULTIPLE == found[1] % MULTIPLE == 0 and found[0] * found[1] <= LARGEST
    assert nearest_size(*found) == found
    if min(width, height) >= 256 and max(width, height) <= 3 * min(width, height):
        assert abs(np.log(found[0] * height / (found[1] * width))) < 0.12
        assert found[0] * found[1] > 0.85 * min(width * height, LARGEST)


def test_what_is_no_picture_is_named(tmp_path):
    with pytest.raises(PictureError, match=r"start\.png is missing"):
        start(tmp_path / "start.png")
    (tmp_path / "start.png").write_text("no picture")
    with pytest.raises(PictureError, match=r"start\.png cannot be read as a picture"):
        start(tmp_path / "start.png")


def test_empty_prompts_no_segments_and_impossible_outputs_are_refused(tmp_path):
    with pytest.raises(StartError, match="prompt is empty"):
        check_prompt(" \n")
    for segments in (0, -3):
        with pytest.raises(StartError, match="use 1 or more"):
            check_segments(segments)
    with pytest.raises(StartError, match=r"end it in \.mp4"):
        check_output(tmp_path / "walk.avi")
    with pytest.raises(StartError, match="make it first"):
        check_output(tmp_path / "none" / "walk.mp4")
    (tmp_path / "walk.mp4").mkdir()
    with pytest.raises(StartError, match="is a folder"):
        check_output(tmp_path / "walk.mp4")
