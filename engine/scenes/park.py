"""The outdoor family ``park``: a walled garden of few, clearly different landmarks, laid out from a seed."""

import math
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from engine.obstacles import BODY_RADIUS, Obstacles, obstacles_of
from engine.scenes.scene import Character, Light, Palette, Point, Scene, SceneObject

PILLAR_TEXTURES: Final = ("bands", "checker", "diagonal")
COLUMN_TEXTURES: Final = ("bands", "stripes", "plain")
HUT_TEXTURES: Final = ("brick", "planks", "window")
WALL_TEXTURES: Final = ("brick", "stone", "checker")
CRATE_TEXTURES: Final = ("planks", "diagonal", "dots")
SIGN_TEXTURES: Final = ("diagonal", "dots", "checker")


class Kind(NamedTuple):
    """A kind of landmark that a park may hold."""

    kind: str
    caption: str
    size: tuple[float, float, float]  # metres: width, height, depth
    spread: float  # share by which the size varies
    colours: tuple[str, ...]
    textures: tuple[str, ...]
    weight: int  # how often, against the others


KINDS: Final = (
    Kind("pillar", "{colour} {texture} pillar", (1.0, 3.0, 1.0), 0.15, ("red", "yellow", "blue", "white"), PILLAR_TEXTURES, 9),
    Kind("column", "{colour} {texture} column", (1.2, 3.4, 1.2), 0.15, ("orange", "purple", "teal"), COLUMN_TEXTURES, 6),
    Kind("hut", "hut with a {colour} roof", (3.6, 3.6, 3.2), 0.10, ("red", "blue", "purple", "teal"), HUT_TEXTURES, 7),
    Kind("wall", "{colour} {texture} wall", (4.5, 2.0, 0.5), 0.15, ("orange", "grey", "white"), WALL_TEXTURES, 7),
    Kind("crate", "{colour} {texture} crate", (1.3, 1.2, 1.3), 0.20, ("orange", "yellow", "teal", "red"), CRATE_TEXTURES, 8),
    Kind("hedge", "hedge", (4.0, 1.15, 0.9), 0.15, ("green",), ("hedge",), 7),
    Kind("round_tree", "round {colour} tree", (3.4, 4.6, 3.4), 0.15, ("green", "orange", "pink"), ("hedge",), 13),
    Kind("pine", "pine", (2.9, 5.6, 2.9), 0.15, ("green", "teal"), ("plain",), 8),
    Kind("bench", "{colour} bench", (2.0, 1.0, 0.6), 0.05, ("brown", "red", "blue"), ("plain",), 6),
    Kind("lamp", "lamp post", (0.6, 3.6, 0.6), 0.05, ("yellow", "white"), ("plain",), 6),
    Kind("gate", "{colour} gate", (3.4, 3.2, 0.6), 0.10, ("red", "white", "purple"), ("bands", "plain"), 3),
    Kind("sign", "{colour} {texture} sign", (2.2, 2.2, 0.16), 0.10, ("yellow", "white", "red"), SIGN_TEXTURES, 5),
    Kind("flag", "{colour} flag", (1.6, 4.6, 0.4), 0.10, ("red", "blue", "yellow"), ("plain", "checker"), 5),
    Kind("fountain", "fountain", (3.2, 2.2, 3.2), 0.10, ("white", "teal"), ("stone",), 3),
    Kind("rock", "{colour} rock", (2.0, 1.3, 1.7), 0.25, ("grey", "brown"), ("plain",), 6),
)
TEXTURE_WORDS: Final = {
    "bands": "striped",
    "stripes": "striped",
    "checker": "chequered",
    "diagonal": "hazard-striped",
    "dots": "dotted",
    "planks": "wooden",
    "plain": "",
    "hedge": "",
}
BORDERS: Final = (("orange", "brick"), ("green", "hedge"), ("brown", "planks"), ("white", "stone"))  # north, east, south, west
NAMES: Final = ("Ada", "Bo", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana")
AREA_PER_THING: Final = 44.0  # square metres


def build_park(seed: int) -> Scene:
    """Lay out a park: walled square of 44 to 60 m, a few ways, one thing every 44 square metres, two to four walkers."""
    rng = np.random.default_rng(seed)
    half = float(rng.uniform(22, 30))
    time_of_day, weather, light, palette = _atmosphere(rng)
    paths = _lay_paths(rng, half)
    things = _border(half) + _spread_things(rng, half, paths)
    return Scene(
        family="park",
        seed=seed,
        half=half,
        objects=tuple(things),
        characters=_walkers(rng, half, obstacles_of(tuple(things))),
        paths=paths,
        floors=(),
        ceiling=0.0,
        weather=weather,
        time_of_day=time_of_day,
        light=light,
        palette=palette,
    )


def _atmosphere(rng: np.random.Generator) -> tuple[str, str, Light, Palette]:
    azimuth = float(rng.uniform(0, 360))
    match int(rng.integers(0, 4)):
        case 0 | 1:
            light = Light(azimuth=azimuth, elevation=48.0, sun=(0.66, 0.63, 0.54), ambient=(0.52, 0.56, 0.64), shadow=0.42)
            sky: tuple[tuple[float, float, float], ...] = ((0.24, 0.50, 0.86), (0.76, 0.87, 0.95), (0.45, 0.58, 0.62), (1, 1, 1))
            ground: tuple[tuple[float, float, float], ...] = ((0.27, 0.50, 0.18), (0.47, 0.69, 0.28), (0.84, 0.72, 0.48))
            return "midday", "clear", light, _palette(sky, ground)
        case 2:
            light = Light(azimuth=azimuth, elevation=24.0, sun=(0.85, 0.56, 0.30), ambient=(0.50, 0.44, 0.52), shadow=0.45)
            sky = ((0.34, 0.36, 0.66), (0.98, 0.72, 0.46), (0.50, 0.36, 0.44), (1.0, 0.86, 0.74))
            ground = ((0.33, 0.38, 0.15), (0.53, 0.56, 0.24), (0.82, 0.62, 0.40))
            return "evening", "clear", light, _palette(sky, ground)
        case _:
            light = Light(azimuth=azimuth, elevation=60.0, sun=(0.24, 0.25, 0.27), ambient=(0.72, 0.75, 0.80), shadow=0.20)
            sky = ((0.56, 0.62, 0.70), (0.84, 0.87, 0.90), (0.56, 0.62, 0.68), (0.94, 0.95, 0.97))
            ground = ((0.25, 0.41, 0.22), (0.41, 0.57, 0.33), (0.68, 0.62, 0.50))
            return "midday", "overcast", light, _palette(sky, ground)


def _palette(sky: tuple[tuple[float, float, float], ...], ground: tuple[tuple[float, float, float], ...]) -> Palette:
    return Palette(
        zenith=sky[0],
        horizon=sky[1],
        hills=sky[2],
        cloud=sky[3],
        ground=ground[0],
        ground_light=ground[1],
        path=ground[2],
    )


def _lay_paths(rng: np.random.Generator, half: float) -> tuple[tuple[Point, ...], ...]:
    """Two or three ways that bend gently from side to side, alternating in direction."""
    paths = []
    for number in range(int(rng.integers(2, 4))):
        along = np.linspace(-half, half, 7)
        across = np.clip(rng.uniform(-0.55, 0.55) * half + np.cumsum(rng.normal(0, half * 0.09, 7)), -half * 0.8, half * 0.8)
        x, z = (along, across) if number % 2 else (across, along)
        paths.append(tuple((round(float(a), 3), round(float(b), 3)) for a, b in zip(x, z, strict=True)))
    return tuple(paths)


def _border(half: float) -> list[SceneObject]:
    """Four walls, each of its own colour and texture, so that they tell the directions apart."""
    things = []
    reach = half + 0.4
    places = (((0.0, reach), 0.0), ((reach, 0.0), 90.0), ((0.0, -reach), 180.0), ((-reach, 0.0), 270.0))
    for (colour, texture), (position, yaw), side in zip(BORDERS, places, ("north", "east", "south", "west"), strict=True):
        things.append(
            SceneObject(
                kind="wall",
                name=f"{side} boundary",
                position=position,
                size=(2 * half + 1.6, 2.1, 0.8),
                yaw=yaw,
                colour=colour,
                texture=texture,
            )
        )
    return things


def _spread_things(rng: np.random.Generator, half: float, paths: tuple[tuple[Point, ...], ...]) -> list[SceneObject]:
    """Things at random places that keep clear of each other, of the ways and of the boundary."""
    weights = np.array([kind.weight for kind in KINDS], float)
    wanted = int(4 * half * half / AREA_PER_THING)
    things: list[SceneObject] = []
    taken: list[tuple[float, float, float]] = []
    corners = np.concatenate([_densify(path) for path in paths])
    for _ in range(wanted * 30):
        if len(things) == wanted:
            break
        kind = KINDS[int(rng.choice(len(KINDS), p=weights / weights.sum()))]
        thing = _one_thing(rng, kind, half)
        reach = math.hypot(thing.size[0], thing.size[2]) / 2
        x, z = thing.position
        if max(abs(x), abs(z)) > half - reach - 1.2 or (np.hypot(*(corners - [x, z]).T) < reach + 1.1).any():
            continue
        if all(math.hypot(x - a, z - b) > reach + other + 1.3 for a, b, other in taken):
            things.append(thing)
            taken.append((x, z, reach))
    return things


def _one_thing(rng: np.random.Generator, kind: Kind, half: float) -> SceneObject:
    grow = 1 + kind.spread * rng.uniform(-1, 1)
    width, height, depth = (length * grow for length in kind.size)
    x, z = rng.uniform(-half, half, 2)
    colour, texture = str(rng.choice(kind.colours)), str(rng.choice(kind.textures))
    word = TEXTURE_WORDS.get(texture, texture)
    return SceneObject(
        kind=kind.kind,
        name=" ".join(kind.caption.format(colour=colour, texture=word).split()),
        position=(round(float(x), 3), round(float(z), 3)),
        size=(round(width, 3), round(height, 3), round(depth, 3)),
        yaw=round(float(rng.uniform(0, 360)), 1),
        colour=colour,
        texture=texture,
    )


def _densify(path: tuple[Point, ...]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Points every half metre or so along a polyline, (K, 2)."""
    corners = np.array(path)
    steps = [np.linspace(a, b, 24) for a, b in pairwise(corners)]
    return np.concatenate(steps)


def _walkers(rng: np.random.Generator, half: float, obstacles: Obstacles) -> tuple[Character, ...]:
    """Two to four people, each on a closed path of three or four corners that meets nothing."""
    names = rng.permutation(NAMES)
    shirts = rng.permutation(["red", "yellow", "blue", "purple", "orange", "white"])
    walkers: list[Character] = []
    wanted = int(rng.integers(2, 5))
    for _ in range(400):
        if len(walkers) == wanted:
            break
        middle = rng.uniform(-half * 0.7, half * 0.7, 2)
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 5))))
        corners = middle + rng.uniform(3, 8) * np.stack([np.sin(angles), np.cos(angles)], -1)
        ring = np.concatenate([np.linspace(a, b, 20) for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)])
        if np.abs(ring).max() > half - 1 or obstacles.clearance(ring).min() < BODY_RADIUS + 0.25:
            continue
        number = len(walkers)
        walkers.append(
            Character(
                name=str(names[number]),
                shirt=str(shirts[number]),
                trousers=str(rng.choice(["black", "blue", "brown"])),
                path=tuple((round(float(x), 3), round(float(z), 3)) for x, z in corners),
                speed=round(float(rng.uniform(0.9, 1.5)), 2),
                offset=round(float(rng.uniform(0, 10)), 2),
            )
        )
    return tuple(walkers)
