"""The indoor family ``rooms``: a grid of furnished rooms, each in its own colours, joined by wide doorways."""

from typing import Final

import numpy as np

from engine.obstacles import BODY_RADIUS, obstacles_of
from engine.scenes.scene import Character, Light, Palette, Point, Scene, SceneObject

ROOM: Final = 8.0  # metres a side, wall to wall
WALL: Final = 0.3  # metres thick
DOOR: Final = 2.4  # metres wide
DOOR_HEIGHT: Final = 2.4  # metres
CEILING: Final = 3.2  # metres
WALLS: Final = (
    ("orange", "brick"),
    ("white", "window"),
    ("teal", "planks"),
    ("yellow", "stripes"),
    ("pink", "bands"),
    ("blue", "diagonal"),
)
WALLS_MORE: Final = (("white", "stone"), ("brown", "planks"), ("purple", "stripes"), ("green", "dots"))
FLOORS: Final = ("brown", "grey", "white", "teal", "orange", "pink")
FURNITURE: Final = (
    ("cupboard", "{colour} cupboard", (1.6, 2.1, 0.5), ("brown", "white", "blue", "red"), "planks", True),
    ("sofa", "{colour} sofa", (2.2, 0.9, 0.9), ("red", "blue", "green", "purple"), "plain", True),
    ("table", "{colour} table", (1.6, 0.8, 1.0), ("brown", "white", "yellow"), "plain", False),
    ("crate", "{colour} crate", (0.9, 0.9, 0.9), ("orange", "yellow", "teal"), "planks", False),
    ("column", "{colour} column", (0.7, 2.4, 0.7), ("white", "red", "teal"), "bands", False),
    ("bench", "{colour} bench", (1.8, 0.9, 0.55), ("brown", "red"), "plain", True),
    ("lamp", "floor lamp", (0.5, 1.9, 0.5), ("yellow", "white"), "plain", False),
    ("picture", "{colour} picture", (1.6, 1.1, 0.08), ("yellow", "white", "red", "blue"), "checker", True),
    ("picture", "{colour} picture", (1.2, 1.2, 0.08), ("pink", "orange", "teal", "purple"), "dots", True),
)


def build_rooms(seed: int) -> Scene:
    """Lay out three by three rooms of 8 m: every doorway of a random spanning tree is open, and a few more."""
    rng = np.random.default_rng(seed)
    count = 3
    half = count * ROOM / 2
    styles = rng.permutation(np.array([*WALLS, *WALLS_MORE]))[: count * count]
    doors = _doorways(rng, count)
    things = _outer_walls(half, styles) + _inner_walls(count, half, styles, doors)
    things += _furnish(rng, count, half)
    floors = tuple(
        (-half + i * ROOM, -half + j * ROOM, -half + (i + 1) * ROOM, -half + (j + 1) * ROOM, str(rng.choice(FLOORS)))
        for i in range(count)
        for j in range(count)
    )
    warm = bool(rng.random() < 0.5)
    return Scene(
        family="rooms",
        seed=seed,
        half=half,
        objects=tuple(things),
        characters=_walkers(rng, things, half),
        paths=(),
        floors=floors,
        ceiling=CEILING,
        weather="indoor",
        time_of_day="warm lamps" if warm else "daylight lamps",
        light=_lamps(rng, warm=warm),
        palette=_palette(warm=warm),
    )


def _lamps(rng: np.random.Generator, *, warm: bool) -> Light:
    sun = (0.40, 0.34, 0.26) if warm else (0.34, 0.36, 0.40)
    ambient = (0.74, 0.66, 0.56) if warm else (0.68, 0.70, 0.74)
    return Light(azimuth=float(rng.uniform(0, 360)), elevation=40.0, sun=sun, ambient=ambient, shadow=0.35)


def _palette(*, warm: bool) -> Palette:
    ceiling = (0.94, 0.90, 0.82) if warm else (0.88, 0.90, 0.93)
    floor = (0.55, 0.50, 0.44)
    return Palette(zenith=ceiling, horizon=ceiling, hills=ceiling, cloud=ceiling, ground=floor, ground_light=floor, path=floor)


def _doorways(rng: np.random.Generator, count: int) -> set[tuple[Point, Point]]:
    """Pairs of neighbouring rooms that are joined: a random spanning tree and half of the other walls."""
    rooms = [(float(i), float(j)) for i in range(count) for j in range(count)]
    pairs = [(a, b) for a in rooms for b in rooms if (b[0] - a[0], b[1] - a[1]) in ((1, 0), (0, 1))]
    group = {room: number for number, room in enumerate(rooms)}
    chosen = set()
    for index in rng.permutation(len(pairs)):
        a, b = pairs[int(index)]
        if group[a] != group[b] or rng.random() < 0.5:
            chosen.add((a, b))
            old, new = group[b], group[a]
            group = {room: new if number == old else number for room, number in group.items()}
    return chosen


def _wall(name: str, position: Point, length: float, yaw: float, style: tuple[str, str]) -> SceneObject:
    return SceneObject(
        kind="wall", name=name, position=position, size=(length, CEILING, WALL), yaw=yaw, colour=style[0], texture=style[1]
    )


def _outer_walls(half: float, styles: np.ndarray[tuple[int, int], np.dtype[np.str_]]) -> list[SceneObject]:
    reach = half + WALL / 2
    places = (((0.0, reach), 0.0), ((reach, 0.0), 90.0), ((0.0, -reach), 180.0), ((-reach, 0.0), 270.0))
    return [
        _wall("boundary", position, 2 * half + 2 * WALL, yaw, (str(style[0]), str(style[1])))
        for (position, yaw), style in zip(places, styles, strict=False)
    ]


def _inner_walls(
    count: int, half: float, styles: np.ndarray[tuple[int, int], np.dtype[np.str_]], doors: set[tuple[Point, Point]]
) -> list[SceneObject]:
    """Each wall between two rooms: whole, or in two pieces with a lintel over the doorway."""
    things = []
    for i in range(count):
        for j in range(count):
            style = (str(styles[i * count + j][0]), str(styles[i * count + j][1]))
            for di, dj in ((1, 0), (0, 1)):
                if i + di >= count or j + dj >= count:
                    continue
                x, z = -half + (i + 0.5 + di / 2) * ROOM, -half + (j + 0.5 + dj / 2) * ROOM
                yaw = 90.0 if di else 0.0
                if ((float(i), float(j)), (float(i + di), float(j + dj))) in doors:
                    side = (ROOM - DOOR) / 2
                    shift = (DOOR + side) / 2
                    for sign in (-1, 1):
                        things.append(_wall("boundary", (x + sign * shift * dj, z + sign * shift * di), side, yaw, style))
                    things.append(
                        SceneObject(
                            kind="lintel",
                            name="doorway",
                            position=(x, z),
                            size=(DOOR, CEILING - DOOR_HEIGHT, WALL),
                            yaw=yaw,
                            colour=style[0],
                            texture=style[1],
                        )
                    )
                else:
                    things.append(_wall("boundary", (x, z), ROOM, yaw, style))
    return things


def _furnish(rng: np.random.Generator, count: int, half: float) -> list[SceneObject]:
    """Five to seven pieces a room; some with their back to a wall, some hanging, others free, the middle kept open."""
    things: list[SceneObject] = []
    for i in range(count):
        for j in range(count):
            middle = np.array([-half + (i + 0.5) * ROOM, -half + (j + 0.5) * ROOM])
            taken: list[tuple[Point, float]] = []
            for _ in range(int(rng.integers(5, 8)) * 6):
                thing = _one_piece(rng, middle)
                reach = float(np.hypot(thing.size[0], thing.size[2])) / 2
                away = np.abs(np.array(thing.position) - middle)
                blocks_door = away.min() < DOOR / 2 + reach * 0.8
                near = any(np.hypot(thing.position[0] - p[0], thing.position[1] - p[1]) < reach + r + 0.5 for p, r in taken)
                if not blocks_door and not near and len(taken) < 7:
                    things.append(thing)
                    taken.append((thing.position, reach))
    return things


def _one_piece(rng: np.random.Generator, middle: np.ndarray[tuple[int], np.dtype[np.float64]]) -> SceneObject:
    kind, caption, size, colours, texture, at_wall = FURNITURE[int(rng.integers(0, len(FURNITURE)))]
    colour = str(rng.choice(colours))
    reach = ROOM / 2 - WALL / 2
    if at_wall:
        quarter = int(rng.integers(0, 4))
        along, out = float(rng.uniform(-2.6, 2.6)), reach - size[2] / 2 - 0.05
        offset = ((along, -out), (-out, along), (along, out), (out, along))[quarter]
        yaw = (0.0, 90.0, 180.0, 270.0)[quarter]  # its face looks into the room
    else:
        offset = (float(rng.uniform(-reach + 1, reach - 1)), float(rng.uniform(-reach + 1, reach - 1)))
        yaw = round(float(rng.uniform(0, 360)), 1)
    return SceneObject(
        kind=kind,
        name=caption.format(colour=colour),
        position=(round(float(middle[0] + offset[0]), 3), round(float(middle[1] + offset[1]), 3)),
        size=size,
        yaw=yaw,
        colour=colour,
        texture=texture,
    )


def _walkers(rng: np.random.Generator, things: list[SceneObject], half: float) -> tuple[Character, ...]:
    """Two or three people who walk to and fro within a room."""
    obstacles = obstacles_of(tuple(things))
    walkers: list[Character] = []
    wanted = int(rng.integers(2, 4))
    for _ in range(600):
        if len(walkers) == wanted:
            break
        corners = rng.uniform(-half + 1, half - 1, 2) + rng.uniform(-2.5, 2.5, (3, 2))
        ring = np.concatenate([np.linspace(a, b, 20) for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)])
        sides = np.linalg.norm(corners - np.roll(corners, -1, 0), axis=1)
        if sides.min() < 1.5 or np.abs(ring).max() > half - 1 or obstacles.clearance(ring).min() < BODY_RADIUS + 0.1:
            continue
        walkers.append(
            Character(
                name=("Ada", "Bo", "Cleo")[len(walkers)],
                shirt=("red", "yellow", "blue")[len(walkers)],
                trousers=str(rng.choice(["black", "blue", "brown"])),
                path=tuple((round(float(x), 3), round(float(z), 3)) for x, z in corners),
                speed=round(float(rng.uniform(0.6, 1.1)), 2),
                offset=round(float(rng.uniform(0, 4)), 2),
            )
        )
    return tuple(walkers)
