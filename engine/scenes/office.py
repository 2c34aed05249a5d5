"""The family ``office``: open floors with rows of desks, glazed meeting rooms, plants and windows on the daylight."""

from typing import Final

from engine.scenes.conditions import Conditions
from engine.scenes.props import CEILING_LAMP, LINTEL, POT, WALL
from engine.scenes.scene import Scene
from engine.scenes.site import ROUND, Prop, Site

HEIGHT: Final = 3.2  # metres
DOOR: Final = 2.2  # metres wide
DESK: Final = Prop("desk", "{colour} desk", (1.6, 0.75, 1.5), 0.0, ("white", "brown", "sand"))
TABLE: Final = Prop("meeting_table", "{colour} meeting table", (3.4, 0.78, 2.7), 0.08, ("brown", "white", "sand"))
SHELF: Final = Prop("bookshelf", "{colour} bookshelf", (2.2, 2.1, 0.4), 0.1, ("brown", "white", "slate"))
SOFA: Final = Prop("sofa", "{colour} sofa", (2.2, 0.9, 0.9), 0.0, ("red", "teal", "yellow", "purple", "blue"))
PARTITION: Final = Prop(
    "partition", "{colour} screen", (2.6, 1.5, 0.14), 0.0, ("teal", "orange", "sky", "lime"), ("plain", "dots")
)
COOLER: Final = Prop("cooler", "water cooler", (0.5, 1.4, 0.5), 0.0, ("white",))
BOARD: Final = Prop("whiteboard", "whiteboard", (2.4, 1.2, 0.08), 0.0, ("white",))
WINDOW: Final = Prop("wide_window", "window", (3.0, 1.5, 0.08), 0.0, ("white",))
GLASS: Final = WALL._replace(caption="glass wall", colours=("sky",), textures=("glass",))
SOLID: Final = WALL._replace(colours=("cream", "white", "mint", "sky", "orange", "teal", "pink", "slate"), textures=("plaster",))


def build_office(seed: int, conditions: Conditions) -> Scene:
    """Lay out a floor of 26 to 32 m: halls of desks in the middle, rooms of two widths along two or three sides."""
    site = Site("office", seed, 13.0 + seed % 4)
    half = site.half
    site.border(SOLID, HEIGHT, 0.3)
    depth = site.chance(5.6, 7.0)
    taken = {quarter: bool(quarter == seed % 4 or site.rng.random() < 0.5) for quarter in range(4)}
    for quarter in (0, 2):
        if taken[quarter]:
            _rooms(site, quarter, depth)
    for number in range(round(half / 2.4)):
        at = -half + (number + 0.5) * 2 * half / round(half / 2.4)
        for x, z, yaw in ((at, -half + 0.06, 0.0), (at, half - 0.06, 180.0), (-half + 0.06, at, 90.0), (half - 0.06, at, 270.0)):
            site.things.append(site.make(WINDOW, x, z, yaw))
    _desks(site, depth, taken)
    for i in range(5):
        for j in range(5):
            x, z = (-half + (index + 0.5) * 2 * half / 5 for index in (i, j))
            site.things.append(site.make(CEILING_LAMP, x, z, 90.0 * (seed % 2)))
    site.spread((POT, SOFA, COOLER, SHELF, POT, TABLE), 14, square=True)
    return site.finish(("carpet", "parquet", "tiles")[seed % 3], conditions, ceiling=HEIGHT)


def _rooms(site: Site, quarter: int, depth: float) -> None:
    """Rooms in a row at the far (0) or near (2) side, each with a doorway to the hall."""
    half, sign = site.half, 1 if quarter == 0 else -1
    front = sign * (half - depth)
    style = GLASS if site.rng.random() < 0.6 else SOLID
    at = -half
    while at < half - 0.1:
        width = site.chance(5.4, 8.4)
        width = half - at if half - at - width < 5.4 else width
        door = at + width / 2 + site.chance(-0.8, 0.8)
        site.wall(style, (at, front), (door - DOOR / 2, front), HEIGHT, 0.16)
        site.wall(style, (door + DOOR / 2, front), (at + width, front), HEIGHT, 0.16)
        site.put(LINTEL, door, front, 0.0, (DOOR, 0.8, 0.16))
        if at + width < half - 0.1:
            site.wall(SOLID, (at + width, front), (at + width, sign * half), HEIGHT, 0.16)
        surface = ("carpet", "parquet", "tiles")[int(site.rng.integers(0, 3))]
        site.patch(
            surface,
            at + width / 2,
            front + sign * depth / 2,
            width,
            depth,
            colour=site.pick(("sky", "sand", "mint", "brown", "concrete")),
        )
        site.keep_box(door, front, DOOR, 3.0)
        middle = (at + width / 2, front + sign * (depth / 2 + 0.4))
        if width > 6 and site.rng.random() < 0.6:
            site.try_put(TABLE, *middle, 0.0, 0.9)
        else:
            site.try_put(DESK, at + 1.6, middle[1], 90.0, 0.3)
            site.try_put(SHELF, at + width - 0.5, middle[1], 270.0, 0.1)
        site.things.append(site.make(BOARD, at + 0.14 if at > -half else at + 0.05, front + sign * depth * 0.5, 90.0))
        at += width


def _desks(site: Site, depth: float, taken: dict[int, bool]) -> None:
    """Islands of four desks with screens between, in rows with aisles."""
    half = site.half
    top, bottom = half - (depth if taken[0] else 0) - 3.0, -half + (depth if taken[2] else 0) + 3.0
    room_x, room_z = half - ROUND - 0.3, (bottom + ROUND - 2.8, top - ROUND + 2.8)
    site.clear(site.chance(-room_x, room_x), site.chance(*room_z), ROUND)
    step = site.chance(5.6, 6.8)
    x = -half + site.chance(3.4, 4.6)
    while x < half - 3.0:
        z = bottom + 0.6
        while z < top - 0.5:
            if site.rng.random() < 0.78 and site.is_free(x, z, 3.4, 3.3):
                for side in (-1, 1):
                    for ahead, yaw in ((-0.85, 180.0), (0.85, 0.0)):
                        site.put(DESK, x + side * 0.85, z + ahead, yaw)
                site.put(PARTITION, x, z, 0.0, (3.3, 1.4, 0.12))
            z += step
        x += step
