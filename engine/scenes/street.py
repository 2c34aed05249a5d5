"""The family ``street``: a crossing of two streets between town blocks with shops, parked cars and trees."""

from collections.abc import Iterator
from typing import Final

from engine.scenes.conditions import Conditions
from engine.scenes.props import BENCH, BOLLARD, BUSH, CAR, CRATE, LAMP, ROUND_TREE, SIGN, STREETLIGHT, WALL
from engine.scenes.scene import Scene
from engine.scenes.site import Prop, Site

FACADES: Final = ("brick", "cream", "sand", "rust", "mint", "concrete", "sky", "pink")
BLOCK: Final = Prop("tower_block", "{colour} town house", (8.0, 9.5, 8.0), 0.0, FACADES, ("plaster", "brick", "masonry"))
BUS_STOP: Final = Prop("bus_stop", "bus stop with a {colour} roof", (3.2, 2.5, 1.3), 0.0, ("red", "blue", "yellow"))
PASSAGE: Final = 2.6  # metres between two houses
MAILBOX: Final = Prop("mailbox", "{colour} letter box", (0.5, 1.2, 0.4), 0.0, ("red", "yellow"))


def build_street(seed: int, conditions: Conditions) -> Scene:
    """Lay out a crossing: two streets of 6 to 9 m, pavements, a block of houses in each quarter, things at the kerbs."""
    site = Site("street", seed, 30.0)
    cross_x, cross_z = site.chance(-11, 11), site.chance(-11, 11)
    wide = site.chance(6.0, 9.0)
    pavement = site.chance(3.2, 4.4)
    _paint(site, cross_x, cross_z, wide)
    front = wide / 2 + pavement
    for x0, x1 in ((-site.half, cross_x - front), (cross_x + front, site.half)):
        for z0, z1 in ((-site.half, cross_z - front), (cross_z + front, site.half)):
            _quarter(site, (x0, x1), (z0, z1), toward=(cross_x, cross_z))
    for away in (-1, 1):
        _close(site, cross_x, away, wide + 2 * pavement, across=False)
        _close(site, cross_z, away, wide + 2 * pavement, across=True)
    site.border(WALL._replace(colours=("brick", "concrete", "sand")), 2.6)
    _furnish(site, cross_x, cross_z, wide)
    return site.finish("pavement", conditions)


def _paint(site: Site, cross_x: float, cross_z: float, wide: float) -> None:
    """Asphalt, dashed middle lines and zebra crossings."""
    length = 2 * site.half + 4
    site.patch("asphalt", cross_x, 0, wide, length)
    site.patch("asphalt", 0, cross_z, length, wide)
    for number in range(-7, 8):
        if abs(number * 4 - cross_z) > wide / 2 + 3.5:
            site.patch("paint", cross_x, number * 4, 0.18, 2.0)
        if abs(number * 4 - cross_x) > wide / 2 + 3.5:
            site.patch("paint", number * 4, cross_z, 2.0, 0.18)
    for side in (-1, 1):
        for stripe in range(int(wide / 1.0)):
            along = (stripe + 0.5) * wide / int(wide) - wide / 2
            site.patch("paint", cross_x + along, cross_z + side * (wide / 2 + 1.6), 0.5, 2.2)
            site.patch("paint", cross_x + side * (wide / 2 + 1.6), cross_z + along, 2.2, 0.5)


def _quarter(site: Site, x: tuple[float, float], z: tuple[float, float], toward: tuple[float, float]) -> None:
    """Houses along both streets that a quarter touches; a passage leads to the yard behind them."""
    deep = 7.0
    x_side, z_side = (1 if x[0] < toward[0] else -1), (1 if z[0] < toward[1] else -1)
    edge_x, edge_z = (x[1] if x_side > 0 else x[0]), (z[1] if z_side > 0 else z[0])
    far_x, far_z = (x[0] if x_side > 0 else x[1]), (z[0] if z_side > 0 else z[1])
    for middle, width in _houses(site, edge_z, far_z, passage=True):
        site.put(BLOCK, edge_x - x_side * deep / 2, middle, 90.0 * x_side, (width, site.chance(6.5, 14.0), deep))
    for middle, width in _houses(site, edge_x - x_side * deep, far_x, passage=False):
        site.put(BLOCK, middle, edge_z - z_side * deep / 2, 0.0 if z_side > 0 else 180.0, (width, site.chance(6.5, 14.0), deep))
    yard_x, yard_z = sorted((edge_x - x_side * deep, far_x)), sorted((edge_z - z_side * deep, far_z))
    site.patch("gravel", sum(yard_x) / 2, sum(yard_z) / 2, yard_x[1] - yard_x[0], yard_z[1] - yard_z[0])
    for _ in range(int((yard_x[1] - yard_x[0]) * (yard_z[1] - yard_z[0]) / 40)):
        prop = (ROUND_TREE, BUSH, BENCH, CRATE)[int(site.rng.integers(0, 4))]
        site.try_put(prop, site.chance(*yard_x), site.chance(*yard_z), 90.0 * int(site.rng.integers(0, 4)))


def _houses(site: Site, start: float, end: float, *, passage: bool) -> Iterator[tuple[float, float]]:
    """Middles and widths of houses from ``start`` on; a passage of ``PASSAGE`` metres after the first."""
    at, side = start, 1 if end > start else -1
    while abs(end - at) > 3.5:
        rest = abs(end - at)
        width = min(site.chance(7.3 if passage else 6.0, 10.5), rest - PASSAGE if passage else rest)
        width = rest if rest - width < 4 and not passage else width
        yield at + side * width / 2, width
        at += side * (width + (PASSAGE if passage else 0.0))
        passage = False


def _close(site: Site, cross: float, away: int, width: float, *, across: bool) -> None:
    """A tall house at the end of a street, so that it ends somewhere."""
    far = away * (site.half + 2.95)  # hides the wall
    x, z = (far, cross) if across else (cross, far)
    yaw = (270.0 if away > 0 else 90.0) if across else (180.0 if away > 0 else 0.0)
    named = BLOCK._replace(caption="boundary house")
    site.put(named, x, z, yaw, (width + 2.0, site.chance(8.0, 15.0), 6.0))


def _furnish(site: Site, cross_x: float, cross_z: float, wide: float) -> None:
    """Cars at the kerb, trees, lights and benches on the pavement."""
    kerb = wide / 2 + 0.7
    for number in range(-6, 7):
        along = number * 4.6
        for side in (-1, 1):
            for across in (False, True):
                cross, other = (cross_z, cross_x) if across else (cross_x, cross_z)
                if abs(along - other) < wide / 2 + 5:
                    continue
                place = (along, cross + side * kerb) if across else (cross + side * kerb, along)
                parked = (along, cross + side * (wide / 2 - 1.1)) if across else (cross + side * (wide / 2 - 1.1), along)
                yaw = (0.0 if side < 0 else 180.0) if across else (90.0 if side < 0 else 270.0)
                if site.rng.random() < 0.32:
                    site.try_put(CAR, *parked, (0.0 if across else 90.0) + (180.0 if side < 0 else 0.0), 0.3)
                prop = (STREETLIGHT, ROUND_TREE, BENCH, BOLLARD, MAILBOX, BUS_STOP, SIGN, LAMP)[int(site.rng.integers(0, 8))]
                turned = yaw + 180 if prop.kind in ("streetlight", "bench", "bus_stop") else yaw
                site.try_put(prop, *place, turned, 0.3)
