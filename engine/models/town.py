"""Things of towns: houses and blocks with windows, cars, stalls, street lights, fences, arches."""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np

from engine.embedded.mesh import MeshBuilder, tint
from engine.scenes.scene import Colour, SceneObject

PANE: Final = (0.30, 0.40, 0.52)
LIT_SHARE: Final = 5  # of 9 windows are lit at night


def window(builder: MeshBuilder, centre: tuple[float, float, float], size: tuple[float, float], side: int, number: int) -> None:
    """One window with its sill; which ones are lit at night follows from their numbers."""
    builder.panel(centre, size, side, PANE, "lit_pane" if (number * 7) % 9 < LIT_SHARE else "pane")


def windows(
    builder: MeshBuilder, thing: SceneObject, wall: float, storey: float, sides: tuple[int, ...], start: float = 1.0
) -> None:
    """Rows of windows on the walls of a box, one every two and a half metres and storey."""
    w, _, d = thing.size
    salt = int(abs(thing.position[0]) * 3 + abs(thing.position[1]) * 5)
    for side in sides:
        length, out = ((w, d / 2), (d, w / 2), (w, d / 2), (d, w / 2))[side]
        count, floors = max(1, int(length / 2.5)), max(1, int((wall - start + 0.9) / storey))
        for i in range(count):
            along = (i + 0.5) * length / count - length / 2
            for floor in range(floors):
                x, z = ((along, out + 0.03), (out + 0.03, along), (along, -out - 0.03), (-out - 0.03, along))[side]
                window(builder, (x, start + floor * storey, z), (1.1, 1.35), side, salt + i * 2 + floor * 5 + side)


def pitched_roof(builder: MeshBuilder, size: tuple[float, float, float], wall: float, colour: Colour, over: float = 0.35) -> None:
    """Two slopes over a box, the ridge along x."""
    x, z, h = size[0] / 2 + over, size[2] / 2 + over, size[1]
    eaves = np.array([[-x, wall, -z], [x, wall, -z], [x, wall, z], [-x, wall, z]])
    ridge = np.array([[-x + 0.2, h, 0], [x - 0.2, h, 0]])
    faces = [
        np.stack([eaves[0], eaves[1], ridge[1], ridge[0]]),
        np.stack([eaves[2], eaves[3], ridge[0], ridge[1]]),
        np.stack([eaves[0], eaves[3], ridge[0]]),
        np.stack([eaves[1], eaves[2], ridge[1]]),
        eaves,
    ]
    builder.body(faces, colour, "tiles")


def _house(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    wall = h * 0.62
    builder.box((0, 0, 0), (w, wall, d), tint(thing.colour), thing.texture)
    windows(builder, thing, wall, 2.6, (1, 2, 3), 0.9)
    roofs = ("brick", "slate", "rust", "brown")
    salt = int(abs(thing.position[0] * 5 + thing.position[1] * 3))
    pitched_roof(builder, thing.size, wall, tint(roofs[salt % 4]))
    builder.panel((0, 0, d / 2 + 0.03), (1.1, 2.1), 0, tint(("red", "teal", "blue", "brown")[salt % 3]), "planks")
    for side in (-1, 1):
        window(builder, (side * w * 0.30, 0.9, d / 2 + 0.03), (1.2, 1.2), 0, salt + side)
    builder.box((w * 0.27, h * 0.7, -d * 0.14), (0.6, h * 0.42, 0.6), tint("brick"), "brick")


def _tower_block(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    salt = int(abs(thing.position[0] * 5 + thing.position[1] * 3))
    builder.box((0, 0, 0), (w, h, d), tint(thing.colour), thing.texture)
    builder.box((0, h, 0), (w + 0.4, 0.4, d + 0.4), tint(thing.colour, 0.7), "plain")
    if salt % 3:
        count = max(1, round(w / 3))
        builder.panel(
            (0, 0.05, d / 2 + 0.04), (w - 0.4, 2.9), 0, tint(("red", "teal", "orange", "mint")[salt % 4]), "shop", (count, 1)
        )
        windows(builder, thing, h, 2.9, (0,), 3.7)
    else:
        builder.panel((0, 0, d / 2 + 0.05), (1.5, 2.4), 0, tint("brown"), "planks")
        windows(builder, thing, h, 2.9, (0,), 3.7)
        for side in (-1, 1):
            window(builder, (side * w * 0.3, 0.9, d / 2 + 0.04), (1.5, 1.6), 0, salt + side)
    windows(builder, thing, h, 2.9, (1, 3), 3.7)


def _car(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size  # the length is w
    for x in (-0.32, 0.32):
        builder.box((x * w, 0, 0), (0.62, 0.5, d * 0.98), tint("black"), "plain")
    builder.box((0, 0.28, 0), (w, h * 0.42, d * 0.96), tint(thing.colour), "plain")
    base, top = h * 0.42 + 0.28, h
    low = np.array(
        [[-w * 0.36, base, -d * 0.44], [w * 0.26, base, -d * 0.44], [w * 0.26, base, d * 0.44], [-w * 0.36, base, d * 0.44]]
    )
    high = np.array(
        [[-w * 0.26, top, -d * 0.38], [w * 0.10, top, -d * 0.38], [w * 0.10, top, d * 0.38], [-w * 0.26, top, d * 0.38]]
    )
    builder.tower(low, high, (0.20, 0.26, 0.32), "plain")
    builder.box((-w * 0.08, top - 0.06, 0), (w * 0.34, 0.09, d * 0.74), tint(thing.colour), "plain")
    for z in (-0.3, 0.3):
        builder.box((w / 2, 0.5, z * d), (0.06, 0.16, 0.3), tint("cream"), "glow")
        builder.box((-w / 2, 0.5, z * d), (0.06, 0.16, 0.3), tint("red"), "plain")


def _streetlight(builder: MeshBuilder, thing: SceneObject) -> None:
    _, h, _ = thing.size
    builder.drum((0, 0, 0), (0.14, 0.08), h, 6, tint("slate"), "plain")
    builder.box((0, h - 0.1, 0.5), (0.12, 0.1, 1.1), tint("slate"), "plain")
    builder.box((0, h - 0.24, 0.9), (0.3, 0.15, 0.5), tint("cream", 1.15), "glow")


def _stall(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    for x in (-1.0, 1.0):
        for z in (-1.0, 1.0):
            builder.box((x * (w / 2 - 0.06), 0, z * (d / 2 - 0.06)), (0.1, h * 0.76, 0.1), tint("brown"), "plain")
    builder.box((0, 0, 0.1), (w - 0.2, 0.9, d - 0.5), tint("brown", 1.1), "planks")
    for number in range(4):
        x = (number - 1.5) * w / 4.6
        goods = ("red", "lime", "orange", "yellow", "purple")[(number + int(abs(thing.position[0]))) % 5]
        builder.box((x, 0.9, 0.15), (w / 5.4, 0.28, d * 0.5), tint(goods), "dots")
    x, z, eave = w / 2 + 0.25, d / 2 + 0.35, h * 0.76
    low = np.array([[-x, eave, -z], [x, eave, -z], [x, eave, z], [-x, eave, z]])
    high = np.array([[-x * 0.9, h, -0.1], [x * 0.9, h, -0.1], [x * 0.9, h, 0.1], [-x * 0.9, h, 0.1]])
    builder.tower(low, high, tint(thing.colour, 1.1), thing.texture, 1.0)


def _fence(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    for height in (0.32, 0.78):
        builder.box((0, h * height, 0), (w, 0.1, d * 0.5), tint(thing.colour), "plain")
    posts = max(2, round(w / 0.9) + 1)
    for number in range(posts):
        builder.box((number * (w - 0.14) / (posts - 1) - w / 2 + 0.07, 0, 0), (0.14, h, d), tint(thing.colour, 0.95), "plain")


def _arch(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    post = w * 0.2
    for side in (-1, 1):
        builder.box((side * (w - post) / 2, 0, 0), (post, h * 0.62, d), tint(thing.colour), thing.texture)
    outer, inner = w / 2, w / 2 - post
    angle = np.linspace(0, np.pi, 7)
    ring = np.stack([np.cos(angle), np.sin(angle)], -1)
    rise = h * 0.38 / outer
    for a, b in pairwise(ring):
        flat = np.array([a * inner, a * outer, b * outer, b * inner]) * [1, rise] + [0, h * 0.62]
        faces = [np.stack([flat[:, 0], flat[:, 1], np.full(4, z)], -1) for z in (-d / 2, d / 2)]
        sides = [np.stack([faces[0][i], faces[0][(i + 1) % 4], faces[1][(i + 1) % 4], faces[1][i]]) for i in range(4)]
        builder.body([*faces, *sides], tint(thing.colour, 0.95), thing.texture)


def _bollard(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    builder.drum((0, 0, 0), (w / 2, w / 2.4), h, 7, tint(thing.colour), "bands")


def _statue(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, 0, 0), (w, 0.35, d), tint("concrete"), "plain")
    builder.box((0, 0.35, 0), (w * 0.72, h * 0.36, d * 0.72), tint("concrete", 0.95), "masonry")
    base = 0.35 + h * 0.36
    builder.drum((0, base, 0), (w * 0.26, w * 0.16), h * 0.32, 8, tint(thing.colour), "plain")
    builder.box((0, base + h * 0.22, 0), (w * 0.62, h * 0.08, w * 0.2), tint(thing.colour), "plain")
    builder.blob((0, base + h * 0.38, 0), (w * 0.14, w * 0.17, w * 0.14), tint(thing.colour, 1.05), "plain")


def _bus_stop(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    for x in (-1.0, 1.0):
        builder.box((x * (w / 2 - 0.06), 0, -d / 2 + 0.06), (0.1, h, 0.1), tint("slate"), "plain")
        builder.box((x * (w / 2 - 0.03), 0.3, 0), (0.05, h - 0.5, d), tint("sky"), "glass")
    builder.box((0, 0.3, -d / 2 + 0.05), (w - 0.2, h - 0.5, 0.06), tint("sky"), "glass")
    builder.box((0, h, 0.1), (w + 0.2, 0.14, d + 0.4), tint(thing.colour), "plain")
    builder.box((0, 0.45, -d / 4), (w * 0.7, 0.1, 0.4), tint("brown"), "plain")


def _well(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    builder.drum((0, 0, 0), (w / 2, w / 2), 0.9, 10, tint("grey"), "masonry")
    builder.drum((0, 0.88, 0), (w / 2 - 0.2, w / 2 - 0.2), 0.04, 10, tint("black"), "plain")
    for side in (-1, 1):
        builder.box((side * (w / 2 - 0.1), 0.85, 0), (0.14, h * 0.62 - 0.85, 0.14), tint("brown"), "plain")
    pitched_roof(builder, (w * 0.9, h, w * 0.8), h * 0.62, tint(thing.colour))


def _church(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size  # the spire stands on the +z side
    wall = h * 0.32
    nave = w * 0.8
    builder.box((0, 0, -d * 0.12), (nave, wall, d * 0.76), tint(thing.colour), thing.texture)
    x, ridge, low, front = nave / 2 + 0.3, wall * 1.7, -d / 2, d * 0.26
    eaves = np.array([[-x, wall, low], [x, wall, low], [x, wall, front], [-x, wall, front]])
    top = np.array([[0, ridge, low], [0, ridge, front]])
    faces = [eaves[[0, 1]], eaves[[2, 3]]]
    slopes = [np.stack([eaves[1], eaves[2], top[1], top[0]]), np.stack([eaves[3], eaves[0], top[0], top[1]])]
    gables = [np.stack([*faces[0], top[0]]), np.stack([*faces[1], top[1]])]
    builder.body([*slopes, *gables, eaves], tint("slate"), "tiles")
    tower = w * 0.42
    builder.box((0, 0, d / 2 - tower / 2), (tower, h * 0.6, tower), tint(thing.colour, 0.96), thing.texture)
    corners = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]]) * (tower / 2 + 0.15) + [0, h * 0.6, d / 2 - tower / 2]
    builder.tower(corners, np.tile([0, h, d / 2 - tower / 2], (4, 1)), tint("slate", 0.9), "tiles")
    builder.panel((0, 0, d / 2 + 0.03), (1.5, 2.6), 0, tint("brown"), "planks")
    builder.panel((0, h * 0.42, d / 2 + 0.03), (1.2, 1.2), 0, tint("white", 1.1), "dots")
    for side, out in ((1, nave / 2 + 0.03), (3, -nave / 2 - 0.03)):
        for number in range(3):
            builder.panel((out, wall * 0.3, -d * 0.4 + number * d * 0.24), (0.9, wall * 0.55), side, PANE, "lit_pane")


def _mailbox(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, 0, 0), (0.1, h * 0.7, 0.1), tint("brown"), "plain")
    builder.box((0, h * 0.7, 0), (w, h * 0.3, d), tint(thing.colour), "plain")


TOWN: Final[dict[str, Callable[[MeshBuilder, SceneObject], None]]] = {
    "house": _house,
    "tower_block": _tower_block,
    "car": _car,
    "streetlight": _streetlight,
    "stall": _stall,
    "fence": _fence,
    "arch": _arch,
    "bollard": _bollard,
    "statue": _statue,
    "bus_stop": _bus_stop,
    "well": _well,
    "church": _church,
    "mailbox": _mailbox,
}
