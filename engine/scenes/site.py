"""A scene under construction: puts things where there is room, lays surfaces, lets people walk, and hands over the scene."""

import math
from typing import Final, NamedTuple

import numpy as np
import shapely

from engine.characters.catalogue import assembly_of, character_of
from engine.characters.gait import stride_of
from engine.characters.slots import glimpse
from engine.obstacles import BODY_RADIUS, footprints, obstacles_of
from engine.scenes.conditions import Conditions, conditions_of_seed, under
from engine.scenes.scene import Character, Light, Palette, Patch, Point, Scene, SceneObject

ROOM: Final = 2 * BODY_RADIUS + 0.75  # metres between things, so that a walker fits with room to spare
OPEN: Final = 8.6  # metres round a place from which six metres are free any way
ROUND: Final = 3.8  # metres round the smallest round that a walk goes, with something of a view
PEOPLE_APART: Final = 2 * BODY_RADIUS + 0.15  # metres between the paths of any two, so that nobody walks through another
NAMES: Final = ("Ada", "Bo", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana")
GREY: Final = (0.5, 0.5, 0.5)
NOTHING: Final = Palette(zenith=GREY, horizon=GREY, hills=GREY, cloud=GREY, ground=GREY, ground_light=GREY, path=GREY)


class Prop(NamedTuple):
    """A kind of thing that a family uses, in its sizes, colours and textures."""

    kind: str
    caption: str
    size: tuple[float, float, float]  # metres: width, height, depth
    spread: float  # share by which the size varies
    colours: tuple[str, ...]
    textures: tuple[str, ...] = ("plain",)


class Site:
    """Collects what a family lays out; all chance comes from ``rng``, which the seed alone starts."""

    def __init__(self, family: str, seed: int, half: float) -> None:
        self.family, self.seed, self.half = family, seed, half
        self.rng = np.random.default_rng([seed, sum(map(ord, family))])
        self.things: list[SceneObject] = []
        self.patches: list[Patch] = []
        self.paths: list[tuple[Point, ...]] = []
        self._taken: list[shapely.Geometry] = []
        self._bounds = np.zeros((0, 4))

    def chance(self, low: float, high: float) -> float:
        """A number between two others."""
        return float(self.rng.uniform(low, high))

    def pick(self, choices: tuple[str, ...]) -> str:
        """One of these."""
        return str(self.rng.choice(choices))

    def keep(self, area: shapely.Geometry) -> None:
        """Let nothing be spread here: a way, a square, the middle of a room."""
        self._taken.append(area)
        self._bounds = np.concatenate([self._bounds, np.array([area.bounds])])

    def keep_box(self, x: float, z: float, width: float, depth: float) -> None:
        """Let nothing be spread in this rectangle, given by its middle."""
        self.keep(shapely.box(x - width / 2, z - depth / 2, x + width / 2, z + depth / 2))

    def is_free(self, x: float, z: float, width: float, depth: float) -> bool:
        """Whether nothing stands in this rectangle and nothing keeps it."""
        area = shapely.box(x - width / 2, z - depth / 2, x + width / 2, z + depth / 2)
        return not any(area.intersects(taken) for taken in self._taken)

    def clear(self, x: float, z: float, radius: float) -> None:
        """Keep a disc free, so that a walk finds room for a round or for eight ways out."""
        self.keep(shapely.Point(x, z).buffer(radius))

    def way(self, points: tuple[Point, ...], width: float = 2.6) -> None:
        """A painted path that stays free."""
        self.paths.append(points)
        self.keep(shapely.LineString(points).buffer(width / 2))

    def patch(self, surface: str, x: float, z: float, width: float, depth: float, yaw: float = 0.0, colour: str = "") -> None:
        """Cover a rectangle of ground."""
        centre, size = (round(x, 3), round(z, 3)), (round(width, 3), round(depth, 3))
        self.patches.append(Patch(surface=surface, centre=centre, size=size, yaw=yaw, colour=colour))

    def make(self, prop: Prop, x: float, z: float, yaw: float, scale: tuple[float, float, float] | None = None) -> SceneObject:
        """One of a prop, grown by chance, not yet placed."""
        grow = np.array(scale or prop.size) * (1 + prop.spread * self.rng.uniform(-1, 1, 3 if prop.spread > 0.12 else 1))
        colour, texture = self.pick(prop.colours), self.pick(prop.textures)
        width, height, depth = (round(float(length), 3) for length in grow)
        return SceneObject(
            kind=prop.kind,
            name=_worded(prop.caption, colour),
            position=(round(x, 3), round(z, 3)),
            size=(width, height, depth),
            yaw=round(yaw, 1),
            colour=colour,
            texture=texture,
        )

    def put(
        self, prop: Prop, x: float, z: float, yaw: float = 0.0, scale: tuple[float, float, float] | None = None
    ) -> SceneObject:
        """Place a thing here whatever stands near: a wall, a row, a landmark."""
        thing = self.make(prop, x, z, yaw, scale)
        self.things.append(thing)
        self.keep(outline_of(thing))
        return thing

    def try_put(self, prop: Prop, x: float, z: float, yaw: float = 0.0, room: float = ROOM) -> bool:
        """Place a thing if it keeps ``room`` metres to all others and stays inside."""
        thing = self.make(prop, x, z, yaw)
        outline = outline_of(thing)
        low_x, low_z, high_x, high_z = outline.bounds
        if max(-low_x, -low_z, high_x, high_z) > self.half - 0.4:
            return False
        grown = outline.buffer(room)
        low, high = np.array(grown.bounds[:2]), np.array(grown.bounds[2:])
        bounds = self._bounds
        near = np.flatnonzero(((bounds[:, :2] < high) & (bounds[:, 2:] > low)).all(1))
        if any(grown.intersects(self._taken[index]) for index in near):
            return False
        self.things.append(thing)
        self.keep(outline)
        return True

    def spread(self, props: tuple[Prop, ...], count: int, *, square: bool = False, room: float = ROOM) -> None:
        """Place about ``count`` things at random; ``square`` turns them by quarters only."""
        placed = 0
        for _ in range(count * 14):
            if placed == count:
                return
            prop = props[int(self.rng.integers(0, len(props)))]
            x, z = self.rng.uniform(-self.half + 1, self.half - 1, 2)
            yaw = float(self.rng.integers(0, 4)) * 90 if square else self.chance(0, 360)
            placed += self.try_put(prop, float(x), float(z), yaw, room)

    def around(self, prop: Prop, step: float, inset: float = 0.0, gaps: float = 0.0) -> None:
        """Things side by side all round the square, facing inwards, with a share of ``gaps``."""
        reach = self.half - inset
        count = max(1, round(2 * reach / step))
        for quarter in range(4):
            for number in range(count):
                along = (number + 0.5) * 2 * reach / count - reach
                x, z = ((along, -reach), (-reach, along), (along, reach), (reach, along))[quarter]
                if self.rng.random() >= gaps:
                    self.put(prop, x, z, (0.0, 90.0, 180.0, 270.0)[quarter])

    def border(self, prop: Prop, height: float, thick: float = 0.5) -> None:
        """Four boundary walls just outside the square."""
        reach = self.half + thick / 2
        for x, z, yaw, side in (
            (0, reach, 180, "north"),
            (reach, 0, 270, "east"),
            (0, -reach, 0, "south"),
            (-reach, 0, 90, "west"),
        ):
            named = prop._replace(caption=f"{side} boundary wall", spread=0.0)
            self.put(named, x, z, yaw, (2 * self.half + 2 * thick, height, thick))

    def wall(self, prop: Prop, a: Point, b: Point, height: float, thick: float = 0.3) -> None:
        """A wall between two points."""
        length = math.dist(a, b)
        yaw = -math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]))
        self.put(prop._replace(spread=0.0), (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, yaw, (length, height, thick))

    def finish(self, ground: str, conditions: Conditions, *, apron: tuple[str, ...] = (), ceiling: float = 0.0) -> Scene:
        """The scene with its people, in the conditions asked for or else those of its seed."""
        objects = tuple(sorted(self.things, key=lambda thing: "boundary" in thing.name))  # the far is drawn last: less work
        azimuth = self.chance(0, 360)
        lamps = Light(azimuth=azimuth, elevation=40.0, sun=(0.30, 0.30, 0.30), ambient=(0.78, 0.78, 0.78), shadow=0.3)
        inside = Palette(
            zenith=(0.62, 0.62, 0.62), horizon=(0.9, 0.9, 0.9), hills=GREY, cloud=GREY, ground=GREY, ground_light=GREY, path=GREY
        )
        scene = Scene(
            family=self.family,
            seed=self.seed,
            half=round(self.half, 3),
            objects=objects,
            characters=self._walkers(objects),
            paths=tuple(self.paths),
            floors=(),
            ceiling=ceiling,
            weather="",
            time_of_day="",
            light=lamps,
            palette=inside if ceiling else NOTHING,
            ground=ground,
            patches=tuple(self.patches),
            apron=apron,
        )
        return under(scene, conditions.over(conditions_of_seed(self.seed)))

    def _walkers(self, objects: tuple[SceneObject, ...]) -> tuple[Character, ...]:
        """Two to four people on closed paths that meet nothing and nobody; shorter ones after failed tries."""
        obstacles, rng = obstacles_of(objects), self.rng
        names = rng.permutation(NAMES)
        walkers: list[Character] = []
        rings = np.full((1, 2), np.inf)
        wanted = int(rng.integers(2, 5))
        for attempt in range(900):
            if len(walkers) == wanted:
                break
            reach = max(0.6, 7.0 * (1 - attempt / 450))
            corners = rng.uniform(-self.half + 1, self.half - 1, 2) + rng.uniform(-reach, reach, (3, 2))
            if np.abs(corners).max() > self.half - 1 or obstacles.clearance(corners).min() < BODY_RADIUS + 0.2:
                continue
            ring = np.concatenate([np.linspace(a, b, 30) for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)])
            sides = np.linalg.norm(corners - np.roll(corners, -1, 0), axis=1)
            apart = np.linalg.norm(ring[:, None] - rings, axis=-1).min()
            if sides.min() < 0.5 or apart < PEOPLE_APART or obstacles.clearance(ring).min() < BODY_RADIUS + 0.2:
                continue
            rings = np.concatenate([rings, ring])
            path = tuple((round(float(x), 3), round(float(z), 3)) for x, z in corners)
            walkers.append(self._walker(str(names[len(walkers)]), path))
        return tuple(walkers)

    def _walker(self, name: str, path: tuple[Point, ...]) -> Character:
        """Somebody of the catalogue on this path, as fast as their stride is long."""
        index = character_of(int(self.rng.integers(0, 2**31)))
        assembly = assembly_of(index)
        return Character(
            name=name,
            shirt=assembly.upper_colour,
            trousers=assembly.lower_colour,
            path=path,
            speed=round(float(np.clip(stride_of(assembly) * self.chance(0.75, 1.0), 0.35, 1.6)), 2),
            offset=round(self.chance(0, 6), 2),
            assembly=index,
            looks=glimpse(assembly),
        )


def _worded(caption: str, colour: str) -> str:
    """A caption with its colour in words that a reader takes for one: a mint-green house, a stall with an orange awning."""
    word = {"sky": "sky-blue", "mint": "mint-green", "rust": "rust-red", "slate": "slate-grey", "sand": "sandy"}.get(
        colour, colour
    )
    return caption.replace("a {colour}", "an {colour}" if word[0] in "aeiou" else "a {colour}").format(colour=word)


def outline_of(thing: SceneObject) -> shapely.Geometry:
    """The rectangle that a thing covers on the ground; of trees and lamps their trunks and a little more."""
    width, _, depth = thing.size
    parts = footprints(thing)
    if len(parts) == 1 and parts[0][4] > 0:
        return shapely.Point(thing.position).buffer(max(parts[0][4], min(width, 2.6) * 0.35))
    yaw = math.radians(thing.yaw)
    right, ahead = np.array([math.cos(yaw), -math.sin(yaw)]) * width / 2, np.array([math.sin(yaw), math.cos(yaw)]) * depth / 2
    middle = np.array(thing.position)
    return shapely.Polygon([middle + a * right + b * ahead for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
