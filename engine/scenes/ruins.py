"""The family ``ruins``: courts of broken walls, columns and arches round an altar, in grass and sand."""

import math
from typing import Final

from engine.scenes.conditions import Conditions
from engine.scenes.props import BIRCH, BOULDER, BUSH, OAK, STATUE
from engine.scenes.scene import Scene
from engine.scenes.site import OPEN, Prop, Site

STONES: Final = ("sand", "concrete", "cream")
BROKEN: Final = Prop("broken_wall", "broken {colour} wall", (5.0, 2.8, 0.7), 0.2, STONES, ("masonry",))
COLUMN: Final = Prop("broken_column", "broken {colour} column", (1.0, 3.2, 1.0), 0.3, STONES)
ARCH: Final = Prop("arch", "{colour} arch", (4.6, 4.6, 1.0), 0.1, STONES, ("masonry",))
ALTAR: Final = Prop("altar", "{colour} altar", (5.0, 1.6, 5.0), 0.2, STONES)
CLIFF: Final = Prop("boulder", "boundary cliff", (8.5, 4.4, 5.0), 0.2, ("sand", "concrete", "grey"))


def build_ruins(seed: int, conditions: Conditions) -> Scene:
    """Lay out an altar, an avenue of columns, three to five courts with gaps in their walls, and arches between."""
    site = Site("ruins", seed, 27.0 + seed % 5)
    turn = float(site.rng.integers(0, 4)) * 90 + site.chance(-20, 20)
    altar_x, altar_z = site.chance(-8, 8), site.chance(-8, 8)
    site.patch("flagstones", altar_x, altar_z, 13, 13, turn)
    site.put(ALTAR, altar_x, altar_z, turn)
    away, reach = math.radians(turn + 180 + site.chance(-50, 50)), site.half - OPEN - 1.0
    open_x, open_z = altar_x + 16 * math.sin(away), altar_z + 16 * math.cos(away)
    site.clear(min(max(open_x, -reach), reach), min(max(open_z, -reach), reach), OPEN)
    _avenue(site, altar_x, altar_z, turn)
    for _ in range(int(site.rng.integers(4, 7))):
        _court(site)
    for _ in range(40):
        if sum(thing.kind == "arch" for thing in site.things) >= 4:
            break
        site.try_put(ARCH, site.chance(-20, 20), site.chance(-20, 20), float(site.rng.integers(0, 8)) * 45)
    site.around(CLIFF, 7.0, inset=-2.4)
    site.spread((COLUMN, BROKEN, BOULDER, STATUE, COLUMN), 22)
    site.spread((OAK, BIRCH, BUSH, BUSH), 14)
    return site.finish("meadow" if seed % 3 else "sand", conditions, apron=("meadow" if seed % 3 else "sand",) * 4)


def _avenue(site: Site, x: float, z: float, turn: float) -> None:
    """Two rows of columns that lead to the altar."""
    w = math.radians(turn)
    ahead, right = (math.sin(w), math.cos(w)), (math.cos(w), -math.sin(w))
    site.patch("flagstones", x + ahead[0] * 15, z + ahead[1] * 15, 3.4, 19, turn)
    for number in range(5):
        for side in (-1, 1):
            out, along = side * 3.0, 7.5 + 3.6 * number
            site.try_put(COLUMN, x + ahead[0] * along + right[0] * out, z + ahead[1] * along + right[1] * out, turn, 0.6)


def _court(site: Site) -> None:
    """Four broken walls round a paved square, each with a way in."""
    x, z = site.chance(-19, 19), site.chance(-19, 19)
    size, turn = site.chance(7.5, 11), site.chance(0, 90)
    w = math.radians(turn)
    placed = 0
    for quarter in range(4):
        angle = w + quarter * math.pi / 2
        for side in (-1, 1):
            out, along = size / 2, side * (size / 4 + 0.9)
            px = x + math.sin(angle) * out + math.cos(angle) * along
            pz = z + math.cos(angle) * out - math.sin(angle) * along
            part = BROKEN._replace(size=(size / 2 - 1.9, site.chance(1.4, 3.4), 0.7), spread=0.05)
            placed += site.try_put(part, px, pz, math.degrees(angle), 0.05)
    if placed > 3:
        site.patch("flagstones", x, z, size - 0.6, size - 0.6, turn)
