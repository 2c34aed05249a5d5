"""The family ``village``: cottages with gardens round a green with a church, a well and winding lanes."""

import math
from typing import Final

from engine.scenes.conditions import Conditions
from engine.scenes.props import BENCH, BUSH, CRATE, FENCE, HEDGE, LAMP, LOG, OAK, ROUND_TREE, WELL
from engine.scenes.scene import Scene
from engine.scenes.site import Prop, Site

COTTAGE: Final = Prop(
    "house", "{colour} cottage", (6.4, 5.6, 5.2), 0.14, ("cream", "white", "sand", "pink", "mint"), ("plaster", "planks")
)
CHURCH: Final = Prop("church", "{colour} church", (7.0, 15.0, 11.0), 0.08, ("concrete", "cream"), ("masonry", "plaster"))


def build_village(seed: int, conditions: Conditions) -> Scene:
    """Lay out a green, two or three lanes that leave it, cottages along them and a church at one side."""
    site = Site("village", seed, site_half(seed))
    half = site.half
    green_x, green_z = site.chance(-6, 6), site.chance(-6, 6)
    site.put(WELL, green_x, green_z, site.chance(0, 360))
    turn = site.chance(0, 2 * math.pi)
    lanes = int(site.rng.integers(3, 6))
    for number in range(lanes):
        angle = turn + number * 2 * math.pi / lanes + site.chance(-0.25, 0.25)
        bend = site.chance(-0.35, 0.35)
        points = [
            (green_x + math.sin(angle + bend * r / half) * r, green_z + math.cos(angle + bend * r / half) * r)
            for r in (3, 12, 22, 32, 48)
        ]
        site.way(tuple((round(x, 3), round(z, 3)) for x, z in points), 3.2)
    ring = [(green_x + 7 * math.sin(a), green_z + 7 * math.cos(a)) for a in [k * math.pi / 8 for k in range(17)]]
    site.way(tuple((round(x, 3), round(z, 3)) for x, z in ring), 2.8)
    for _ in range(60):
        angle, r = site.chance(0, 2 * math.pi), site.chance(13, 18)
        if site.try_put(CHURCH, green_x + r * math.sin(angle), green_z + r * math.cos(angle), math.degrees(angle) + 180, 1.2):
            break
    _cottages(site, green_x, green_z)
    site.around(HEDGE._replace(caption="boundary hedge", size=(5.0, 1.3, 0.9), spread=0.0), 4.8)
    site.spread((OAK, ROUND_TREE, ROUND_TREE, BUSH), 16)
    site.spread((BENCH, LAMP, LAMP, CRATE, LOG, FENCE), 14)
    return site.finish("meadow", conditions, apron=("meadow",) * 4)


def site_half(seed: int) -> float:
    """Half the village's width, metres."""
    return 28.0 + seed % 7


def _cottages(site: Site, green_x: float, green_z: float) -> None:
    """Cottages that face the green, each with a fence or a tree beside it."""
    placed = 0
    for _ in range(500):
        if placed == 12:
            return
        x, z = (float(v) for v in site.rng.uniform(-site.half + 4, site.half - 4, 2))
        yaw = math.degrees(math.atan2(green_x - x, green_z - z))
        yaw = round(yaw / 30) * 30.0
        if site.try_put(COTTAGE, x, z, yaw, 1.6):
            placed += 1
            w = math.radians(yaw)
            for side in (-1, 1):
                fx, fz = x + math.cos(w) * side * 5.0 + math.sin(w) * 3.4, z - math.sin(w) * side * 5.0 + math.cos(w) * 3.4
                site.try_put(FENCE, fx, fz, yaw, 0.3)
