"""Pictures, prompts and outputs that a generation cannot begin with are refused in one line."""

import pytest
from PIL import Image

from inference.released.start import StartError, check_output, check_prompt, check_segments, read_picture


def test_a_picture_is_read_as_it_is(tmp_path):
    Image.new("RGB", (96, 64), (10, 200, 30)).save(tmp_path / "start.png")
    picture = read_picture(tmp_path / "start.png")
    assert picture.shape == (64, 96, 3) and picture.dtype == "uint8" and picture[5, 7].tolist() == [10, 200, 30]


@pytest.mark.parametrize(
    ("mode", "size", "says"),
    [
        ("L", (96, 64), "mode L, not RGB; convert it"),
        ("RGBA", (96, 64), "mode RGBA, not RGB"),
        ("P", (96, 64), "mode P, not RGB"),
        ("RGB", (100, 64), "100x64 pixels; both sides must be multiples of 32, .* to 96x64"),
        ("RGB", (8, 8), "to 32x32"),
        ("RGB", (1920, 1088), "resize it to 1280x704"),
    ],
)
def test_a_picture_of_wrong_mode_or_size_is_refused(tmp_path, mode, size, says):
    Image.new(mode, size).save(tmp_path / "start.png")
    with pytest.raises(StartError, match=says):
        read_picture(tmp_path / "start.png")


def test_what_is_no_picture_is_named(tmp_path):
    with pytest.raises(StartError, match=r"start\.png is missing"):
        read_picture(tmp_path / "start.png")
    Image.effect_noise((96, 64), 80).convert("RGB").save(tmp_path / "whole.png")
    (tmp_path / "start.png").write_bytes((tmp_path / "whole.png").read_bytes()[:2000])
    with pytest.raises(StartError, match=r"start\.png cannot be read as a picture") as caught:
        read_picture(tmp_path / "start.png")
    assert "\n" not in str(caught.value)
    (tmp_path / "start.png").write_text("no picture")
    with pytest.raises(StartError, match="cannot be read as a picture"):
        read_picture(tmp_path / "start.png")


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
