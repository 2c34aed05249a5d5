"""Things of harbours, yards, warehouses and railways: containers, cranes, boats, racks, trains."""

from collections.abc import Callable
from typing import Final

import numpy as np

from engine.embedded.mesh import MeshBuilder, tint
from engine.models.town import pitched_roof
from engine.scenes.scene import SceneObject


def _container(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, 0.06, 0), (w, h - 0.06, d), tint(thing.colour), "metal")
    for x in (-1, 1):
        for z in (-1, 1):
            builder.box((x * (w / 2 - 0.08), 0, z * (d / 2 - 0.08)), (0.24, h + 0.04, 0.24), tint(thing.colour, 0.72), "plain")


def _container_stack(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    floors = max(2, round(h / 2.5))
    colours = (thing.colour, "teal", "orange", "blue", "rust", "grey")
    for floor in range(floors):
        base, high = floor * h / floors, h / floors
        colour = colours[(floor * 2 + int(abs(thing.position[0]))) % 6] if floor else thing.colour
        builder.box((0, base + 0.04, 0), (w, high - 0.06, d), tint(colour), "metal")


def _crane(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    colour = tint(thing.colour)
    for x in (-1, 1):
        for z in (-1, 1):
            builder.box((x * (w / 2 - 0.3), 0, z * (d / 2 - 0.3)), (0.6, h * 0.66, 0.6), colour, "diagonal")
    builder.box((0, h * 0.64, 0), (w, 0.7, d), colour, "plain")
    builder.box((0, h * 0.66 + 0.3, 0), (w * 0.4, 1.8, d * 0.4), tint("white"), "pane")
    builder.box((0, h * 0.80, d * 0.35), (0.8, 0.8, d * 2.4), colour, "diagonal")
    builder.box((0, h * 0.66, -d * 0.3), (0.7, h * 0.34, 0.7), colour, "plain")
    builder.box((0, h * 0.46, d * 1.2), (0.1, h * 0.34, 0.1), tint("black"), "plain")
    builder.box((0, h * 0.44, d * 1.2), (0.9, 0.5, 0.9), tint("yellow"), "plain")


def _sea(builder: MeshBuilder, thing: SceneObject) -> None:
    """Hidden just below the ground, which is painted as water: it keeps walkers off and gives masks a number."""
    w, _, d = thing.size
    builder.box((0, -0.07, 0), (w, 0.05, d), tint(thing.colour), "plain")


def _boat(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size  # the bow points to +x
    hull = h * 0.36
    plan = np.array([[-0.5, -0.36], [0.2, -0.5], [0.5, 0.0], [0.2, 0.5], [-0.5, 0.36]]) * [w, d]
    low = np.stack([plan[:, 0] * 0.86, np.zeros(5), plan[:, 1] * 0.7], -1)
    high = np.stack([plan[:, 0], np.full(5, hull), plan[:, 1]], -1)
    builder.tower(low, high, tint(thing.colour), "plain")
    builder.box((0, hull - 0.08, 0), (w * 0.8, 0.16, d * 0.72), tint("brown", 1.25), "planks")
    builder.box((-w * 0.16, hull, 0), (w * 0.3, h * 0.2, d * 0.5), tint("white"), "plain")
    builder.panel((-w * 0.01 + 0.03, hull + h * 0.06, 0), (d * 0.4, h * 0.1), 1, tint("slate"), "lit_pane")
    builder.drum((w * 0.12, hull, 0), (0.1, 0.06), h * 0.64, 6, tint("brown"), "plain")
    if int(abs(thing.position[0] * 3)) % 2:
        sail = np.array([[w * 0.10, hull + 0.5, 0.0], [-w * 0.34, hull + 0.6, 0.0], [w * 0.10, h, 0.0]])
        builder.body([sail, np.add(sail, [0, 0, 0.04])], tint("cream", 1.1), "plaster")
        builder.body([np.add(sail, [0, 0, 0.04]), sail], tint("cream", 1.1), "plaster")


def _barrel(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    builder.drum((0, 0, 0), (w / 2, w / 2), h, 9, tint(thing.colour), "bands")


def _pallet(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, 0, 0), (w, 0.15, d), tint("brown"), "planks")
    colours = (thing.colour, "sand", "brown")
    rows = max(1, round(h / 0.6))
    for row in range(rows):
        for side in (-1, 1):
            colour = tint(colours[(row + side) % 3], 0.95)
            builder.box((side * w * 0.235, 0.15 + row * 0.58, 0), (w * 0.46, 0.56, d * 0.92), colour, "plaster")


def _rack(builder: MeshBuilder, thing: SceneObject) -> None:
    """A high shelf with boxes on every board."""
    w, h, d = thing.size
    bays, boards = max(1, round(w / 2.4)), max(2, int(h / 1.3))
    for post in range(bays + 1):
        x = -w / 2 + 0.06 + post * (w - 0.12) / bays
        for z in (-1, 1):
            builder.box((x, 0, z * (d / 2 - 0.06)), (0.12, h, 0.12), tint("blue"), "plain")
    salt = int(abs(thing.position[0] * 3 + thing.position[1] * 7))
    for board in range(boards):
        base = 0.1 + board * h / boards
        builder.box((0, base, 0), (w, 0.12, d), tint("orange"), "plain")
        for bay in range(bays):
            pick = (bay * 5 + board * 3 + salt) % 8
            if pick == 7:
                continue
            high = (h / boards - 0.35) * (0.55 + 0.06 * pick)
            colour = ("sand", "brown", thing.colour, "cream", "teal", "sand", "rust")[pick]
            middle = -w / 2 + (bay + 0.5) * w / bays
            builder.box(
                (middle, base + 0.12, 0), (w / bays * 0.78, high, d * 0.8), tint(colour), "plaster" if pick % 2 else "planks"
            )


def _forklift(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((-w * 0.1, 0.2, 0), (w * 0.6, h * 0.36, d * 0.9), tint(thing.colour), "plain")
    for x in (-0.28, 0.12):
        builder.box((x * w, 0, 0), (0.5, 0.45, d), tint("black"), "plain")
        for z in (-1, 1):
            builder.box((x * w, 0.2, z * d * 0.38), (0.09, h - 0.2, 0.09), tint("black", 1.6), "plain")
    builder.box((-w * 0.08, h - 0.06, 0), (w * 0.5, 0.1, d * 0.86), tint(thing.colour), "plain")
    for z in (-1, 1):
        builder.box((w * 0.24, 0, z * d * 0.25), (0.12, h * 1.1, 0.12), tint("slate"), "plain")
        builder.box((w * 0.38, 0.1, z * d * 0.25), (w * 0.3, 0.08, 0.14), tint("slate"), "plain")


def _cone(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    builder.box((0, 0, 0), (w, 0.06, w), tint("black"), "plain")
    builder.drum((0, 0.06, 0), (w * 0.36, w * 0.06), h - 0.06, 8, tint("orange", 1.1), "bands")


def _train(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size  # the length is w
    builder.box((0, 0.25, 0), (w, 0.5, d * 0.8), tint("black"), "plain")
    builder.box((0, 0.7, 0), (w, h - 1.0, d), tint(thing.colour), "plain")
    builder.box((0, h - 0.32, 0), (w - 0.3, 0.32, d * 0.84), tint("grey"), "plain")
    for side, z in ((0, d / 2 + 0.03), (2, -d / 2 - 0.03)):
        builder.panel((0, 0.95, z), (w, 0.3), side, tint("white"), "plain")
        count = max(2, round(w / 3.2))
        for number in range(count):
            x = (number + 0.5) * w / count - w / 2
            if number % 3 == 1:
                builder.panel((x, 0.8, z * 1.002), (1.3, h - 1.4), side, tint("yellow"), "pane")
            else:
                builder.panel((x, 1.55, z), (2.3, 0.95), side, (0.30, 0.40, 0.52), "lit_pane")


def _platform_roof(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    for x in (-1, 1):
        builder.drum((x * w * 0.36, 0, 0), (0.2, 0.16), h, 8, tint("teal"), "plain")
        builder.box((x * w * 0.36, h - 0.5, 0), (0.14, 0.3, d * 0.8), tint("teal"), "plain")
        builder.box((x * w * 0.18, h - 0.14, 0), (0.4, 0.12, 0.4), tint("cream", 1.1), "glow")
    builder.box((0, h - 0.05, 0), (w, 0.2, d), tint(thing.colour), thing.texture)


def _clock(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    builder.drum((0, 0, 0), (0.16, 0.12), h - 0.9, 8, tint("black", 1.3), "plain")
    builder.box((0, h - 0.95, 0), (w, w, 0.3), tint(thing.colour), "plain")
    for side, z in ((0, 0.17), (2, -0.17)):
        builder.panel((0, h - 0.88, z), (w * 0.82, w * 0.82), side, tint("white", 1.1), "glow")
        builder.panel((0, h - 0.88 + w * 0.4, z * 1.12), (0.08, w * 0.32), side, tint("black"), "plain")
        builder.panel((w * 0.1, h - 0.88 + w * 0.39, z * 1.12), (w * 0.26, 0.07), side, tint("black"), "plain")


def _lighthouse(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    builder.drum((0, 0, 0), (w / 2, w * 0.32), h * 0.8, 10, tint(thing.colour), "bands")
    builder.drum((0, h * 0.8, 0), (w * 0.42, w * 0.42), 0.25, 10, tint("grey"), "plain")
    builder.drum((0, h * 0.8 + 0.25, 0), (w * 0.24, w * 0.24), h * 0.1, 8, tint("yellow", 1.1), "glow")
    builder.drum((0, h * 0.9 + 0.25, 0), (w * 0.32, 0.0), h * 0.1, 8, tint("red"), "plain")


def _shed(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    wall = h * 0.66
    builder.box((0, 0, 0), (w, wall, d), tint(thing.colour), "metal")
    pitched_roof(builder, thing.size, wall, tint("slate"))
    builder.panel((0, 0, d / 2 + 0.03), (w * 0.36, wall * 0.82), 0, tint("slate", 0.8), "bands")
    for side in (-1, 1):
        builder.panel((side * w * 0.34, wall * 0.5, d / 2 + 0.03), (1.4, 0.9), 0, (0.3, 0.4, 0.52), "lit_pane")


def _buffer(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, h * 0.5, 0), (w, h * 0.5, d * 0.4), tint(thing.colour), "diagonal")
    for x in (-1, 1):
        builder.box((x * w * 0.3, 0, 0), (0.25, h * 0.6, d), tint("black"), "plain")


WORKS: Final[dict[str, Callable[[MeshBuilder, SceneObject], None]]] = {
    "container": _container,
    "container_stack": _container_stack,
    "crane": _crane,
    "sea": _sea,
    "boat": _boat,
    "barrel": _barrel,
    "pallet": _pallet,
    "rack": _rack,
    "forklift": _forklift,
    "cone": _cone,
    "train": _train,
    "platform_roof": _platform_roof,
    "clock": _clock,
    "lighthouse": _lighthouse,
    "shed": _shed,
    "buffer": _buffer,
}
