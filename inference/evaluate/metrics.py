"""Image metrics on uint8 frames. All take (..., H, W, 3) and return one number a frame, (...)."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Frames8 = NDArray[np.uint8]
Array = NDArray[np.float64]

MAX_PSNR: Final = 60.0  # dB; equal frames score this, so that means stay finite
_WINDOW: Final = 11  # pixels, the usual SSIM window
_SIGMA: Final = 1.5  # pixels


def mean_square_error(generated: Frames8, truth: Frames8) -> Array:
    """Mean square error in squared grey levels (0..255 squared)."""
    _check_pair(generated, truth)
    difference = generated.astype(np.float32) - truth.astype(np.float32)
    return np.asarray(np.square(difference).mean((-3, -2, -1)), np.float64)


def psnr(generated: Frames8, truth: Frames8) -> Array:
    """Peak signal to noise ratio in dB, capped at ``MAX_PSNR``; a grey-level error of 1 everywhere gives 48.13 dB."""
    error = np.maximum(mean_square_error(generated, truth), 255.0**2 * 10 ** (-MAX_PSNR / 10))
    return np.asarray(10 * np.log10(255.0**2 / error), np.float64)


def ssim(generated: Frames8, truth: Frames8) -> Array:
    """Structural similarity of the luma, Gaussian window of 11 pixels, sigma 1.5, borders left out; 1 is equal."""
    _check_pair(generated, truth)
    x, y = luma(generated), luma(truth)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    top = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    bottom = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return np.asarray((top / bottom).mean((-2, -1)), np.float64)


def sharpness(generated: Frames8, truth: Frames8) -> Array:
    """Gradient energy as a share of the truth's: 1 is as sharp, 0 is a flat picture, above 1 is noisier than the truth."""
    _check_pair(generated, truth)
    return np.asarray(_gradient_energy(generated) / np.maximum(_gradient_energy(truth), 1e-9), np.float64)


def luma(frames: Frames8) -> NDArray[np.float32]:
    """Luma (BT.709) in grey levels, (..., H, W)."""
    return np.asarray(frames.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32), np.float32)


def _gradient_energy(frames: Frames8) -> Array:
    grey = luma(frames)
    down, across = np.diff(grey, axis=-2), np.diff(grey, axis=-1)
    return np.asarray(np.square(down).mean((-2, -1)) + np.square(across).mean((-2, -1)), np.float64)


def _blur(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gaussian-weighted means of every full window: (..., H, W) to (..., H - 10, W - 10)."""
    offsets = np.arange(_WINDOW) - _WINDOW // 2
    weights = np.exp(-(offsets**2) / (2 * _SIGMA**2)).astype(np.float32)
    weights /= weights.sum()
    height, width = image.shape[-2] - _WINDOW + 1, image.shape[-1] - _WINDOW + 1
    if height < 1 or width < 1:
        raise ValueError(f"frames of {image.shape[-1]}x{image.shape[-2]} pixels are smaller than the {_WINDOW} pixel window")
    rows = np.zeros((*image.shape[:-2], height, image.shape[-1]), np.float32)
    for i, weight in enumerate(weights):
        rows += weight * image[..., i : i + height, :]
    blurred = np.zeros((*image.shape[:-2], height, width), np.float32)
    for i, weight in enumerate(weights):
        blurred += weight * rows[..., i : i + width]
    return blurred


def _check_pair(generated: Frames8, truth: Frames8) -> None:
    if generated.shape != truth.shape or generated.shape[-1] != 3:
        raise ValueError(f"frames of shape {generated.shape} cannot be compared with {truth.shape}; both must be (..., H, W, 3)")
    if generated.dtype != np.uint8 or truth.dtype != np.uint8:
        raise ValueError(f"frames must be uint8, found {generated.dtype} and {truth.dtype}")
