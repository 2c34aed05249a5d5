"""What a scene is: plain records of things, people, light and palette, without any rendering."""

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

from infra.digest import canonical_json, sha256_of

Colour = tuple[float, float, float]  # red, green, blue, 0..1, as seen on screen
Point = tuple[float, float]  # (x, z) in metres

COLOURS: Final[dict[str, Colour]] = {
    "red": (0.86, 0.22, 0.18),
    "orange": (0.95, 0.56, 0.16),
    "yellow": (0.95, 0.83, 0.25),
    "green": (0.30, 0.62, 0.26),
    "teal": (0.16, 0.62, 0.60),
    "blue": (0.20, 0.40, 0.82),
    "purple": (0.54, 0.30, 0.70),
    "pink": (0.93, 0.52, 0.66),
    "white": (0.93, 0.92, 0.88),
    "grey": (0.58, 0.58, 0.60),
    "brown": (0.50, 0.34, 0.20),
    "black": (0.16, 0.16, 0.18),
    "cream": (0.93, 0.86, 0.68),
    "sand": (0.84, 0.73, 0.52),
    "brick": (0.70, 0.36, 0.27),
    "slate": (0.34, 0.38, 0.45),
    "rust": (0.66, 0.33, 0.16),
    "sky": (0.55, 0.75, 0.92),
    "mint": (0.62, 0.82, 0.68),
    "concrete": (0.70, 0.69, 0.66),
    "lime": (0.52, 0.74, 0.26),
    "amber": (0.88, 0.58, 0.13),
    "blossom": (0.96, 0.76, 0.84),
    "bare": (0.42, 0.35, 0.28),
}


@dataclass(frozen=True, kw_only=True)
class SceneObject:
    """One thing that stands in the scene; its base is on the ground, y = 0."""

    kind: str  # a key of engine.models.MODELS
    name: str  # what a caption calls it, e.g. "red striped pillar"
    position: Point  # centre
    size: tuple[float, float, float]  # metres: width (local x), height, depth (local z)
    yaw: float  # degrees, 0 faces +z, + turns right
    colour: str  # a key of COLOURS
    texture: str  # a name of engine.embedded.textures.TEXTURES


@dataclass(frozen=True, kw_only=True)
class Character:
    """A person who walks round a closed path for ever; where they are is a function of the tick alone."""

    name: str
    shirt: str  # keys of COLOURS
    trousers: str
    path: tuple[Point, ...]  # corners of the closed path
    speed: float  # metres a second
    offset: float  # metres along the path at tick 0
    assembly: int | None = None  # index in engine.characters.catalogue; None is the plain person of the first families
    looks: str = ""  # what a caption calls them; empty is by their shirt

    def place(self, seconds: float) -> tuple[Point, float, float]:
        """Return position, yaw in degrees and the metres walked so far, at ``seconds`` after the start."""
        corners = [*self.path, self.path[0]]
        legs = list(pairwise(corners))
        lengths = [math.dist(a, b) for a, b in legs]
        walked = self.offset + self.speed * seconds
        along = walked % sum(lengths)
        number = 0
        while along > lengths[number] and number < len(legs) - 1:
            along -= lengths[number]
            number += 1
        (a, b), part = legs[number], min(along / lengths[number], 1.0)
        point = (a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part)
        return point, math.degrees(math.atan2(b[0] - a[0], b[1] - a[1])), walked


@dataclass(frozen=True, kw_only=True)
class Light:
    """One sun and an even sky light."""

    azimuth: float  # degrees, where the sun stands, 0 is +z, + to +x
    elevation: float  # degrees above the horizon
    sun: Colour  # added where the sun falls straight on
    ambient: Colour  # everywhere
    shadow: float  # 0 none .. 1 black, strength of cast shadows on the ground
    lamps: float = 0.0  # 0 off .. 1 lit: street lights and windows that somebody is behind
    snow: float = 0.0  # 0 none .. 1 white, on what faces up
    wet: float = 0.0  # 0 dry .. 1 puddles
    daylight: Colour = (0.75, 0.87, 0.97)  # what a window shows from inside


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours of what has no object: sky, haze and ground."""

    zenith: Colour
    horizon: Colour
    hills: Colour
    cloud: Colour
    ground: Colour
    ground_light: Colour
    path: Colour


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A part of the ground with a surface of its own, a rectangle before it is turned."""

    surface: str  # a name of ground.SURFACES
    centre: Point
    size: Point  # metres along local x and z
    yaw: float = 0.0  # degrees, + turns right
    colour: str = ""  # a key of COLOURS; empty is the surface's own


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A whole scene. World axes: x right, y down, z forward; the ground is the plane y = 0."""

    family: str
    seed: int
    half: float  # metres; the walkable square is |x|, |z| < half
    objects: tuple[SceneObject, ...]
    characters: tuple[Character, ...]
    paths: tuple[tuple[Point, ...], ...]  # painted ways, polylines
    floors: tuple[tuple[float, float, float, float, str], ...]  # indoor: x0, z0, x1, z1, colour name; empty outdoors
    ceiling: float  # metres; 0 = open sky
    weather: str
    time_of_day: str
    light: Light
    palette: Palette
    season: str = ""
    ground: str = ""  # the surface under everything, of ground.SURFACES; empty is the park's lawn or painted floors
    patches: tuple[Patch, ...] = ()  # later ones cover earlier ones
    apron: tuple[str, ...] = ()  # surfaces beyond the square: north, east, south, west; empty where nothing shows
    haze: float = 1 / 160  # 1 / metres after which 63 % of what stands there is hidden
    falling: str = ""  # rain | snow, in the air

    @property
    def scene_id(self) -> str:
        return scene_id_of(self.family, self.seed)

    def layout_digest(self) -> str:
        """Hash of what stands where: two scenes with the same digest would look alike."""
        layout = [(thing.kind, thing.position, thing.size, thing.yaw, thing.colour, thing.texture) for thing in self.objects]
        return sha256_of(canonical_json(layout))

    def describe(self) -> dict[str, Any]:
        """All that a caption may speak of, as JSON values."""
        return {
            "family": self.family,
            "scene_id": self.scene_id,
            "layout_digest": self.layout_digest(),
            "indoor": self.ceiling > 0,
            "half_size": self.half,
            "weather": self.weather,
            "time_of_day": self.time_of_day,
            "season": self.season,
            "light": asdict(self.light),
            "palette": asdict(self.palette),
            "objects": [
                {
                    "name": thing.name,
                    "kind": thing.kind,
                    "position": [thing.position[0], 0.0, thing.position[1]],
                    "size": list(thing.size),
                    "yaw": thing.yaw,
                    "colour": thing.colour,
                    "texture": thing.texture,
                }
                for thing in self.objects
            ],
            "characters": [_told(character) for character in self.characters],
        }


def scene_id_of(family: str, seed: int) -> str:
    """How a scene is called everywhere."""
    return f"{family}-{seed:016x}"


def _told(character: Character) -> dict[str, Any]:
    """A character as JSON values; plain people have no assembly to speak of."""
    return {name: value for name, value in asdict(character).items() if value not in (None, "")}
