"""Depth and masks as colours for the eye."""

import colorsys
import functools
from typing import Final

import matplotlib
import numpy as np
from numpy.typing import NDArray

from infra.depth import FARTHEST, NEAREST

LISTED: Final = 8  # things that a frame names


def paint_depth(depth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour metres (H, W) by their logarithm: near is warm, far is cold, unknown is black; returns (H, W, 3)."""
    known = np.isfinite(depth)
    metres = np.clip(np.where(known, depth, FARTHEST), NEAREST, FARTHEST)
    part = 1 - np.log(metres / NEAREST) / np.log(FARTHEST / NEAREST)
    colours = matplotlib.colormaps["turbo"](part)[..., :3]
    painted: NDArray[np.uint8] = (np.where(known[..., None], colours, 0.0) * 255).astype(np.uint8)
    return painted


def paint_things(mask: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Give each number of a mask (H, W) its colour, black to 0; returns (H, W, 3)."""
    colours = np.array([colour_of(number) for number in range(int(mask.max()) + 1)])
    painted: NDArray[np.uint8] = np.round(colours * 255).astype(np.uint8)[mask]
    return painted


def css_of(colour: tuple[float, float, float]) -> str:
    """A colour, each part from 0 to 1, as a page writes it."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)


@functools.cache
def colour_of(number: int) -> tuple[float, float, float]:
    """RGB of a thing, each from 0 to 1.

    Hue and saturation go round in steps that leave no two small numbers near in both (the R2 sequence).
    """
    if number == 0:
        return 0.0, 0.0, 0.0
    hue, saturation = number * 0.7548776662 % 1, 0.35 + 0.6 * (number * 0.5698402910 % 1)
    return colorsys.hsv_to_rgb(hue, saturation, 1 - 0.25 * (number % 2))


def greatest_things(mask: NDArray[np.uint16]) -> list[int]:
    """Numbers of the things that cover most pixels of a mask (H, W), greatest first, at most ``LISTED``."""
    pixels = np.bincount(mask.ravel())
    pixels[0] = 0
    return [int(number) for number in np.argsort(-pixels, kind="stable")[:LISTED] if pixels[number]]
