"""What a generation starts from, checked before any weights are read: picture, prompt, output and sizes."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final

from infra.errors import WorldloomError
from infra.pictures import Picture, fit_picture, read_picture

MULTIPLE: Final = 32  # pixels of a token, each way
LARGEST: Final = 1280 * 704  # pixels that the published models are made for


class StartError(WorldloomError):
    """A generation cannot begin with what it was given."""


def read_start(path: Path, say: Callable[[str], None]) -> Picture:
    """The start picture (H, W, 3) as viewers show it, scaled and cut where its size is none of the models'; that is said.

    Raises:
        PictureError: the file is missing, damaged, too large to decode, or no picture.
    """
    image = read_picture(path, str(path))
    width, height = nearest_size(image.width, image.height)
    if (width, height) != image.size:
        say(f"picture    {path.name} is {image.width}x{image.height}; scaled and cut to {width}x{height}, a size the models take")
    return fit_picture(image, width, height)


def nearest_size(width: int, height: int) -> tuple[int, int]:
    """The size nearest to WIDTHxHEIGHT in shape and area that the models take; one that they take is its own."""
    area = min(width * height, LARGEST)

    def distance(size: tuple[int, int]) -> float:
        return abs(math.log(size[0] * height / (size[1] * width))) + abs(math.log(size[0] * size[1] / area))

    tokens = LARGEST // MULTIPLE**2
    sizes = ((x * MULTIPLE, y * MULTIPLE) for x in range(1, tokens + 1) for y in range(1, tokens // x + 1))
    return min(sizes, key=distance)


def check_prompt(prompt: str) -> None:
    """Refuse a prompt that says nothing; how long it may be the tokenizer knows.

    Raises:
        StartError: it is empty.
    """
    if not prompt.strip():
        raise StartError("the prompt is empty; say in a sentence what the picture shows")


def check_output(path: Path) -> None:
    """Refuse an output that could not be written once all is generated.

    Raises:
        StartError: it is no MP4 name, a folder, or in no folder.
    """
    if path.suffix.lower() != ".mp4":
        raise StartError(f"--out {path} is no MP4 name; end it in .mp4")
    if path.is_dir():
        raise StartError(f"--out {path} is a folder; name a file")
    if not path.parent.is_dir():
        raise StartError(f"no folder {path.parent} for --out; make it first")


def check_segments(segments: int) -> None:
    """Refuse a video without segments.

    Raises:
        StartError: fewer than one.
    """
    if segments < 1:
        raise StartError(f"--segments is {segments}; one segment is 57 frames and the least, use 1 or more")
