"""Things of the first families, park and rooms, and the plain people who walk there: low-poly, of convex bodies."""

from collections.abc import Callable
from typing import Final

import numpy as np

from engine.embedded.mesh import Mesh, MeshBuilder, raised, tint
from engine.scenes.scene import Character, Colour, SceneObject

WOOD: Final = tint("brown")
CEILING: Final = 3.2  # metres; lintels hang from it


def _block(builder: MeshBuilder, thing: SceneObject) -> None:
    builder.box((0, 0, 0), thing.size, tint(thing.colour), thing.texture)


def _lintel(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, CEILING - h, 0), (w, h, d), tint(thing.colour), thing.texture)


def _picture(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, 1.1, 0), (w, h, d), tint("white"), "plain")
    builder.box((0, 1.2, d / 2), (w - 0.2, h - 0.2, d), tint(thing.colour), thing.texture)


def _pillar(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, 0, 0), (w * 1.25, 0.25, d * 1.25), tint("grey"), "plain")
    builder.box((0, 0.25, 0), (w, h - 0.45, d), tint(thing.colour), thing.texture)
    builder.box((0, h - 0.2, 0), (w * 1.25, 0.2, d * 1.25), tint("white"), "plain")


def _column(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    builder.drum((0, 0, 0), (w / 2, w / 2), h, 10, tint(thing.colour), thing.texture)
    builder.drum((0, h, 0), (w * 0.65, 0.0), w * 0.6, 10, tint(thing.colour, 0.8), "plain")


def _hut(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    wall = h * 0.62
    builder.box((0, 0, 0), (w, wall, d), tint("white"), thing.texture)
    door = tint(thing.colour, 0.75)
    builder.box((0, 0, d / 2 + 0.02), (0.9, min(1.9, wall - 0.2), 0.06), door, "planks")
    over = 0.3
    x, z = w / 2 + over, d / 2 + over
    eaves = np.array([[-x, wall, -z], [x, wall, -z], [x, wall, z], [-x, wall, z]])
    ridge = np.array([[-x, h, 0], [x, h, 0], [x, h, 0], [-x, h, 0]])
    front = [eaves[[0, 1]], eaves[[2, 3]]]
    faces = [
        np.stack([front[0][0], front[0][1], ridge[1], ridge[0]]),
        np.stack([front[1][0], front[1][1], ridge[0], ridge[1]]),
        np.stack([eaves[0], eaves[3], ridge[0]]),
        np.stack([eaves[1], eaves[2], ridge[1]]),
        eaves,
    ]
    builder.body(faces, tint(thing.colour), "roof")


def bare_crown(builder: MeshBuilder, width: float, height: float) -> None:
    """Branches without leaves, from the middle of the trunk upwards."""
    low = np.array([[-0.08, 0, -0.08], [0.08, 0, -0.08], [0.08, 0, 0.08], [-0.08, 0, 0.08]])
    builder.tower(raised(low, height * 0.45), raised(low * 0.3, height * 0.97), tint("bare"), "bark")
    for number in range(7):
        angle, rise = number * 2.4, 0.40 + 0.06 * number
        reach = width * (0.46 - 0.03 * number)
        tip = raised(low * 0.25, height * (rise + 0.30), np.cos(angle) * reach, np.sin(angle) * reach)
        builder.tower(raised(low * 0.7, height * rise), tip, tint("bare"), "bark")


def _round_tree(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    builder.drum((0, 0, 0), (0.24, 0.16), h * 0.5, 6, WOOD, "plain")
    if thing.colour == "bare":
        bare_crown(builder, w, h)
        return
    builder.blob((0, h * 0.66, 0), (w / 2, h * 0.34, w / 2), tint(thing.colour), "hedge")


def _pine(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    builder.drum((0, 0, 0), (0.2, 0.16), h * 0.25, 6, WOOD, "plain")
    for i, (base, wide) in enumerate([(0.2, 1.0), (0.42, 0.78), (0.64, 0.52)]):
        builder.drum((0, h * base, 0), (w / 2 * wide, 0.0), h * 0.38, 8, tint(thing.colour, 0.78 + 0.14 * i), "plain")


def _bench(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    for side in (-1, 1):
        builder.box((side * (w / 2 - 0.15), 0, 0), (0.12, h * 0.5, d), tint("black", 1.6), "plain")
    builder.box((0, h * 0.5, 0), (w, 0.1, d), tint(thing.colour), "plain")
    builder.box((0, h * 0.62, -d / 2 + 0.06), (w, h * 0.38, 0.1), tint(thing.colour), "plain")


def _lamp(builder: MeshBuilder, thing: SceneObject) -> None:
    _, h, _ = thing.size
    builder.drum((0, 0, 0), (0.2, 0.16), 0.35, 6, tint("black"), "plain")
    builder.drum((0, 0.35, 0), (0.08, 0.07), h - 0.8, 6, tint("black", 1.3), "plain")
    builder.blob((0, h - 0.25, 0), (0.3, 0.3, 0.3), tint(thing.colour, 1.25), "glow")


def _gate(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    for side in (-1, 1):
        builder.box((side * (w / 2 - 0.25), 0, 0), (0.5, h, 0.5), tint(thing.colour), thing.texture)
    builder.box((0, h, 0), (w + 0.8, 0.4, 0.6), tint(thing.colour, 0.8), "plain")


def _sign(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    for side in (-1, 1):
        builder.box((side * w * 0.38, 0, 0), (0.1, h, 0.1), WOOD, "plain")
    builder.box((0, h * 0.45, 0), (w, h * 0.5, d), tint(thing.colour), thing.texture)


def _flag(builder: MeshBuilder, thing: SceneObject) -> None:
    _, h, _ = thing.size
    builder.drum((0, 0, 0), (0.07, 0.05), h, 6, tint("white"), "plain")
    builder.box((0.75, h - 1.1, 0), (1.4, 1.0, 0.05), tint(thing.colour), thing.texture)


def _fountain(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    builder.drum((0, 0, 0), (w / 2, w / 2), 0.55, 10, tint("grey"), "stone")
    builder.drum((0, 0.45, 0), (w / 2 - 0.2, w / 2 - 0.2), 0.12, 10, tint("blue", 1.3), "plain")
    builder.drum((0, 0.5, 0), (0.22, 0.16), h - 0.7, 8, tint(thing.colour), "plain")
    builder.drum((0, h - 0.3, 0), (0.3, w * 0.24), 0.3, 10, tint(thing.colour), "plain")


def _rock(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.blob((0, h * 0.35, 0), (w / 2, h * 0.65, d / 2), tint(thing.colour), "plain")


def _cupboard(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, 0, 0), thing.size, tint(thing.colour), "planks")
    for row in range(1, int(h / 0.45)):
        builder.box((0, row * 0.45, d / 2), (w * 0.9, 0.06, 0.05), tint("white"), "plain")


def _table(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    for x in (-1, 1):
        for z in (-1, 1):
            builder.box((x * (w / 2 - 0.1), 0, z * (d / 2 - 0.1)), (0.12, h, 0.12), tint(thing.colour, 0.7), "plain")
    builder.box((0, h - 0.1, 0), (w, 0.12, d), tint(thing.colour), "plain")


def _sofa(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, 0, 0), (w, h * 0.5, d), tint(thing.colour), "plain")
    builder.box((0, h * 0.5, -d / 2 + 0.15), (w, h * 0.5, 0.3), tint(thing.colour, 0.85), "plain")
    for side in (-1, 1):
        builder.box((side * (w / 2 - 0.12), h * 0.5, 0), (0.24, h * 0.25, d), tint(thing.colour, 0.85), "plain")


GARDEN: Final[dict[str, Callable[[MeshBuilder, SceneObject], None]]] = {
    "lintel": _lintel,
    "picture": _picture,
    "pillar": _pillar,
    "column": _column,
    "wall": _block,
    "crate": _block,
    "hedge": _block,
    "hut": _hut,
    "round_tree": _round_tree,
    "pine": _pine,
    "bench": _bench,
    "lamp": _lamp,
    "gate": _gate,
    "sign": _sign,
    "flag": _flag,
    "fountain": _fountain,
    "rock": _rock,
    "cupboard": _cupboard,
    "table": _table,
    "sofa": _sofa,
}


STRIDE: Final = 1.3  # metres of one full step cycle
PHASES: Final = 8  # pictures of one step cycle


def build_character_mesh(character: Character, phase: int, blot: Colour | None) -> Mesh:
    """A person in one phase of their stride, standing at the origin and facing +z, on a blot of shadow if it has a colour."""
    swing = 0.32 * np.sin(phase * 2 * np.pi / PHASES)
    builder = MeshBuilder()
    if blot is not None:
        builder.drum((0, 0, 0), (0.42, 0.42), 0.02, 10, blot, "plain")
    ring = np.array([[-0.09, 0, -0.11], [0.09, 0, -0.11], [0.09, 0, 0.11], [-0.09, 0, 0.11]])
    for side in (-1, 1):
        foot = side * swing
        leg = raised(ring, 0, right=side * 0.13)
        builder.tower(raised(leg, 0.02, foot), raised(leg, 0.85), tint(character.trousers), "plain")
        arm = raised(ring * 0.8, 0, right=side * 0.34)
        builder.tower(raised(arm, 0.85, -foot), raised(arm, 1.42), tint(character.shirt, 0.85), "plain")
    builder.box((0, 0.85, 0), (0.5, 0.6, 0.3), tint(character.shirt), "plain")
    builder.box((0, 1.47, 0), (0.26, 0.3, 0.26), (0.92, 0.74, 0.6), "plain")
    builder.box((0, 1.7, -0.02), (0.3, 0.1, 0.3), (0.25, 0.16, 0.1), "plain")
    return builder.build()
