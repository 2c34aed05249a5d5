"""What a generation starts from, checked before any weights are read: picture, prompt, output and sizes."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from infra.errors import WorldloomError

MULTIPLE: Final = 32  # pixels of a token, each way
LARGEST: Final = 1280 * 704  # pixels that the published models are made for


class StartError(WorldloomError):
    """A generation cannot begin with what it was given."""


def read_picture(path: Path) -> NDArray[np.uint8]:
    """The start picture (H, W, 3); the video has its size.

    Raises:
        StartError: the file is missing, damaged, not RGB, or of a size that the models do not take.
    """
    try:
        with Image.open(path) as picture:
            mode, (width, height) = picture.mode, picture.size
            _check_size(path, width, height)
            if mode != "RGB":
                raise StartError(f"{path} is a picture of mode {mode}, not RGB; convert it to 8-bit RGB")
            return np.asarray(picture).copy()
    except FileNotFoundError:
        raise StartError(f"picture {path} is missing; name one with --image") from None
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
        raise StartError(f"{path} cannot be read as a picture ({' '.join(str(error).split())}); save it again as PNG") from None


def _check_size(path: Path, width: int, height: int) -> None:
    found = f"{path} is {width}x{height} pixels"
    if width % MULTIPLE or height % MULTIPLE:
        near = f"{max(1, width // MULTIPLE) * MULTIPLE}x{max(1, height // MULTIPLE) * MULTIPLE}"
        raise StartError(f"{found}; both sides must be multiples of {MULTIPLE}, crop or resize it, for instance to {near}")
    if width * height > LARGEST:
        raise StartError(f"{found}; the models take up to {LARGEST} in all, resize it to 1280x704")


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
