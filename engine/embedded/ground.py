"""Surfaces of the ground: what a lawn, a street, cobbles or the sea look like from above, under light and weather."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from engine.embedded.mesh import towards_sun
from engine.scenes.scene import COLOURS, Colour, Patch, Scene

Array = NDArray[np.float64]

SURFACES: Final[dict[str, Colour]] = {
    "lawn": (0.38, 0.58, 0.24),
    "meadow": (0.46, 0.60, 0.26),
    "forest": (0.34, 0.37, 0.20),
    "dirt": (0.58, 0.46, 0.32),
    "sand": (0.86, 0.76, 0.56),
    "gravel": (0.66, 0.63, 0.57),
    "asphalt": (0.33, 0.34, 0.36),
    "pavement": (0.68, 0.67, 0.64),
    "cobbles": (0.62, 0.58, 0.53),
    "flagstones": (0.72, 0.66, 0.56),
    "concrete": (0.66, 0.66, 0.64),
    "water": (0.18, 0.42, 0.56),
    "planks": (0.60, 0.45, 0.30),
    "tiles": (0.86, 0.86, 0.84),
    "carpet": (0.46, 0.52, 0.60),
    "parquet": (0.66, 0.48, 0.30),
    "ballast": (0.46, 0.42, 0.39),
    "paint": (0.93, 0.92, 0.88),
    "steel": (0.62, 0.62, 0.64),
}
"""Surface to its colour at noon in summer."""
GREEN: Final = ("lawn", "meadow", "forest")
SEASON_GREEN: Final[dict[str, tuple[Colour, float]]] = {
    "spring": ((0.46, 0.70, 0.28), 0.5),
    "summer": ((0.38, 0.58, 0.24), 0.0),
    "autumn": ((0.66, 0.50, 0.22), 0.6),
    "winter": ((0.62, 0.60, 0.50), 0.7),
}
LAMP_REACH: Final = 10.5  # metres; what is left of a lamp's light beyond is no grey level


def surface_colour(surface: str, season: str, snow: float) -> Colour:
    """The mean colour of a surface in a season, under so much snow."""
    colour = np.array(SURFACES[surface])
    if surface in GREEN and season:
        other, share = SEASON_GREEN[season]
        colour = colour + (np.array(other) - colour) * share
    if surface != "water":
        colour = colour + (np.array([0.93, 0.95, 0.99]) - colour) * snow * (0.55 if surface in ("asphalt", "paint") else 0.9)
    red, green, blue = (float(channel) for channel in colour)
    return (red, green, blue)


def paint_surfaces(scene: Scene, reach: float, size: int, shadow: Array) -> Array:
    """The whole ground of a scene with named surfaces, (size, size, 3) 0..1; ``shadow`` (size, size) is where no sun falls."""
    axis = (np.arange(size) + 0.5) / size * 2 * reach - reach
    x, z = np.meshgrid(axis, axis)
    rng = np.random.default_rng([scene.seed, 4])
    noise = _noise(rng, size, 40) * 0.6 + _noise(rng, size, 160) * 0.4
    image = _surface(scene.ground, scene, x, z, noise)
    if scene.paths:
        cover = _ways_mask(scene, reach, size)[..., None]
        image = image * (1 - cover) + _surface("sand" if scene.ground == "lawn" else "dirt", scene, x, z, noise) * cover
    for patch in scene.patches:
        _lay(image, patch, scene, (x, z, noise), reach)
    if scene.light.wet:
        _puddle(image, scene, rng, size)
    if scene.ceiling:
        return np.asarray(image * np.array(scene.light.ambient) * 1.15)
    sun = np.array(scene.light.sun) * np.sin(np.radians(scene.light.elevation))
    lit = np.array(scene.light.ambient) * (1 - 0.45 * scene.light.shadow * shadow[..., None]) + sun * (1 - shadow[..., None])
    return np.asarray(image * (lit + _lamp_pools(scene, axis)))


def _lay(image: Array, patch: Patch, scene: Scene, field: tuple[Array, Array, Array], reach: float) -> None:
    """Cover one patch of the picture, in place."""
    size = len(image)
    yaw = np.radians(patch.yaw)
    far = np.abs([[np.cos(yaw), np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]) @ np.array(patch.size) / 2 + 0.2
    low = np.floor((np.array(patch.centre) - far + reach) / (2 * reach) * size).astype(int).clip(0, size)
    high = np.ceil((np.array(patch.centre) + far + reach) / (2 * reach) * size).astype(int).clip(0, size)
    if (high <= low).any():
        return
    part = (slice(low[1], high[1]), slice(low[0], high[0]))
    x, z, noise = (values[part] for values in field)
    dx, dz = x - patch.centre[0], z - patch.centre[1]
    along = dx * np.cos(yaw) - dz * np.sin(yaw)
    across = dx * np.sin(yaw) + dz * np.cos(yaw)
    inside = (np.abs(along) < patch.size[0] / 2) & (np.abs(across) < patch.size[1] / 2)
    drawn = _surface(patch.surface, scene, along + 100, across + 100, noise)
    if patch.colour:
        drawn = drawn * np.array(COLOURS[patch.colour]) / np.array(SURFACES[patch.surface])
    view = image[part]
    view[inside] = drawn[inside]


def _surface(surface: str, scene: Scene, x: Array, z: Array, noise: Array) -> Array:
    """One surface everywhere, (H, W, 3): its colour times a pattern in metres."""
    colour = np.array(surface_colour(surface, scene.season, scene.light.snow))
    pattern = 1 + (_pattern(surface, x, z, noise) - 1) * (1 - 0.7 * scene.light.snow * (surface != "water"))
    return np.asarray(np.clip(pattern, 0.3, 1.4)[..., None] * colour)


def _pattern(surface: str, x: Array, z: Array, noise: Array) -> Array:
    """Light and dark of a surface around 1, from metres ``x``, ``z`` and noise in -1..1."""
    match surface:
        case "lawn":
            return np.asarray(1 + 0.10 * np.clip(np.sin((x + 0.35 * z) * np.pi / 2.5) * 3, -1, 1) + 0.10 * noise)
        case "meadow" | "forest":
            return 1 + 0.30 * noise
        case "pavement" | "flagstones":
            wide = 1.0 if surface == "pavement" else 1.6
            seam = ((x / wide) % 1 < 0.06) | ((z / wide) % 1 < 0.06)
            odd = (np.floor(x / wide) * 3 + np.floor(z / wide) * 5) % 4 / 4
            return np.where(seam, 0.72, 0.92 + 0.14 * odd) + 0.04 * noise
        case "tiles":
            return np.where((np.floor(x) + np.floor(z)) % 2 == 0, 1.0, 0.84)
        case "carpet":
            return np.where((np.floor(x / 2) + np.floor(z / 2)) % 2 == 0, 1.0, 0.88) + 0.03 * noise
        case "parquet" | "planks":
            wide = 0.25 if surface == "parquet" else 0.5
            board = np.floor(x / wide)
            return np.where((x / wide) % 1 < 0.12, 0.72, 0.9 + 0.16 * ((board * 7) % 5) / 5) + 0.04 * noise
        case "cobbles":
            row = np.floor(z / 0.5)
            gap = np.maximum(np.abs((x / 0.5 + 0.5 * (row % 2)) % 1 - 0.5), np.abs((z / 0.5) % 1 - 0.5)) > 0.42
            return np.where(gap, 0.74, 1.02) + 0.12 * noise
        case "water":
            return np.asarray(1 + 0.16 * np.sin(x * 1.3 + 2 * noise) * np.sin(z * 2.1 + noise) + 0.06 * noise)
        case "concrete":
            return np.where(((x / 4) % 1 < 0.025) | ((z / 4) % 1 < 0.025), 0.78, 1.0) + 0.06 * noise
        case "ballast" | "gravel":
            return np.asarray(1 + 0.16 * noise + 0.10 * np.sign(np.sin(x * 9.1) * np.sin(z * 8.3)))
        case _:
            return 1 + 0.07 * noise


def _noise(rng: np.random.Generator, size: int, cells: int) -> Array:
    grid = Image.fromarray((rng.random((cells, cells)) * 255).astype(np.uint8))
    return np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC), float) / 127.5 - 1


def _ways_mask(scene: Scene, reach: float, size: int) -> Array:
    canvas = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(canvas)
    for path in scene.paths:
        line = [((x + reach) / (2 * reach) * size, (z + reach) / (2 * reach) * size) for x, z in path]
        draw.line(line, fill=255, width=int(2.2 * size / (2 * reach)), joint="curve")
    return np.asarray(canvas.filter(ImageFilter.GaussianBlur(2)), float) / 255


def _puddle(image: Array, scene: Scene, rng: np.random.Generator, size: int) -> None:
    """Rain darkens the ground and leaves puddles that show the sky, in place."""
    image *= 0.74
    cover = np.clip((_noise(rng, size, 26) - 0.42) * 8, 0, 0.8)[..., None]
    ambient = np.maximum(np.array(scene.light.ambient), 0.1)
    image[:] = image * (1 - cover) + cover * np.array(scene.palette.zenith) / ambient * 0.8


def _lamp_pools(scene: Scene, axis: Array) -> Array:
    """Light that lamps throw on the ground, (H, W, 3), added to that of the sky; ``axis`` (W,) are metres."""
    pool = np.zeros((len(axis), len(axis)))
    if scene.light.lamps > 0.3:
        for thing in scene.objects:
            if thing.kind in ("lamp", "streetlight"):
                columns, rows = (np.flatnonzero(np.abs(axis - middle) < LAMP_REACH) for middle in thing.position)
                x, z = axis[columns] - thing.position[0], axis[rows, None] - thing.position[1]
                part = np.ix_(rows, columns)
                pool[part] = np.maximum(pool[part], np.exp(-(x**2 + z**2) / 16.0))
    return np.asarray(pool[..., None] * scene.light.lamps * np.array([0.95, 0.78, 0.48]))


def apron_colour(scene: Scene, surface: str) -> Colour:
    """Of the ground beyond the square, as lit as the ground within."""
    sun = np.array(scene.light.sun) * max(float(-towards_sun(scene.light)[1]), 0.0)
    wet = 0.74 if scene.light.wet and surface != "water" else 1.0
    colour = np.array(surface_colour(surface, scene.season, scene.light.snow)) * (np.array(scene.light.ambient) + sun) * wet
    red, green, blue = (float(channel) for channel in colour)
    return (red, green, blue)
