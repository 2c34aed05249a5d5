"""Things of offices and halls: desks, shelves, plants, windows seen from inside, ceiling lamps."""

from collections.abc import Callable
from typing import Final

from engine.embedded.mesh import MeshBuilder, tint
from engine.models.garden import CEILING
from engine.scenes.scene import SceneObject


def _desk(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, h - 0.06, -d * 0.1), (w, 0.07, d * 0.8), tint(thing.colour), "plain")
    for side in (-1, 1):
        builder.box((side * (w / 2 - 0.05), 0, -d * 0.1), (0.07, h - 0.05, d * 0.76), tint("slate"), "plain")
    builder.box((0, h, -d * 0.3), (0.1, 0.2, 0.1), tint("black"), "plain")
    builder.box((0, h + 0.14, -d * 0.3), (0.7, 0.42, 0.05), tint("black"), "plain")
    builder.panel((0, h + 0.17, -d * 0.3 + 0.03), (0.62, 0.35), 0, tint("sky"), "glow")
    builder.box((-w * 0.3, h, 0), (0.3, 0.05, 0.24), tint("white"), "plain")
    builder.box((0, 0.42, d * 0.34), (0.46, 0.09, 0.4), tint("blue"), "plain")
    builder.box((0, 0.46, d * 0.46), (0.46, 0.5, 0.07), tint("blue"), "plain")
    builder.drum((0, 0, d * 0.34), (0.2, 0.05), 0.42, 5, tint("black"), "plain")


def _bookshelf(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, 0, 0), (w, h, d), tint(thing.colour), "plain")
    builder.panel(
        (0, 0.1, d / 2 + 0.02), (w - 0.14, h - 0.2), 0, (1.0, 1.0, 1.0), "books", (max(1, round(w / 1.2)), round(h / 0.9))
    )


def _potted_plant(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    builder.drum((0, 0, 0), (w * 0.26, w * 0.36), h * 0.3, 8, tint("rust"), "plain")
    builder.drum((0, h * 0.3, 0), (0.04, 0.03), h * 0.3, 5, tint("brown"), "plain")
    builder.blob((0, h * 0.68, 0), (w * 0.46, h * 0.32, w * 0.46), tint(thing.colour), "leaves")


def _wide_window(builder: MeshBuilder, thing: SceneObject) -> None:
    """What a window shows from inside; it hangs on a wall and faces local +z."""
    w, h, d = thing.size
    builder.box((0, 0.75, 0), (w, h + 0.2, d), tint("white"), "plain")
    for number in range(2):
        builder.panel(((number - 0.5) * w * 0.49, 0.85, d / 2 + 0.02), (w * 0.45, h), 0, (1.0, 1.0, 1.0), "daylight")


def _ceiling_lamp(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, CEILING - h, 0), (w, h, d), tint("white", 1.2), "glow")


def _partition(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, 0.05, 0), (w, h - 0.1, d * 0.7), tint(thing.colour), thing.texture)
    builder.box((0, h - 0.08, 0), (w, 0.08, d), tint("slate"), "plain")
    for side in (-1, 1):
        builder.box((side * (w / 2 - 0.04), 0, 0), (0.08, h, d), tint("slate"), "plain")


def _meeting_table(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, h - 0.08, 0), (w - 0.7, 0.08, d - 0.9), tint(thing.colour), "planks")
    builder.box((0, 0, 0), (w * 0.4, h - 0.08, 0.3), tint("slate"), "plain")
    for side in (-1, 1):
        for number in range(3):
            x = (number - 1) * w * 0.26
            builder.box((x, 0.42, side * (d / 2 - 0.3)), (0.46, 0.08, 0.44), tint("teal"), "plain")
            builder.box((x, 0.46, side * (d / 2 - 0.08)), (0.46, 0.46, 0.07), tint("teal"), "plain")
            builder.box((x, 0, side * (d / 2 - 0.3)), (0.08, 0.42, 0.08), tint("black"), "plain")


def _cooler(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, 0, 0), (w, h * 0.66, d), tint("white"), "plain")
    builder.drum((0, h * 0.66, 0), (w * 0.36, w * 0.36), h * 0.34, 8, tint("sky"), "plain")


def _whiteboard(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.box((0, 0.9, 0), (w, h, d), tint("slate"), "plain")
    builder.panel((0, 0.96, d / 2 + 0.02), (w - 0.12, h - 0.12), 0, tint("white", 1.1), "plain")
    for number, colour in enumerate(("red", "blue", "green")):
        x, base = (number - 1) * w * 0.26, 1.1 + 0.14 * number
        builder.panel((x, base, d / 2 + 0.03), (w * 0.2, 0.26), 0, tint(colour), "diagonal")


INDOORS: Final[dict[str, Callable[[MeshBuilder, SceneObject], None]]] = {
    "desk": _desk,
    "bookshelf": _bookshelf,
    "potted_plant": _potted_plant,
    "wide_window": _wide_window,
    "ceiling_lamp": _ceiling_lamp,
    "partition": _partition,
    "meeting_table": _meeting_table,
    "cooler": _cooler,
    "whiteboard": _whiteboard,
}
