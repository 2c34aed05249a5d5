"""The few textures of the embedded worlds: coarse patterns of high contrast, made from arithmetic.

Coarse on purpose: a small autoencoder must be able to keep them, and a player must be able to tell them apart.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SIZE: Final = 64  # texels a side
TEXTURES: Final = (
    "plain",
    "stripes",
    "bands",
    "checker",
    "brick",
    "planks",
    "hedge",
    "diagonal",
    "dots",
    "roof",
    "stone",
    "window",
    "glow",
    "pane",
    "lit_pane",
    "daylight",
    "leaves",
    "tiles",
    "plaster",
    "concrete",
    "metal",
    "cobbles",
    "books",
    "bark",
    "glass",
    "shop",
    "masonry",
)  # the first twelve keep their places: scenes that exist must look the same
PLAIN_LAYERS: Final = ("plain", "glow", "daylight")

Image = NDArray[np.uint8]  # (SIZE, SIZE, 3)


def paint_textures() -> NDArray[np.uint8]:
    """Paint all textures, (layers, SIZE, SIZE, 3) in the order of ``TEXTURES``; they multiply the object's colour."""
    v, u = (np.mgrid[0:SIZE, 0:SIZE] + 0.5) / SIZE
    rng = np.random.default_rng(7)
    layers = {
        "plain": np.ones_like(u),
        "stripes": np.where((u * 4) % 2 < 1, 1.0, 0.42),
        "bands": np.where((v * 2) % 2 < 1, 1.0, 0.40),
        "checker": np.where(((u * 4).astype(int) + (v * 4).astype(int)) % 2 == 0, 1.0, 0.38),
        "brick": _brick(u, v),
        "planks": _planks(u, v),
        "hedge": _blotches(rng, 0.80, 1.10),
        "diagonal": np.where(((u + v) * 3) % 2 < 1, 1.0, 0.34),
        "dots": np.where(np.hypot((u * 2) % 1 - 0.5, (v * 2) % 1 - 0.5) < 0.3, 0.40, 1.0),
        "roof": 0.72 + 0.28 * ((v * 6) % 1),
        "stone": _stone(u, v, rng),
    }
    layers |= _more_layers(u, v, np.random.default_rng(8))
    images = {name: np.repeat(value[..., None], 3, -1) for name, value in layers.items()}
    images["window"] = _window(u, v)
    images["books"] = _books(u, v, np.random.default_rng(9))
    images["shop"] = _shop(u, v)
    stacked = np.stack([images[name] for name in TEXTURES])
    return np.asarray(np.clip(stacked * 215, 0, 255), np.uint8)


def _more_layers(u: NDArray[np.float64], v: NDArray[np.float64], rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Layers of the later families; of ``PLAIN_LAYERS`` only the light differs."""
    cross = (abs(u * 2 % 1 - 0.5) < 0.06) | (abs(v * 2 % 1 - 0.5) < 0.06)
    seam = (u < 0.04) | (v < 0.04)
    round_u, round_v = (u * 4 + 0.5 * ((v * 4).astype(int) % 2)) % 1 - 0.5, (v * 4) % 1 - 0.5
    return {
        "glow": np.ones_like(u),
        "daylight": np.ones_like(u),
        "pane": np.where(cross, 1.3, 0.9 + 0.25 * (u + v < 0.7)),
        "lit_pane": np.where(cross, 0.75, 1.0),
        "leaves": _blotches(rng, 0.62, 1.14),
        "tiles": np.where((v * 5) % 1 < 0.16, 0.62, 0.85 + 0.15 * np.cos((u * 5 + 0.5 * ((v * 5).astype(int) % 2)) * 2 * np.pi)),
        "plaster": _blotches(rng, 0.90, 1.06),
        "concrete": np.where(seam, 0.68, _blotches(rng, 0.86, 1.06)),
        "metal": 0.86 + 0.16 * np.sin(u * 8 * 2 * np.pi),
        "cobbles": np.where(np.hypot(round_u, round_v) > 0.46, 0.62, _blotches(rng, 0.84, 1.08)),
        "bark": np.where((u * 6 + 0.3 * np.sin(v * 6.3)) % 1 < 0.3, 0.62, 1.0) * np.where((v * 4) % 1 < 0.08, 0.8, 1.0),
        "glass": np.where((u * 2 % 1 < 0.06) | (v * 2 % 1 < 0.06), 0.55, 0.9 + 0.3 * ((u * 2 + v * 2) % 2 < 0.5)),
        "masonry": _masonry(u, v),
    }


def _masonry(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared stone blocks, two courses a tile."""
    row = (v * 2).astype(int)
    along = u * 1 + 0.5 * row
    shade = np.array([[1.0, 0.86], [0.9, 1.06]])[row % 2, (along * 2).astype(int) % 2]
    return np.where(((v * 2) % 1 < 0.07) | ((along * 2) % 1 < 0.05), 0.6, shade)


def _books(u: NDArray[np.float64], v: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Two boards of book spines in eight colours."""
    spines = rng.uniform(0.35, 1.1, (2, 10, 3))
    row, column = (v * 2).astype(int), (u * 10).astype(int)
    image = spines[row, column]
    image[(v * 2) % 1 > 0.86] = 0.8
    image[((v * 2) % 1 < 0.18) & ((column + row) % 3 > 0)] = 0.25
    return np.asarray(image)


def _shop(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """A striped awning over a dark window: the front of a shop, one tile a storey."""
    image = np.ones((*u.shape, 3))
    image[(v > 0.22) & (abs(u - 0.5) < 0.44) & (v < 0.86)] = (0.28, 0.38, 0.46)
    image[(v < 0.22) & ((u * 8).astype(int) % 2 == 0)] = (1.1, 1.1, 1.1)
    image[(v < 0.22) & ((u * 8).astype(int) % 2 == 1)] = (0.6, 0.6, 0.6)
    return image


def _brick(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    row = (v * 4).astype(int)
    along = u * 2 + 0.5 * (row % 2)
    mortar = ((v * 4) % 1 < 0.14) | (along % 1 < 0.07)
    shade = 0.86 + 0.14 * (((along.astype(int) % 2) * 7 + row * 3) % 4) / 3
    return np.where(mortar, 1.25, shade * 0.82)


def _planks(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    board = (u * 4).astype(int)
    gap = (u * 4) % 1 < 0.12
    return np.where(gap, 0.42, np.array([1.0, 0.84, 0.94, 0.76])[board % 4])


def _stone(u: NDArray[np.float64], v: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    shades = 0.72 + 0.33 * rng.random((3, 3))
    row = (v * 3).astype(int)
    column = ((u + 0.17 * row) * 3).astype(int) % 3
    seam = ((v * 3) % 1 < 0.12) | (((u + 0.17 * row) * 3) % 1 < 0.12)
    return np.where(seam, 0.55, shades[row, column])


def _blotches(rng: np.random.Generator, low: float, high: float) -> NDArray[np.float64]:
    """Soft tileable noise with about four blotches a side."""
    spectrum = np.fft.fft2(rng.standard_normal((SIZE, SIZE)))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIZE) * SIZE, np.fft.fftfreq(SIZE) * SIZE))
    soft = np.fft.ifft2(spectrum * ((frequency > 1) & (frequency < 5))).real
    soft = np.clip(soft / soft.std() * 0.5, -1, 1)
    return np.asarray(low + (high - low) * (soft * 0.5 + 0.5))


def _window(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """A wall with one window a tile: the frame takes the wall's colour, the pane is dark blue."""
    pane = (abs(u - 0.5) < 0.22) & (abs(v - 0.45) < 0.22)
    bar = (abs(u - 0.5) < 0.03) | (abs(v - 0.45) < 0.03)
    frame = (abs(u - 0.5) < 0.28) & (abs(v - 0.45) < 0.28)
    image = np.where(frame, 1.15, 0.9)[..., None] * np.ones(3)
    image[pane & ~bar] = (0.22, 0.32, 0.5)
    return image
