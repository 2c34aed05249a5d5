"""Pictures that a user brings, made what viewers show: upright, first frame, 8-bit sRGB, over white, bounded before decoding"""

import io
import warnings
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from infra.errors import WorldloomError

Picture = NDArray[np.uint8]  # (H, W, 3)

FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
BACKGROUND: Final = "white"  # behind what is transparent, as most viewers show it
MOST_PIXELS: Final = 64_000_000  # decoding more would cost gigabytes

_SRGB_GAMMA: Final = 0.45455  # as a PNG states it: light to the power of it is stored


class PictureError(WorldloomError, ValueError):
    """A picture cannot be read, in one line that names it and the fix."""


def read_picture(source: Path | bytes, name: str, most_pixels: int = MOST_PIXELS) -> Image.Image:
    """The picture of a file or of bytes, mode RGB.

    Raises:
        PictureError: ``name`` is missing, empty, damaged, too large, or no picture of ``FORMATS``.
    """
    if isinstance(source, Path) and not source.is_file():
        raise PictureError(f"{name} is {'no file' if source.exists() else 'missing'}; name a picture")
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size == 0:
        raise PictureError(f"{name} is empty; save the picture again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the bound here is lower
            opened = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
        with opened as image:
            if image.width * image.height > most_pixels:
                raise PictureError(_too_large(name, image.width, image.height, most_pixels))
            return as_shown(image)
    except (PictureError, PermissionError):
        raise
    except Image.DecompressionBombError:  # so large that Pillow does not tell its size
        raise PictureError(f"{name} is far larger than {most_pixels} pixels; resize it, for instance to 1920x1080") from None
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise PictureError(_unreadable(name, error)) from None


def as_shown(image: Image.Image) -> Image.Image:
    """The first frame as a viewer shows it, mode RGB: upright, in sRGB, over ``BACKGROUND``.

    Raises:
        PictureError: its numbers have no white: 32 bits or floating point.
    """
    image.load()
    profile, gamma = image.info.get("icc_profile"), image.info.get("gamma")
    upright = _eight_bit(ImageOps.exif_transpose(image))
    clear = upright.has_transparency_data
    alpha = upright.convert("RGBA").getchannel("A") if clear else None
    if upright.mode not in ("L", "CMYK", "LAB"):  # what a profile may speak of; palettes and transparency go first
        upright = upright.convert("RGBA").convert("RGB") if clear and upright.mode != "LA" else upright
        upright = upright.convert("L" if upright.mode == "LA" else "RGB")
    colours = _to_srgb(upright, profile) if profile else upright.convert("RGB")
    if not profile and "srgb" not in image.info and isinstance(gamma, float) and gamma > 0 and abs(gamma - _SRGB_GAMMA) > 0.01:
        colours = colours.point([round(255 * (value / 255) ** (_SRGB_GAMMA / gamma)) for value in range(256)] * 3)
    if alpha is None:
        return colours
    over = Image.new("RGB", colours.size, BACKGROUND)
    over.paste(colours, mask=alpha)
    return over


def fit_picture(image: Image.Image, width: int, height: int) -> Picture:
    """Scale to cover WIDTHxHEIGHT and cut the middle out; a picture of that size stays as it is."""
    fitted = image if image.size == (width, height) else ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    return np.array(fitted, np.uint8)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Numbers of 16 bits scaled to 8; Pillow's own conversion would cut them off at 255."""
    if image.mode.startswith("I;16"):
        return Image.fromarray(np.rint(np.asarray(image).astype(np.float32) / 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise PictureError(f"its numbers of 32 bits have no white that is known (mode {image.mode})")
    return image


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The colours that a profile means; one that is damaged or of another kind of picture says nothing."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image.convert("RGB")
    return converted if converted is not None else image.convert("RGB")


def _too_large(name: str, width: int, height: int, most: int) -> str:
    share = (most / (width * height)) ** 0.5
    fits = f"{max(1, int(width * share))}x{max(1, int(height * share))}"
    return f"{name} is {width}x{height}; the most is {most} pixels, resize it, for instance to {fits}"


def _unreadable(name: str, error: Exception) -> str:
    reason = " ".join(str(error).split()) if not isinstance(error, UnidentifiedImageError) else "it is of no known kind"
    kinds = ", ".join(FORMATS)
    return f"{name} cannot be read as a picture ({reason[:120]}); save it again as one of {kinds}"
