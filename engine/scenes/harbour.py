"""The family ``harbour``: a quay before the sea with cranes, stacked containers, sheds, boats and a lighthouse."""

from typing import Final

from engine.scenes.conditions import Conditions
from engine.scenes.props import BARREL, BENCH, BOLLARD, CAR, CONE, CRATE, FENCE, FLAG, STREETLIGHT
from engine.scenes.scene import Scene
from engine.scenes.site import OPEN, Prop, Site

PAINTS: Final = ("red", "blue", "teal", "orange", "rust", "yellow", "grey")
CONTAINER: Final = Prop("container", "{colour} container", (6.0, 2.5, 2.4), 0.0, PAINTS)
STACK: Final = Prop("container_stack", "stack of containers with a {colour} one", (6.0, 5.0, 2.4), 0.0, PAINTS)
CRANE: Final = Prop("crane", "{colour} crane", (6.0, 13.0, 5.0), 0.12, ("red", "yellow", "blue", "orange"))
BOAT: Final = Prop("boat", "{colour} boat", (8.0, 6.0, 2.8), 0.25, ("white", "red", "blue", "teal", "yellow"))
SHED: Final = Prop("shed", "{colour} shed", (11.0, 6.2, 7.0), 0.12, ("rust", "teal", "cream", "slate", "mint"))
LIGHTHOUSE: Final = Prop("lighthouse", "{colour} lighthouse", (3.6, 13.0, 3.6), 0.1, ("red", "white", "blue"))
RAIL: Final = FENCE._replace(caption="boundary rail", colours=("yellow",), size=(4.0, 1.05, 0.14))
SEA: Final = Prop("sea", "boundary sea", (1.0, 0.05, 1.0), 0.0, ("blue",))
NET: Final = FENCE._replace(caption="boundary fence", colours=("grey",), size=(4.0, 2.0, 0.14))


def build_harbour(seed: int, conditions: Conditions) -> Scene:
    """Lay out a quay: sea beyond a rail to the north, a jetty into it or a basin, rows of containers, sheds behind."""
    site = Site("harbour", seed, 30.0)
    half = site.half
    shore = site.chance(6.0, 16.0)
    site.patch("water", 0, half + 2, 2 * half + 8, 2 * (half - shore) + 4)
    jetty = site.chance(-20, 20)
    _quay(site, shore, jetty)
    site.put(CRANE, site.chance(-24, -8), shore - 3.6, 0.0)
    site.put(CRANE, site.chance(6, 24), shore - 3.6, 0.0)
    site.clear(site.chance(-half + OPEN, half - OPEN), site.chance(-half + OPEN + 1, shore - OPEN - 3), OPEN)
    rows = int(site.rng.integers(2, 4))
    for row in range(rows):
        z = shore - 11 - row * 6.2
        x = -half + site.chance(2, 7)
        while x < half - 7:
            site.try_put(STACK if site.rng.random() < 0.45 else CONTAINER, x + 3, z, 0.0, 0.25)
            x += 6.2 + (0.2 if site.rng.random() < 0.45 else site.chance(2.8, 6))
    for _ in range(3):
        for _ in range(30):
            if site.try_put(SHED, site.chance(-half + 7, half - 7), site.chance(-half + 5, -half + 10), 0.0, 2.0):
                break
    for number in range(9):
        site.patch("paint", -half + 4 + number * 6.6, shore - 7.2, 3.0, 0.2, colour="yellow")
    _fences(site, shore)
    site.spread((BARREL, CRATE, CRATE, CONE, BENCH, STREETLIGHT, CAR, FLAG), 26)
    return site.finish("concrete", conditions, apron=("water", "concrete", "concrete", "concrete"))


def _quay(site: Site, shore: float, jetty: float) -> None:
    """The rail along the shore with a jetty of planks through it, boats on both sides, a lighthouse at its end."""
    half, wide, end = site.half, 4.2, site.half - 3.5
    site.patch("planks", jetty, (shore + end) / 2, wide, end - shore + 1, 0.0)
    for low, high in ((-half, jetty - wide / 2), (jetty + wide / 2, half)):
        site.wall(RAIL, (low, shore), (high, shore), 1.05, 0.14)
    for side in (-1, 1):
        site.wall(RAIL, (jetty + side * wide / 2, shore), (jetty + side * wide / 2, end), 1.05, 0.14)
    site.wall(RAIL, (jetty - wide / 2, end), (jetty + wide / 2, end), 1.05, 0.14)
    away = -24.0 if jetty > 0 else 24.0
    site.put(LIGHTHOUSE, away + site.chance(-2, 2), half - 3.0, 0.0)
    for number in range(9):
        site.try_put(
            BOAT, -half + 5 + number * 6.6 + site.chance(-1, 1), site.chance(shore + 3.0, half - 2), site.chance(0, 360), 0.8
        )
    for number in range(8):
        site.try_put(BOLLARD, -half + 3 + number * 7.6, shore - 0.9, 0.0, 0.2)
    for low, high, near in ((-half, jetty - wide / 2, shore), (jetty + wide / 2, half, shore), (-half, half, end)):
        size = (high - low, SEA.size[1], half + 2 - near)  # none walks on water
        site.put(SEA, (low + high) / 2, near + size[2] / 2, 0.0, size)
    site.keep_box(0, (shore + half) / 2 + 0.2, 2 * half, half - shore)
    site.keep_box(jetty, shore, wide, 6)


def _fences(site: Site, shore: float) -> None:
    """A fence round the land; the sea needs none."""
    half = site.half
    site.wall(NET, (-half, -half), (half, -half), 2.0, 0.14)
    for side in (-1, 1):
        site.wall(NET, (side * half, -half), (side * half, shore), 2.0, 0.14)
