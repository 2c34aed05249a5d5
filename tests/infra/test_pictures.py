"""Pictures of phones, scanners and editors become what viewers show, and what is no picture is refused in one line."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from infra.pictures import PictureError, fit_picture, read_picture

WIDTH, HEIGHT = 48, 72  # a portrait


def scene() -> Image.Image:
    """Sky above, ground below, red top left."""
    pixels = np.full((HEIGHT, WIDTH, 3), (120, 170, 230), np.uint8)
    pixels[HEIGHT // 2 :] = (90, 140, 60)
    pixels[:16, :24] = (220, 30, 30)
    return Image.fromarray(pixels)


def saved(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def seen(data: bytes) -> np.ndarray:
    image = read_picture(data, "start.png")
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


def png_of_16_bits(value: int, colour_type: int, channels: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + struct.pack(">H", value) * channels * WIDTH) * HEIGHT
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def swapped_profile() -> bytes:
    """A colour profile whose red is blue: that of sRGB with two entries of its table exchanged."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")


@pytest.mark.parametrize(
    ("orientation", "turn"), [(3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_90), (8, Image.Transpose.ROTATE_270)]
)
@pytest.mark.parametrize(("form", "options"), [("JPEG", {"quality": 95, "subsampling": 0}), ("PNG", {}), ("WEBP", {})])
def test_a_photograph_of_a_turned_phone_stands_upright(form, options, orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = seen(saved(scene().transpose(turn), form, exif=exif, **options))
    assert found.shape == (HEIGHT, WIDTH, 3) and np.abs(found - np.asarray(scene())).mean() < 6


@pytest.mark.parametrize("form", ["PNG", "GIF", "WEBP", "TIFF", "BMP", "JPEG"])
def test_every_format_shows_its_first_frame(form):
    more = {"save_all": True, "append_images": [Image.new("RGB", scene().size)]} if form in ("GIF", "WEBP", "TIFF", "PNG") else {}
    assert np.abs(seen(saved(scene(), form, **more)) - np.asarray(scene())).mean() < 6


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bits_a_channel_are_scaled_and_not_cut_off(colour_type, channels):
    for value, expected in ((0x80FF, 128), (0x1000, 16), (0xFFFF, 255)):
        found = seen(png_of_16_bits(value, colour_type, channels))
        over = expected if channels % 2 else expected * value / 65535 + 255 * (1 - value / 65535)
        assert np.abs(found - over).max() <= 2
    deep = np.linspace(0, 65535, WIDTH * HEIGHT).astype(np.uint16).reshape(HEIGHT, WIDTH)
    for form in ("PNG", "TIFF"):
        assert np.abs(seen(saved(Image.fromarray(deep), form)) - deep[..., None] / 257).max() <= 1


def test_print_colours_palettes_and_grey_keep_their_look():
    for mode in ("CMYK", "P", "L", "RGBA", "LA", "1"):
        form = "JPEG" if mode == "CMYK" else "PNG"
        picture = scene().convert(mode)
        assert np.abs(seen(saved(picture, form)) - np.asarray(picture.convert("RGB"))).mean() < 4, mode


def test_what_is_transparent_is_white_and_not_what_was_hidden_under_it():
    clear = scene().convert("RGBA")
    clear.putalpha(Image.fromarray(np.full((HEIGHT, WIDTH), 0, np.uint8)))
    assert (seen(saved(clear)) == 255).all()
    palette = scene().convert("P", palette=Image.Palette.ADAPTIVE)
    index = palette.getpixel((0, 0))
    found = seen(saved(palette, transparency=index))
    assert (found[:16, :24] == 255).all() and np.abs(found[16:] - np.asarray(scene())[16:]).max() < 10
    assert (seen(saved(Image.new("LA", (4, 4), (0, 128)))) == 127).all()


def test_a_colour_profile_and_a_gamma_are_obeyed_and_a_damaged_profile_says_nothing():
    red = Image.new("RGB", (8, 8), (200, 10, 10))
    assert seen(saved(red, icc_profile=swapped_profile()))[0, 0].argmax() == 2
    assert (
        np.abs(
            seen(saved(red, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()))[0, 0] - (200, 10, 10)
        ).max()
        <= 1
    )
    assert seen(saved(red, icc_profile=b"no profile"))[0, 0].tolist() == [200, 10, 10]
    clear = red.convert("RGBA")
    clear.putalpha(128)
    over = seen(saved(clear, icc_profile=swapped_profile()))[0, 0]
    assert over.argmax() == 2 and 120 < over[0] < 140
    linear = PngInfo()
    linear.add(b"gAMA", struct.pack(">I", 100_000))
    assert np.abs(seen(saved(Image.new("RGB", (4, 4), (55, 55, 55)), pnginfo=linear))[0, 0] - 127).max() <= 2


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "start.png is empty"),
        (b"no picture", "start.png cannot be read as a picture"),
        (saved(Image.effect_noise((96, 64), 80))[:2000], "cannot be read as a picture .*truncated.* save it again"),
        (saved(Image.new("F", (4, 4)), "TIFF"), "32 bits have no white"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "cannot be read as a picture"),
        (saved(Image.new("1", (9000, 9000))), "start.png is 9000x9000; the most is 64000000 pixels, resize it.* to 8000x8000"),
        (saved(Image.new("1", (20000, 20000))), "far larger than 64000000 pixels; resize it"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(tmp_path, data, says):
    (tmp_path / "start.png").write_bytes(data)
    for source in (data, tmp_path / "start.png"):
        with pytest.raises(PictureError, match=says) as caught:
            read_picture(source, "start.png")
        assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(PictureError, match=r"start\.png is missing"):
        read_picture(tmp_path / "none", "start.png")
    with pytest.raises(PictureError, match="is no file"):
        read_picture(tmp_path, "start.png")


def test_a_picture_of_the_right_size_is_not_touched_and_another_is_cut_in_its_middle():
    assert np.array_equal(fit_picture(scene(), WIDTH, HEIGHT), np.asarray(scene()))
    wide = Image.new("RGB", (300, 30))
    wide.paste((0, 255, 0), (100, 0, 200, 30))
    assert (fit_picture(wide, 30, 20) == (0, 255, 0)).all() and fit_picture(wide, 30, 20).flags.writeable
