"""The family ``forest``: dense spruces, birches and oaks with trails, clearings, boulders and a camp."""

import math
from typing import Final

import numpy as np
import shapely

from engine.scenes.conditions import Conditions
from engine.scenes.props import BIRCH, BOULDER, BUSH, LOG, OAK, SPRUCE, STUMP
from engine.scenes.scene import Scene
from engine.scenes.site import Prop, Site

TENT: Final = Prop("tent", "{colour} tent", (2.8, 2.0, 3.2), 0.1, ("orange", "teal", "red", "yellow"))
SHED: Final = Prop("house", "{colour} cabin", (5.0, 4.2, 4.4), 0.1, ("brown", "rust"), ("planks",))
WOODS: Final = ((SPRUCE, SPRUCE, SPRUCE, BIRCH), (BIRCH, BIRCH, OAK), (OAK, SPRUCE, BIRCH), (SPRUCE, OAK))
TRUNK_ROOM: Final = 1.35  # metres between trunks and all else


def build_forest(seed: int, conditions: Conditions) -> Scene:
    """Lay out trails and clearings first, a camp or a cabin in one of them, then trees wherever there is room."""
    site = Site("forest", seed, 30.0)
    woods = WOODS[int(site.rng.integers(0, len(WOODS)))]
    for number in range(int(site.rng.integers(2, 4))):
        along = np.linspace(-site.half, site.half, 8)
        across = np.clip(site.chance(-14, 14) + np.cumsum(site.rng.normal(0, 3.4, 8)), -24, 24)
        pairs = zip(along, across, strict=True) if number % 2 else zip(across, along, strict=True)
        site.way(tuple((round(float(x), 3), round(float(z), 3)) for x, z in pairs), 3.4)
    clearings = [(site.chance(-18, 18), site.chance(-18, 18), site.chance(4.5, 7.5)) for _ in range(int(site.rng.integers(2, 5)))]
    _camp(site, *clearings[0])
    for x, z, radius in clearings:
        site.keep(shapely.Point(x, z).buffer(radius))
        site.patch("meadow", x, z, radius * 1.5, radius * 1.5, site.chance(0, 90))
    site.around(SPRUCE._replace(caption="boundary spruce"), 2.6, inset=-2.0)
    site.around(SPRUCE._replace(caption="boundary spruce", size=(4.4, 10.5, 4.4)), 3.9, inset=-4.0)
    site.spread((BOULDER, LOG, STUMP, BUSH, BUSH), 26)
    site.spread(woods, int(site.chance(110, 160)), room=TRUNK_ROOM)
    return site.finish("forest", conditions, apron=("forest",) * 4)


def _camp(site: Site, x: float, z: float, radius: float) -> None:
    """A cabin or a few tents round logs."""
    if site.rng.random() < 0.4:
        site.put(SHED, x, z, site.chance(0, 360))
        return
    turn = site.chance(0, 2 * math.pi)
    for number in range(int(site.rng.integers(2, 4))):
        angle = turn + number * 2.1
        site.try_put(TENT, x + radius * 0.7 * math.sin(angle), z + radius * 0.7 * math.cos(angle), math.degrees(angle) + 180)
    site.try_put(LOG, x, z, site.chance(0, 180))
