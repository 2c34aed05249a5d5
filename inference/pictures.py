"""Pictures in and out: uploads cut to the model's size, frames as JPEG."""

import base64
import binascii
import io
from typing import Final

import numpy as np
from PIL import Image

from inference.protocol import MAX_IMAGE_BYTES, ProtocolError
from infra.pictures import Picture, PictureError, fit_picture, read_picture

_MOST_PIXELS: Final = 16_000_000  # of an upload; decoding more would cost memory


def encode_jpeg(frame: Picture, quality: int) -> bytes:
    """Encode without chroma subsampling: at small sizes it smears colours."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def read_upload(text: str, width: int, height: int) -> Picture:
    """Decode an uploaded picture and cut its middle to the model's size.

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
        return fit_picture(read_picture(data, "start.png", _MOST_PIXELS), width, height)
    except PictureError as error:
        raise ProtocolError(str(error)) from None


def decode_png(data: bytes) -> Picture:
    """Pixels of a stored start image."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"), np.uint8)
