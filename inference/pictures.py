"""Pictures in and out: uploads cut to the model's size, frames as JPEG."""

import base64
import binascii
import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from inference.protocol import MAX_IMAGE_BYTES, ProtocolError

Picture = NDArray[np.uint8]  # (H, W, 3)

_MOST_PIXELS: Final = 16_000_000  # of an upload; decoding more would cost memory


def encode_jpeg(frame: Picture, quality: int) -> bytes:
    """Encode without chroma subsampling: at small sizes it smears colours."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def read_upload(text: str, width: int, height: int) -> Picture:
    """Decode an uploaded PNG or JPEG and cut its middle to the model's size.

    Raises:
        ProtocolError: it is no base64, too large, or no picture.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError("start.png is not base64") from None
    if len(data) > MAX_IMAGE_BYTES:
        raise ProtocolError(f"start.png has {len(data)} bytes; the most is {MAX_IMAGE_BYTES}")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise ProtocolError(f"start.png is {image.width}x{image.height}; the most is {_MOST_PIXELS} pixels")
            return fit_picture(image, width, height)
    except ProtocolError:
        raise
    except Exception:  # Pillow raises many kinds for damaged files
        raise ProtocolError("start.png is no readable PNG or JPEG") from None


def fit_picture(image: Image.Image, width: int, height: int) -> Picture:
    """Scale to cover WIDTHxHEIGHT and cut the middle out."""
    upright = ImageOps.exif_transpose(image).convert("RGB")
    return np.asarray(ImageOps.fit(upright, (width, height), Image.Resampling.LANCZOS), np.uint8)


def decode_png(data: bytes) -> Picture:
    """Pixels of a stored start image."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"), np.uint8)
