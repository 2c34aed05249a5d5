"""The family ``warehouse``: a high hall of racks in aisles, pallets, forklifts and painted lanes."""

from typing import Final

from engine.scenes.conditions import Conditions
from engine.scenes.props import BARREL, CONE, CRATE
from engine.scenes.scene import Scene
from engine.scenes.site import ROUND, Prop, Site

HEIGHT: Final = 6.2  # metres of the hall
RACK: Final = Prop("rack", "rack with {colour} boxes", (7.2, 4.4, 1.3), 0.0, ("red", "mint", "yellow", "purple"))
PALLET: Final = Prop("pallet", "pallet with {colour} boxes", (1.4, 1.5, 1.2), 0.2, ("red", "teal", "yellow", "sand"))
FORKLIFT: Final = Prop("forklift", "{colour} forklift", (3.2, 2.2, 1.4), 0.0, ("yellow", "orange", "red"))
HALL: Final = Prop(
    "wall", "boundary", (4, HEIGHT, 0.4), 0.0, ("concrete", "cream", "sky", "mint"), ("metal", "concrete", "brick")
)
PILLAR: Final = Prop("wall", "{colour} post", (0.6, HEIGHT, 0.6), 0.0, ("yellow", "grey"), ("diagonal", "plain"))
CONTAINER: Final = Prop("container", "{colour} container", (6.0, 2.5, 2.4), 0.0, ("red", "blue", "rust", "teal"))
WINDOW: Final = Prop("wide_window", "window", (3.4, 1.8, 0.1), 0.0, ("white",))


def build_warehouse(seed: int, conditions: Conditions) -> Scene:
    """Lay out a hall of 36 to 48 m with racks in rows that leave aisles of three metres, and a yard of loose goods."""
    site = Site("warehouse", seed, site_half(seed))
    half = site.half
    site.border(HALL, HEIGHT, 0.4)
    along_z = bool(site.rng.random() < 0.5)
    yard = site.chance(8.2, 13.0)
    aisle = site.chance(3.2, 4.2)
    row = -half + 3.4
    while row < half - yard - 1:
        _row(site, row, along_z)
        row += 1.3 + aisle
    lane = half - yard / 2
    along = site.chance(-half + ROUND + 0.4, half - ROUND - 0.4)
    site.clear(*((along, lane) if along_z else (lane, along)), ROUND)
    for side in (-1, 1):
        place, size = (lane + side * yard * 0.42, 0.0), (0.22, 2 * half - 3)
        x, z, w, d = (*place, *size) if not along_z else (place[1], place[0], size[1], size[0])
        site.patch("paint", x, z, w, d, colour="yellow")
    for number in range(4):
        x = (number - 1.5) * half / 2
        for z, yaw in ((-half + 0.1, 0.0), (half - 0.1, 180.0)):
            site.put(WINDOW, x, z, yaw)
    for x in (-half * 0.5, half * 0.5):
        for z in (-half * 0.5, half * 0.5):
            site.try_put(PILLAR, x, z, 0.0, 0.4)
    site.spread((CONTAINER, FORKLIFT), 4, square=True)
    site.spread((PALLET, PALLET, FORKLIFT, BARREL, CRATE, CONE), 26)
    return site.finish("concrete", conditions, ceiling=HEIGHT)


def site_half(seed: int) -> float:
    """Half the hall's width, metres."""
    return 18.0 + seed % 7


def _row(site: Site, row: float, along_z: bool) -> None:
    """Racks end to end with a cross aisle now and then; some are lower or missing."""
    at = -site.half + 2.6
    while at < site.half - 7:
        length = site.chance(4.8, 9.6)
        if at + length > site.half - 2.4:
            break
        if site.rng.random() < 0.86:
            middle = at + length / 2
            x, z, yaw = (middle, row, 0.0) if along_z else (row, middle, 90.0)
            site.put(RACK, x, z, yaw, (length, (2.9, 4.3, 5.2)[int(site.rng.integers(0, 3))], 1.3))
        at += length + (0.05 if site.rng.random() < 0.5 else 3.0)
