"""The marker that plugins draw into the picture: the frame's number as 24 black and white squares at the top left."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

CELLS: Final = 24
BITS: Final = 20
MODULUS: Final = 1 << BITS
CONTRAST: Final = 96  # of 255 between black and white cells; compression blurs them


def marker_cells(frame: int) -> NDArray[np.bool_]:
    """(24,): white, black, the number modulo 2^20 from its lowest bit on, whether its ones are odd, and the opposite."""
    bits = [bool(frame >> bit & 1) for bit in range(BITS)]
    odd = sum(bits) % 2 == 1
    return np.array([True, False, *bits, odd, not odd])


def draw_marker(rgb: NDArray[np.uint8], frame: int, cell: int) -> None:
    """Draw the marker into a picture (H, W, 3) in place, squares of ``cell`` pixels."""
    rgb[:cell, : CELLS * cell] = np.where(marker_cells(frame).repeat(cell)[None, :, None], 255, 0)


def read_marker(rgb: NDArray[np.uint8], cell: float) -> int | None:
    """The number that a picture (H, W, 3) shows modulo 2^20, or None where there is no whole marker."""
    if rgb.shape[0] < cell or rgb.shape[1] < CELLS * cell:
        return None
    middle = (np.arange(CELLS) + 0.5) * cell
    reach = max(1, int(cell / 4))
    rows = slice(max(0, int(cell / 2) - reach), int(cell / 2) + reach)
    levels = np.array([rgb[rows, max(0, int(x) - reach) : int(x) + reach].mean() for x in middle])
    white, black = levels[0], levels[1]
    if white - black < CONTRAST:
        return None
    cells = levels > (white + black) / 2
    bits = cells[2 : 2 + BITS]
    if cells[-2] == cells[-1] or bool(cells[-2]) != bool(bits.sum() % 2):
        return None
    return int((bits.astype(np.int64) << np.arange(BITS)).sum())


def unwrap(shown: int, near: int) -> int:
    """The frame number nearest to ``near`` that ends in ``shown``."""
    offset = (shown - near + MODULUS // 2) % MODULUS - MODULUS // 2
    return near + offset
