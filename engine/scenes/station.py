"""The family ``station``: platforms between tracks with trains, roofs on columns, benches and clocks."""

from typing import Final

from engine.scenes.conditions import Conditions
from engine.scenes.props import BARREL, BENCH, CRATE, FENCE, LAMP, SIGN, STREETLIGHT
from engine.scenes.scene import Scene
from engine.scenes.site import Prop, Site

TRAIN: Final = Prop("train", "{colour} carriage", (14.0, 3.6, 2.7), 0.0, ("red", "blue", "teal", "green", "orange"))
ROOF: Final = Prop(
    "platform_roof", "{colour} platform roof", (10.0, 3.6, 4.4), 0.0, ("brick", "slate", "teal"), ("metal", "tiles")
)
CLOCK: Final = Prop("clock", "{colour} station clock", (1.0, 3.4, 0.3), 0.0, ("black", "red", "blue"))
HALL: Final = Prop(
    "tower_block", "boundary {colour} station hall", (12.0, 8.0, 6.0), 0.0, ("brick", "cream", "sand"), ("brick", "masonry")
)
BUFFER: Final = Prop("buffer", "{colour} buffer stop", (2.4, 1.1, 0.9), 0.0, ("red", "yellow"))
KIOSK: Final = Prop("shed", "{colour} kiosk", (3.4, 3.1, 2.6), 0.08, ("teal", "rust", "blue", "mint"))
WALL: Final = Prop("wall", "boundary", (4, 3.2, 0.5), 0.0, ("brick", "sand", "concrete"), ("brick", "masonry"))


def build_station(seed: int, conditions: Conditions) -> Scene:
    """Lay out tracks along x with platforms between them, a concourse with the hall at one end, trains that wait."""
    site = Site("station", seed, 26.0)
    half = site.half
    concourse = site.chance(8.0, 13.0)
    left = -half + concourse
    at = -half
    for width in (6.0, 7.0, 8.0, 6.0, 7.0, 8.0):
        wide = width + site.chance(-0.6, 1.2)
        _platform(site, at + wide / 2, wide, left)
        at += wide
        if at > half - 9:
            break
        _track(site, at + 1.9, left)
        at += 3.8
    along = -half
    while along < half - 0.1:
        wide = min(site.chance(9.0, 15.0), half - along)
        wide = half - along if half - along - wide < 6 else wide
        site.put(HALL, -half - 3.0, along + wide / 2, 90.0, (wide, site.chance(6.5, 11.0), 6.0))
        along += wide
    for a, b in (((-half, half + 0.2), (half, half + 0.2)), ((-half, -half - 0.2), (half, -half - 0.2))):
        site.wall(WALL, a, b, 3.2, 0.4)
    site.wall(WALL._replace(caption="boundary fence", kind="fence", colours=("white",)), (half, -half), (half, half), 1.6, 0.16)
    site.spread((KIOSK,), 3, square=True)
    site.spread((BENCH, BENCH, LAMP, SIGN, CRATE, BARREL, CLOCK, STREETLIGHT), 30, square=True)
    return site.finish("flagstones", conditions, apron=("ballast", "ballast", "ballast", "ballast"))


def _platform(site: Site, z: float, wide: float, left: float) -> None:
    """A strip with bright edges, roofs down its middle and a clock under some."""
    site.patch("concrete", (left + site.half) / 2, z, site.half - left, wide)
    for side in (-1, 1):
        site.patch("paint", (left + site.half) / 2, z + side * (wide / 2 - 0.35), site.half - left, 0.22, colour="yellow")
    x = left + site.chance(3, 8)
    while x < site.half - 6:
        if site.rng.random() < 0.75:
            site.try_put(ROOF, x, z, 0.0, 0.2)
        elif site.rng.random() < 0.6:
            site.try_put(CLOCK, x, z, 90.0, 0.5)
        x += 10.4


def _track(site: Site, z: float, left: float) -> None:
    """Ballast, sleepers and rails; carriages, a buffer where the track ends; nobody needs to cross an empty one."""
    length, middle = site.half - left, (left + site.half) / 2
    site.patch("ballast", middle, z, length, 3.4)
    for number in range(int(length / 1.1)):
        site.patch("planks", left + 0.6 + number * 1.1, z, 0.36, 2.3)
    for side in (-1, 1):
        site.patch("steel", middle, z + side * 0.72, length, 0.12)
    site.put(BUFFER, left + 0.8, z, 90.0)
    site.put(FENCE._replace(kind="fence"), site.half - 0.9, z, 90.0, (3.0, 1.0, 0.12))
    x = left + site.chance(2.4, 12.0)
    colour = site.pick(TRAIN.colours)
    for _ in range(int(site.rng.integers(0, 3))):
        if x + 14 > site.half - 2:
            break
        site.put(TRAIN._replace(colours=(colour,)), x + 7.0, z, 0.0)
        x += 14.3
    site.keep_box(middle, z, length, 3.4)
