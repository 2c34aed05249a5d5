"""Pictures painted once a scene: the ground with its ways and cast shadows, and the sky with hills, clouds and sun.

Shadows are part of the ground's picture, so that they cost nothing per frame.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from engine.embedded.ground import paint_surfaces
from engine.embedded.mesh import towards_sun
from engine.models.static import GROUND_MARGIN
from engine.obstacles import footprints
from engine.scenes.scene import COLOURS, Scene, SceneObject
from infra.dynamics import wrap_degrees

Picture = NDArray[np.uint8]
Array = NDArray[np.float64]

GROUND_SIZE: Final = 1024  # texels a side
SKY_SIZE: Final = (1024, 256)  # azimuth from -180 to 180 degrees, elevation from 90 (top) to 0
FLOWERS: Final = ((0.20, 0.36, 0.14), (0.20, 0.36, 0.14), (0.93, 0.90, 0.80), (0.92, 0.78, 0.25), (0.50, 0.42, 0.30))
STARS: Final = 260


def paint_ground(scene: Scene) -> Picture:
    """The ground seen from above, (GROUND_SIZE, GROUND_SIZE, 3): row 0 is z = -reach, column 0 is x = -reach."""
    reach = scene.half + GROUND_MARGIN
    if scene.ground:
        hidden = np.zeros((GROUND_SIZE, GROUND_SIZE))
        shadow = _shadow_mask(scene, reach) if scene.light.shadow > 0 and not scene.ceiling else hidden
        return np.clip(paint_surfaces(scene, reach, GROUND_SIZE, shadow) * 255, 0, 255).astype(np.uint8)
    image = _floors(scene, reach) if scene.floors else _lawn(scene, reach)
    if scene.light.shadow > 0 and not scene.floors:
        shade = 1 - scene.light.shadow * _shadow_mask(scene, reach)
        image = image * shade[..., None]
    return np.clip(image * 255, 0, 255).astype(np.uint8)


def _to_texel(points: Array, reach: float) -> list[tuple[float, float]]:
    return [(float(u), float(v)) for u, v in (points + reach) / (2 * reach) * GROUND_SIZE]


def _lawn(scene: Scene, reach: float) -> Array:
    """Mown stripes two and a half metres wide, soft patches, ways, and tufts of flowers that show motion near by."""
    rng = np.random.default_rng([scene.seed, 1])
    axis = (np.arange(GROUND_SIZE) + 0.5) / GROUND_SIZE * 2 * reach - reach
    x, z = np.meshgrid(axis, axis)
    stripe = np.clip(np.sin((x + 0.35 * z) * np.pi / 2.5) * 3, -1, 1) * 0.5 + 0.5
    patch = np.asarray(
        Image.fromarray((rng.random((14, 14)) * 255).astype(np.uint8)).resize(x.shape, Image.Resampling.BICUBIC), float
    )
    mix = np.clip(0.75 * stripe + 0.6 * (patch / 255 - 0.5), 0, 1)[..., None]
    image = np.array(scene.palette.ground) * (1 - mix) + np.array(scene.palette.ground_light) * mix
    image = image * 255
    canvas = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    texels = GROUND_SIZE / (2 * reach)
    for edge, width in ((0.72, 2.5), (1.0, 2.0)):
        colour = tuple(int(255 * edge * channel) for channel in scene.palette.path)
        for path in scene.paths:
            draw.line(_to_texel(np.array(path), reach), fill=colour, width=int(width * texels), joint="curve")
    for _ in range(int(4 * scene.half**2 / 7)):
        u, v = rng.uniform(0, GROUND_SIZE, 2)
        size = rng.uniform(0.10, 0.24) * texels
        flower = FLOWERS[int(rng.integers(0, len(FLOWERS)))]
        draw.ellipse((u - size, v - size, u + size, v + size), fill=tuple(int(255 * channel) for channel in flower))
    return np.asarray(canvas.filter(ImageFilter.GaussianBlur(0.8)), float) / 255


def _floors(scene: Scene, reach: float) -> Array:
    """Tiled floors, each room in its own colour, one metre a tile."""
    axis = (np.arange(GROUND_SIZE) + 0.5) / GROUND_SIZE * 2 * reach - reach
    x, z = np.meshgrid(axis, axis)
    tiles = np.where((np.floor(x) + np.floor(z)) % 2 == 0, 1.0, 0.82)
    image = np.ones((GROUND_SIZE, GROUND_SIZE, 3)) * np.array(scene.palette.ground)
    for x0, z0, x1, z1, colour in scene.floors:
        inside = (x >= x0) & (x < x1) & (z >= z0) & (z < z1)
        image[inside] = COLOURS[colour]
    return np.asarray(image * tiles[..., None] * np.array(scene.light.ambient) * 1.15)


def _shadow_mask(scene: Scene, reach: float) -> Array:
    """Where the sun does not reach the ground, (GROUND_SIZE, GROUND_SIZE), soft edges, 0..1."""
    sun = towards_sun(scene.light)
    throw = -sun[[0, 2]] / -sun[1]  # metres of shadow for each metre of height
    canvas = Image.new("L", (GROUND_SIZE, GROUND_SIZE), 0)
    draw = ImageDraw.Draw(canvas)
    for thing in scene.objects:
        for outline, low, high in _silhouette(thing):
            ring = np.concatenate([outline + throw * low, outline + throw * high])
            draw.polygon(_to_texel(_hull(ring), reach), fill=255)
    soft = canvas.filter(ImageFilter.GaussianBlur(0.12 * GROUND_SIZE / (2 * reach)))
    return np.asarray(soft, float) / 255


_TREES: Final = {
    "round_tree": (0.5, ((0.75, 0.42), (1.0, 0.66), (0.7, 0.9))),
    "pine": (1.0, ((1.0, 0.2), (0.7, 0.5), (0.25, 0.9))),
    "oak": (0.6, ((0.8, 0.5), (0.95, 0.68), (0.6, 0.9))),
    "birch": (0.6, ((0.8, 0.5), (0.95, 0.68), (0.6, 0.9))),
    "spruce": (1.0, ((1.0, 0.15), (0.7, 0.45), (0.3, 0.8))),
}
"""How high trunks reach, and rings of foliage by radius and height: shares of the tree's size."""


def _silhouette(thing: SceneObject) -> list[tuple[Array, float, float]]:
    """What of a thing casts a shadow: outlines on the ground (k, 2) with their lower and upper height."""
    yaw = np.radians(thing.yaw)
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    width, height, depth = thing.size
    parts: list[tuple[Array, float, float]] = []
    for x, z, half_width, half_depth, radius in footprints(thing):
        parts.append((_outline(x, z, half_width, half_depth, radius), 0.0, height))
    if thing.kind in _TREES:
        trunk, rings = _TREES[thing.kind]
        parts = [(part, 0.0, height * trunk) for part, _, _ in parts]
        parts += [(_outline(0, 0, 0, 0, width / 2 * share), height * high, height * high) for share, high in rings]
    match thing.kind:
        case "gate":
            parts.append((_outline(0, 0, width / 2 + 0.4, 0.3, 0), height, height + 0.4))
        case "arch":
            parts.append((_outline(0, 0, width / 2, depth / 2, 0), height * 0.85, height))
        case "platform_roof":
            parts.append((_outline(0, 0, width / 2, depth / 2, 0), height, height + 0.2))
        case "crane":
            parts.append((_outline(0, 0, width / 2, depth / 2, 0), height * 0.64, height * 0.7))
            parts.append((_outline(0, depth * 0.35, 0.4, depth * 1.2, 0), height * 0.8, height * 0.85))
        case "tent":
            parts = [(_outline(0, 0, width / 2, depth / 2, 0), 0.0, 0.1), (_outline(0, 0, 0.05, depth / 2, 0), height, height)]
        case "house" | "shed" | "church":
            wall = height * (0.32 if thing.kind == "church" else 0.64)
            parts = [(part, 0.0, wall) for part, _, _ in parts]
            ridge = (0.2, depth / 2) if thing.kind == "church" else (width / 2 + 0.2, 0.05)
            parts.append((_outline(0, 0, *ridge, 0), wall, height * (0.55 if thing.kind == "church" else 1)))
        case "car":
            parts = [(part, 0.0, height * 0.6) for part, _, _ in parts]
        case "boat":
            parts = [(_outline(0, 0, width * 0.4, depth * 0.4, 0), 0.0, height * 0.4)]
        case "streetlight":
            parts.append((_outline(0, 0.9, 0.15, 0.25, 0), height - 0.2, height))
        case "flag":
            parts.append((_outline(0.75, 0, 0.7, 0.05, 0), height - 1.1, height - 0.1))
        case "sign":
            parts = [(_outline(0, 0, width / 2, depth / 2, 0), height * 0.45, height * 0.95)]
        case "hut":
            parts.append((_outline(0, 0, width / 2 + 0.3, 0.05, 0), height * 0.62, height))
    return [(part @ turn + np.array(thing.position), low, high) for part, low, high in parts]


def _outline(x: float, z: float, half_width: float, half_depth: float, radius: float) -> Array:
    if radius > 0:
        angle = np.arange(12) * np.pi / 6
        return np.array([x, z]) + radius * np.stack([np.sin(angle), np.cos(angle)], -1)
    return np.array([[x + a * half_width, z + b * half_depth] for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))])


def _hull(points: Array) -> Array:
    """Convex hull of (N, 2) points, counter-clockwise, by the monotone chain."""
    ordered = sorted({(float(x), float(z)) for x, z in points})

    def chain(sequence: list[tuple[float, float]]) -> list[tuple[float, float]]:
        kept: list[tuple[float, float]] = []
        for x, z in sequence:
            while len(kept) > 1:
                (ax, az), (bx, bz) = kept[-2], kept[-1]
                if (bx - ax) * (z - az) - (bz - az) * (x - ax) > 0:
                    break
                kept.pop()
            kept.append((x, z))
        return kept[:-1]

    return np.array(chain(ordered) + chain(ordered[::-1]))


def paint_sky(scene: Scene) -> Picture:
    """The upper half of the sky, (256, 1024, 3): gradient, sun, a few big clouds, and hills along the horizon."""
    rng = np.random.default_rng([scene.seed, 2])
    width, height = SKY_SIZE
    azimuth = np.linspace(-180, 180, width, endpoint=False)
    elevation = np.linspace(90, 0, height)[:, None]
    palette = scene.palette
    blend = (np.clip(elevation / 55, 0, 1) ** 0.7)[..., None]
    image = np.array(palette.horizon) * (1 - blend) + np.array(palette.zenith) * blend + np.zeros((1, width, 1))
    aside = wrap_degrees(azimuth - scene.light.azimuth) * np.cos(np.radians(elevation))
    sun_gap = np.hypot(aside, elevation - scene.light.elevation)
    glow = 0.35 * np.exp(-((sun_gap / 14) ** 2)) if scene.weather == "clear" else 0 * sun_gap
    image = image + glow[..., None] * np.array([1.0, 0.9, 0.7])
    if scene.weather == "clear":
        image[sun_gap < 3.2] = (1.0, 0.97, 0.85) if scene.time_of_day != "night" else (0.86, 0.88, 0.94)
    if scene.time_of_day == "night" and scene.weather in ("clear", "cloudy"):
        _paint_stars(image, np.random.default_rng([scene.seed, 5]))
    if scene.weather in ("fog", "rain", "snow"):  # nothing to see in an even sky but what the palette says
        return np.clip(_hills(image, elevation, azimuth, rng, palette.hills) * 255, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(5, 9)) * (2 if scene.weather == "overcast" else 1)):
        _paint_cloud(image, azimuth, elevation, rng, palette.cloud)
    return np.clip(_hills(image, elevation, azimuth, rng, palette.hills) * 255, 0, 255).astype(np.uint8)


def _hills(image: Array, elevation: Array, azimuth: Array, rng: np.random.Generator, colour: tuple[float, ...]) -> Array:
    """Hills along the horizon."""
    ridge = np.zeros(len(azimuth))
    for frequency in (3, 5, 8, 13):
        ridge += rng.uniform(0.6, 1.6) / frequency**0.6 * np.sin(np.radians(azimuth) * frequency + rng.uniform(0, 2 * np.pi))
    ridge = 7.0 + 2.6 * ridge
    hills = np.array(colour) * (0.85 + 0.15 * np.clip(elevation / 10, 0, 1))[..., None]
    return np.where((elevation < ridge)[..., None], hills, image)


def _paint_stars(image: Array, rng: np.random.Generator) -> None:
    """Stars of two texels, in place."""
    height, width, _ = image.shape
    rows, columns = rng.integers(0, int(height * 0.85), STARS), rng.integers(0, width - 1, STARS)
    for row, column, bright in zip(rows, columns, rng.uniform(0.5, 1.0, STARS), strict=True):
        image[row : row + 2, column : column + 2] = bright


def _paint_cloud(image: Array, azimuth: Array, elevation: Array, rng: np.random.Generator, colour: tuple[float, ...]) -> None:
    """One cloud of a few overlapping puffs with a flat, slightly darker base."""
    middle, base = float(rng.uniform(-180, 180)), float(rng.uniform(16, 38))
    columns = np.flatnonzero(np.abs(wrap_degrees(azimuth - middle)) < 13 + 11)  # no puff reaches further
    rows = np.flatnonzero(np.abs(elevation[:, 0] - base) < 6)
    azimuth, elevation, part = azimuth[columns], elevation[rows], np.ix_(rows, columns)
    cover = np.zeros((len(rows), len(columns)))
    for _ in range(int(rng.integers(3, 6))):
        a = middle + rng.uniform(-13, 13)
        wide, tall = rng.uniform(6, 11), rng.uniform(3.5, 6)
        d = np.hypot(wrap_degrees(azimuth - a) / wide, (elevation - base) / tall)
        cover = np.maximum(cover, np.clip((1 - d) * 4, 0, 1) * np.clip((elevation - base + 1.5) / 1.5, 0, 1))
    shade = 0.86 + 0.14 * np.clip((elevation - base) / 5, 0, 1)
    image[part] = image[part] * (1 - 0.92 * cover[..., None]) + 0.92 * (cover * shade)[..., None] * np.array(colour)
