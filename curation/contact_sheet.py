"""Contact sheets: what was rejected and accepted, to look at."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

LABEL = 15  # pixels of height under a picture
GAP = 4  # pixels between pictures


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One frame and the words under it."""

    rgb: NDArray[np.uint8]  # (H, W, 3)
    words: str


def draw_sheet(rows: Sequence[tuple[str, Sequence[Picture]]], columns: int, width: int = 168) -> bytes:
    """PNG of titled rows of pictures, each ``width`` pixels wide; titles stand above their row.

    Raises:
        ValueError: there is nothing to show.
    """
    if not rows or all(not pictures for _, pictures in rows):
        raise ValueError("a contact sheet needs at least one picture")
    shape = next(picture.rgb.shape for _, pictures in rows for picture in pictures)
    height = round(width * shape[0] / shape[1])
    cell = height + LABEL + GAP
    lines = [-(-len(pictures) // columns) for _, pictures in rows]
    sheet = Image.new("RGB", (columns * (width + GAP) + GAP, sum(18 + count * cell for count in lines) + GAP), "#f4f4f2")
    pen = ImageDraw.Draw(sheet)
    top = GAP
    for (title, pictures), count in zip(rows, lines, strict=True):
        pen.text((GAP, top), title, fill="#222222")
        for k, picture in enumerate(pictures):
            x, y = GAP + k % columns * (width + GAP), top + 18 + k // columns * cell
            sheet.paste(Image.fromarray(picture.rgb).resize((width, height), Image.Resampling.BILINEAR), (x, y))
            pen.text((x, y + height + 1), picture.words[: width // 6], fill="#444444")
        top += 18 + count * cell
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
