"""A world that costs next to nothing to draw: a patterned ground under a patterned sky, with exact poses."""

import math
import time

import numpy as np

from infra.dynamics import camera_to_world

FOG_METRES = 14.0
EYE_METRES = 1.6
WALK_METRES = 1.5  # a second
SMOOTH_SECONDS = 0.12  # in which the camera follows the mouse, so that it moves at all times and lags show by fractions
FOCAL_SHARE = 0.7  # of the width


class PlainWorld:
    """A walker in it and what is seen. Drawing takes about 2 ms at 192x108, so that a busy machine still keeps time."""

    def __init__(self, width: int, height: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.focal = FOCAL_SHARE * width
        self._texture = _pattern(rng)
        v, u = np.mgrid[0:height, 0:width].astype(np.float32)
        self._rays = np.stack([(u + 0.5 - width / 2) / self.focal, (v + 0.5 - height / 2) / self.focal, np.ones_like(u)], -1)
        self._place, self._yaw, self._pitch = np.array([0.0, -EYE_METRES, 0.0]), 0.0, 0.0
        self._ahead, self._last = np.zeros(2), time.monotonic()

    def advance(self, keyboard: np.ndarray, degrees: np.ndarray) -> None:
        """As long as it is since the last time: keys walk, the mouse asks for (yaw, pitch) more degrees."""
        seconds, self._last = time.monotonic() - self._last, time.monotonic()
        turned = (self._ahead + degrees) * (1 - math.exp(-seconds / SMOOTH_SECONDS))
        self._ahead = self._ahead + degrees - turned
        self._yaw += float(turned[0])
        self._pitch = float(np.clip(self._pitch + turned[1], -30, 30))
        ahead, right = float(keyboard[0] - keyboard[1]), float(keyboard[3] - keyboard[2])
        sine, cosine = math.sin(math.radians(self._yaw)), math.cos(math.radians(self._yaw))
        self._place = self._place + WALK_METRES * seconds * np.array(
            [right * cosine + ahead * sine, 0, ahead * cosine - right * sine]
        )

    def c2w(self) -> np.ndarray:
        return camera_to_world(self._place, np.array(self._pitch), np.array(self._yaw))

    def draw(self) -> np.ndarray:
        """uint8 (H, W, 3)."""
        c2w = self.c2w().astype(np.float32)
        x, y, z = np.moveaxis(self._rays @ c2w[:3, :3].T, -1, 0)
        below = y > 1e-3
        metres = np.where(below, EYE_METRES / np.maximum(y, 1e-3), 0)
        across = np.where(below, (c2w[0, 3] + x * metres) / 4, np.degrees(np.arctan2(x, z)) / 9)
        along = np.where(below, (c2w[2, 3] + z * metres) / 4, np.degrees(np.arctan2(-y, np.hypot(x, z))) / 9)
        size = len(self._texture)
        colour = self._texture[(along * size / 8).astype(np.int32) % size, (across * size / 8).astype(np.int32) % size]
        fog = np.where(below, np.exp(-metres * np.hypot(x, z) / FOG_METRES), 1)[..., None]
        return (colour * fog + 110 * (1 - fog)).astype(np.uint8)


def _pattern(rng: np.random.Generator, size: int = 1024) -> np.ndarray:
    """Blotches of several sizes that repeat without a seam, float32 (N, N, 3)."""
    out = np.zeros((size, size, 3), np.float32)
    for cells in (16, 40, 100):
        noise = rng.uniform(-1, 1, (size, size, 3)).astype(np.float32)
        frequency = np.abs(np.fft.fftfreq(size))[:, None] ** 2 + np.fft.rfftfreq(size)[None] ** 2
        smooth = np.exp(-frequency * (size / cells) ** 2 * 8)[..., None]
        blurred = np.fft.irfft2(np.fft.rfft2(noise, axes=(0, 1)) * smooth, s=(size, size), axes=(0, 1))
        out += (blurred / blurred.std()).astype(np.float32)
    return np.clip(128 + 40 * out, 0, 255)
