"""Mask files: the 16-bit number of the thing that each pixel shows, stored without loss."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.video import VideoReader


class MaskReader(VideoReader):
    """Decodes masks by frame number: uint16 (N, H, W). Raises as ``VideoReader``."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, pixel_format="gray16le")

    def decode(self, indices: Sequence[int]) -> NDArray[np.uint16]:
        """Decode the frames at ``indices``, (N, H, W)."""
        numbers: NDArray[np.uint16] = super().decode(indices)
        return numbers

    def decode_range(self, start: int, stop: int) -> NDArray[np.uint16]:
        """Decode frames ``start`` to ``stop`` (half open), (N, H, W)."""
        numbers: NDArray[np.uint16] = super().decode_range(start, stop)
        return numbers
