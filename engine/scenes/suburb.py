"""The family ``suburb``: detached houses with lawns, drives, hedges and letter boxes along a curved road."""

import math
from collections.abc import Callable
from typing import Final

from engine.scenes.conditions import Conditions
from engine.scenes.props import BENCH, BUSH, CAR, FENCE, HEDGE, OAK, ROUND_TREE, STREETLIGHT
from engine.scenes.scene import Scene
from engine.scenes.site import Prop, Site

HOUSE: Final = Prop(
    "house",
    "{colour} house",
    (9.5, 6.4, 7.5),
    0.12,
    ("cream", "sky", "white", "mint", "brick", "yellow"),
    ("planks", "plaster", "brick"),
)
MAILBOX: Final = Prop("mailbox", "{colour} letter box", (0.5, 1.2, 0.4), 0.0, ("red", "blue", "white"))
PLAY: Final = Prop("gate", "{colour} swing frame", (3.6, 2.4, 0.6), 0.05, ("red", "yellow", "blue"))
BORDER: Final = HEDGE._replace(caption="boundary hedge", size=(5.0, 1.7, 1.0), spread=0.0)


def build_suburb(seed: int, conditions: Conditions) -> Scene:
    """Lay out one road that bends through the square, a lot every thirteen metres on both sides, gardens behind."""
    site = Site("suburb", seed, 30.0)
    half, wide = site.half, 6.4
    middle, swing, waves = site.chance(-6, 6), site.chance(3, 9), site.chance(0.6, 1.5)
    phase = site.chance(0, 6.28)

    def road(along: float) -> tuple[float, float]:
        angle = along / half * math.pi * waves / 2 + phase
        return middle + swing * math.sin(angle), math.degrees(math.atan(swing * math.cos(angle) * math.pi * waves / 2 / half))

    count = 56
    for surface, width in (("pavement", wide + 4.4), ("asphalt", wide)):
        for number in range(count + 1):
            z = -half - 2 + number * (2 * half + 4) / count
            x, yaw = road(z)
            site.patch(surface, x, z, width, 1.9, yaw)
            site.keep_box(x, z, wide + 4.0, 1.4)
    for number in range(0, count, 4):
        z = -half + number * 2 * half / count
        site.patch("paint", road(z)[0], z, 0.18, 1.8, road(z)[1])
    _lots(site, road, wide)
    site.around(BORDER, 4.9, gaps=0.0)
    site.spread((OAK, ROUND_TREE, ROUND_TREE, BUSH, BUSH), 22)
    site.spread((PLAY, FENCE, BENCH, HEDGE), 10)
    return site.finish("lawn", conditions, apron=("lawn",) * 4)


def _lots(site: Site, road: Callable[[float], tuple[float, float]], wide: float) -> None:
    """Houses that face the road, each with a drive, a car now and then, a letter box and a light."""
    for side in (-1, 1):
        z = -site.half + site.chance(6.5, 9)
        while z < site.half - 6:
            x, yaw = road(z)
            back = wide / 2 + site.chance(8.5, 11.5)
            turned = yaw - 90.0 * side
            if abs(x + side * back) < site.half - 5.5 and site.try_put(HOUSE, x + side * back, z, turned, 0.6):
                drive = z + 6.4
                site.patch("concrete", x + side * (wide / 2 + 4.6), drive, 6.4, 3.0)
                if site.rng.random() < 0.6:
                    site.try_put(CAR, x + side * (wide / 2 + 5.4), drive, 90.0 + 90.0 * side, 0.3)
                site.put(MAILBOX, x + side * (wide / 2 + 2.5), z - 3.4, turned)
                site.put(STREETLIGHT, x + side * (wide / 2 + 1.9), z + 3.6, turned + 0.0)
            z += site.chance(12.0, 15.0)
