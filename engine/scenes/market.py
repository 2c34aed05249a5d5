"""The family ``market``: a cobbled square with rows of stalls round a fountain or a statue, houses on all sides."""

import math
from typing import Final

from engine.scenes.conditions import Conditions
from engine.scenes.props import BARREL, BENCH, BOLLARD, CRATE, FLAG, FOUNTAIN, LAMP, ROUND_TREE, STALL, STATUE
from engine.scenes.scene import Scene
from engine.scenes.site import OPEN, Prop, Site

FRONTS: Final = ("cream", "pink", "sky", "mint", "sand", "brick", "yellow", "orange")
HOUSE: Final = Prop("tower_block", "boundary {colour} house", (7.0, 9.0, 6.0), 0.0, FRONTS, ("plaster", "plaster", "brick"))
CHURCH: Final = Prop("church", "{colour} church", (8.0, 17.0, 12.0), 0.05, ("concrete", "cream", "sand"), ("masonry",))


def build_market(seed: int, conditions: Conditions) -> Scene:
    """Lay out a square of 36 to 46 m with house fronts round it, stalls in rings or in rows, one landmark in the middle."""
    site = Site("market", seed, 18.0 + seed % 6)
    _fronts(site)
    middle = FOUNTAIN if site.rng.random() < 0.5 else STATUE._replace(size=(3.0, 6.0, 3.0))
    x, z = site.chance(-3, 3), site.chance(-3, 3)
    site.patch("flagstones", x, z, 10, 10, 45.0 * (seed % 2))
    site.put(middle, x, z, site.chance(0, 360))
    turn = site.chance(0, 2 * math.pi)
    open_x, open_z = ((site.half - 9.2) * way(turn) for way in (math.sin, math.cos))
    site.clear(open_x, open_z, OPEN)
    if site.rng.random() < 0.35:
        site.try_put(CHURCH, site.chance(-8, 8), -site.half + 7.2, 0.0, 1.0)
    if site.rng.random() < 0.5:
        _ring(site, x, z)
    else:
        _rows(site)
    site.spread((CRATE, BARREL, BENCH, LAMP, LAMP, ROUND_TREE, BOLLARD, FLAG, CRATE), 24)
    return site.finish("cobbles", conditions)


def _fronts(site: Site) -> None:
    """Houses shoulder to shoulder just outside the square, an arch in one of them."""
    half, deep = site.half, 6.0
    for quarter, yaw in enumerate((0.0, 90.0, 180.0, 270.0)):
        at = -half - (deep if quarter % 2 else 0.0)
        end = half + (deep if quarter % 2 else 0.0)
        while at < end - 0.1:
            width = site.chance(5.5, 9.0)
            width = end - at if end - at - width < 4.5 else width
            along, out = at + width / 2, half + deep / 2
            x, z = ((along, -out), (-out, along), (along, out), (out, along))[quarter]
            site.put(HOUSE, x, z, yaw, (width, site.chance(7.0, 13.5), deep))
            at += width


def _ring(site: Site, x: float, z: float) -> None:
    """Stalls in two circles that look outwards."""
    for radius, count in ((7.5, 7), (13.0, 11)):
        turn = site.chance(0, 360)
        for number in range(count):
            angle = math.radians(turn + number * 360 / count)
            site.try_put(STALL, x + radius * math.sin(angle), z + radius * math.cos(angle), math.degrees(angle), 1.3)


def _rows(site: Site) -> None:
    """Stalls in streets of four metres."""
    along_z = bool(site.rng.random() < 0.5)
    row = -site.half + site.chance(4.0, 6.0)
    while row < site.half - 3:
        at = -site.half + site.chance(3, 5)
        while at < site.half - 3:
            if site.rng.random() < 0.72:
                x, z, yaw = (at, row, 0.0) if along_z else (row, at, 90.0)
                site.try_put(STALL, x, z, yaw + 180 * float(site.rng.integers(0, 2)), 0.4)
            at += 4.0
        row += site.chance(5.6, 7.4)
