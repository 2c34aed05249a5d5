"""Uploads become pictures of the model's size, or one line."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from inference.pictures import decode_png, encode_jpeg, read_upload
from inference.protocol import MAX_IMAGE_BYTES, ProtocolError


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> str:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return base64.b64encode(buffer.getvalue()).decode()


def bands(width: int, height: int) -> Image.Image:
    """Red, green and blue thirds from left to right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for third in range(3):
        pixels[:, third * width // 3 : (third + 1) * width // 3, third] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
@pytest.mark.parametrize("size", [(48, 32), (96, 64), (24, 16), (300, 32), (32, 300), (1, 1)])
def test_any_size_is_cut_to_the_model_s(form, size):
    picture = read_upload(encoded(bands(*size), form), 48, 32)
    assert picture.shape == (32, 48, 3) and picture.dtype == np.uint8


def test_the_middle_of_a_wide_picture_is_kept():
    picture = read_upload(encoded(bands(480, 32)), 48, 32)
    assert (picture == (0, 255, 0)).all()


def test_transparency_palette_and_grey_are_read():
    for mode in ("RGBA", "P", "L", "1", "LA"):
        assert read_upload(encoded(bands(48, 32).convert(mode)), 48, 32).shape == (32, 48, 3)


def test_a_grey_upload_of_16_bits_does_not_turn_white():
    deep = Image.fromarray(np.linspace(0, 65535, 48 * 32).astype(np.uint16).reshape(32, 48))
    picture = read_upload(encoded(deep), 48, 32)
    assert picture[0, 0].max() == 0 and 120 < picture.mean() < 135


def test_a_turned_photograph_is_shown_upright():
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    picture = read_upload(encoded(bands(48, 32), "JPEG", quality=95, exif=exif), 48, 32)
    assert picture[16, 4].argmax() == 2 and picture[16, 43].argmax() == 0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("no base64!", "not base64"),
        ("", "start.png is empty"),
        (base64.b64encode(b"\x89PNG\r\n\x1a\n broken").decode(), "cannot be read as a picture"),
        (encoded(bands(48, 32))[:80], "cannot be read as a picture"),
        (base64.b64encode(bytes(MAX_IMAGE_BYTES + 1)).decode(), f"the most is {MAX_IMAGE_BYTES}"),
        (encoded(Image.new("1", (5000, 4000))), "the most is 16000000 pixels"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(text, named):
    with pytest.raises(ProtocolError, match=named) as caught:
        read_upload(text, 48, 32)
    assert "\n" not in str(caught.value)


def test_a_jpeg_of_a_frame_looks_like_it():
    pixels = np.asarray(bands(48, 32))
    with Image.open(io.BytesIO(encode_jpeg(pixels, 90))) as image:
        assert np.abs(np.asarray(image).astype(int) - pixels).mean() < 6
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    np.testing.assert_array_equal(decode_png(buffer.getvalue()), pixels)
