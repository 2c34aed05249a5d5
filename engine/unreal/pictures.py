"""Pictures as UnrealCV sends them: BMP and PNG with four channels, depth as an npy file of centimetres."""

import io
import math
import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.unreal.wire import WireError

Body = bytes | memoryview
Rgb = NDArray[np.uint8]

BMP_MAGIC: Final = b"BM"
PNG_MAGIC: Final = b"\x89PNG"
NPY_MAGIC: Final = b"\x93NUMPY"
NPY_HEAD: Final = 256  # bytes; the header of an array of floats is shorter
SKY: Final = 65504.0  # cm; the largest half float, which is what the plugin's depth target holds where nothing is
_BMP: Final = struct.Struct("<2sIHHIIiiHHIIiiII")  # file header and BITMAPINFOHEADER, 54 bytes


def encode_bmp(rgb: Rgb) -> bytes:
    """(H, W, 3) to a BMP of 32-bit BGRA rows, the lowest row first."""
    return bmp_of(rgb[::-1, :, ::-1])


def bmp_of(pixels: NDArray[np.uint8]) -> bytes:
    """As ``encode_bmp``, of pixels (H, W, 3) that come in the file's own order: blue first, the lowest row first."""
    height, width, _ = pixels.shape
    data = np.empty(_BMP.size + width * height * 4, np.uint8)
    data[: _BMP.size] = np.frombuffer(_bmp_header(width, height), np.uint8)
    rows = data[_BMP.size :].reshape(height, width, 4)
    for channel in range(3):  # three strided copies are several times faster than one of pixels
        rows[..., channel] = pixels[..., channel]
    rows[..., 3] = 255
    return data.tobytes()


def picture_of_numbers(numbers: NDArray[np.uint16], colours: NDArray[np.uint32], kind: str) -> bytes:
    """A mask (H, W) as ``bmp`` or ``png``, each number in its colour 0xRRGGBB of ``colours`` (N + 1,)."""
    if kind == "png":
        picked = colours[numbers]
        return encode_png(np.stack([picked >> 16, picked >> 8, picked], -1).astype(np.uint8))
    height, width = numbers.shape
    data = np.empty(_BMP.size + width * height * 4, np.uint8)
    data[: _BMP.size] = np.frombuffer(_bmp_header(width, height), np.uint8)
    little = (colours | np.uint32(0xFF000000)).astype("<u4")  # blue, green, red, alpha in memory
    data[_BMP.size :] = little[numbers[::-1]].reshape(-1).view(np.uint8)
    return data.tobytes()


def numbers_of_picture(body: Body, table: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The inverse for a 32-bit BMP: ``table`` (2**24,) has the number of each colour 0xRRGGBB.

    Raises:
        WireError: it is something else.
    """
    pixels, upside_down = _bmp_rows(body)
    if pixels.shape[2] != 4:
        raise WireError("a mask of 24 bits a pixel; UnrealCV sends 32")
    packed = np.ascontiguousarray(pixels).view("<u4")[..., 0] & np.uint32(0xFFFFFF)
    return np.ascontiguousarray(table[packed][:: -1 if upside_down else 1])


def decode_bmp(body: Body) -> Rgb:
    """A BMP of 24 or 32 bits a pixel to (H, W, 3), whichever row it begins with.

    Raises:
        WireError: it is something else, or cut off.
    """
    pixels, upside_down = _bmp_rows(body)
    pixels = pixels[:: -1 if upside_down else 1]
    rgb = np.empty((*pixels.shape[:2], 3), np.uint8)
    for channel in range(3):  # three strided copies are several times faster than one reversed
        rgb[..., channel] = pixels[..., 2 - channel]
    return rgb


def _bmp_header(width: int, height: int) -> bytes:
    size = width * height * 4
    return _BMP.pack(b"BM", _BMP.size + size, 0, 0, _BMP.size, 40, width, height, 1, 32, 0, size, 0, 0, 0, 0)


def _bmp_rows(body: Body) -> tuple[NDArray[np.uint8], bool]:
    """Pixels (H, W, channels) in the order of the file, not copied, and whether the lowest row comes first."""
    if len(body) < _BMP.size or bytes(body[:2]) != BMP_MAGIC:
        raise WireError(f"expected a BMP, got {bytes(body[:20])!r}")
    fields = _BMP.unpack(body[: _BMP.size])
    start, width, tall, bits, packing = fields[4], fields[6], fields[7], fields[9], fields[10]
    height, channels = abs(tall), bits // 8
    row = (width * channels + 3) // 4 * 4
    if bits not in (24, 32) or packing not in (0, 3) or width <= 0 or len(body) < start + row * height:
        raise WireError(f"a BMP of {width}x{tall}, {bits} bits, packing {packing} and {len(body)} bytes cannot be read")
    rows = np.frombuffer(body, np.uint8, row * height, start).reshape(height, row)[:, : width * channels]
    return rows.reshape(height, width, channels), tall > 0


def encode_png(rgb: Rgb) -> bytes:
    """(H, W, 3) to a PNG with alpha."""
    out = io.BytesIO()
    Image.fromarray(rgb).convert("RGBA").save(out, "png")
    return out.getvalue()


def encode_depth(metres: NDArray[np.float32]) -> bytes:
    """(H, W) in metres, inf for sky, to npy bytes in centimetres. Ours is not rounded to half floats."""
    out = io.BytesIO()
    np.save(out, np.minimum(metres * np.float32(100), np.float32(SKY)))
    return out.getvalue()


def decode_depth(body: Body) -> NDArray[np.float32]:
    """Npy bytes of centimetres to metres (H, W), inf where there is nothing.

    Raises:
        WireError: it is no float array of two axes.
    """
    if bytes(body[:6]) != NPY_MAGIC:
        raise WireError(f"expected an npy file, got {bytes(body[:20])!r}")
    try:
        head = io.BytesIO(bytes(body[:NPY_HEAD]))
        old = np.lib.format.read_magic(head) == (1, 0)
        read_header = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
        shape, by_columns, kind = read_header(head)
        if kind.kind != "f" or by_columns or len(shape) not in (2, 3):
            raise WireError(f"depth of shape {shape} and type {kind}; expected (H, W) floats")
        depth = np.frombuffer(body, kind, math.prod(shape), head.tell()).reshape(shape)  # not copied
    except ValueError as error:
        raise WireError(f"a damaged npy file: {error}") from None
    centimetres = (depth[..., 0] if depth.ndim == 3 else depth).astype(np.float32, copy=False)
    metres: NDArray[np.float32] = centimetres / np.float32(100)
    metres[centimetres >= SKY] = np.inf
    return metres
