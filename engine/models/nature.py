"""Things that grow or fell down: kinds of trees, bushes, logs, and what is left of old walls."""

from collections.abc import Callable
from typing import Final

import numpy as np

from engine.embedded.mesh import MeshBuilder, raised, tint
from engine.models.garden import bare_crown
from engine.scenes.scene import SceneObject

SPRUCE_SKIRT: Final = 2.4  # metres from the ground to the lowest branches, above who walks there and the camera behind them


def _oak(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    builder.drum((0, 0, 0), (0.42, 0.26), h * 0.5, 7, tint("brown", 0.9), "bark")
    if thing.colour == "bare":
        bare_crown(builder, w, h)
        return
    builder.blob((0, h * 0.62, 0), (w * 0.44, h * 0.26, w * 0.44), tint(thing.colour, 0.92), "leaves")
    builder.blob((w * 0.2, h * 0.78, w * 0.08), (w * 0.3, h * 0.21, w * 0.3), tint(thing.colour), "leaves")
    builder.blob((-w * 0.18, h * 0.74, -w * 0.1), (w * 0.3, h * 0.2, w * 0.32), tint(thing.colour, 0.97), "leaves")


def _birch(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    builder.drum((0, 0, 0), (0.17, 0.10), h * 0.62, 6, tint("white"), "bark")
    if thing.colour == "bare":
        bare_crown(builder, w, h)
        return
    builder.blob((0, h * 0.66, 0), (w * 0.42, h * 0.34, w * 0.42), tint(thing.colour, 1.05), "leaves")


def _spruce(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    boundary = "boundary" in thing.name
    low = 0.12 if boundary else max(0.12, SPRUCE_SKIRT / h)
    builder.drum((0, 0, 0), (0.24, 0.18), h * (low + 0.08), 6, tint("brown", 0.8), "bark")
    tiers, sides = (2, 5) if boundary else (3, 6)  # a forest has hundreds
    for number in range(tiers):
        base, wide = low + (0.96 - low) * number / tiers, 1.0 - 0.9 * number / tiers
        length, shade = h * min(1.2 / tiers, 1.02 - base), 0.72 + 0.3 * number / tiers
        builder.drum((0, h * base, 0), (w / 2 * wide, 0.0), length, sides, tint(thing.colour, shade), "leaves")


def _bush(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.blob((-w * 0.14, h * 0.4, 0), (w * 0.36, h * 0.6, d * 0.5), tint(thing.colour, 0.92), "leaves")
    builder.blob((w * 0.18, h * 0.32, d * 0.05), (w * 0.32, h * 0.46, d * 0.42), tint(thing.colour), "leaves")


def _log(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    angle = np.arange(8) * np.pi / 4 + np.pi / 8
    ring = np.stack([np.full(8, -w / 2), h / 2 + np.sin(angle) * h / 2, np.cos(angle) * d / 2], -1)
    sides = [np.stack([ring[i], ring[(i + 1) % 8], ring[(i + 1) % 8] + [w, 0, 0], ring[i] + [w, 0, 0]]) for i in range(8)]
    builder.body([ring, np.add(ring, [w, 0, 0]), *sides], tint(thing.colour), "bark")


def _stump(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    builder.drum((0, 0, 0), (w / 2, w / 2.5), h, 8, tint(thing.colour), "bark")


def _boulder(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    builder.blob((0, h * 0.3, 0), (w / 2, h * 0.7, d / 2), tint(thing.colour), "plaster")


def _tent(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    low = np.array([[-w / 2, 0, -d / 2], [w / 2, 0, -d / 2], [w / 2, 0, d / 2], [-w / 2, 0, d / 2]])
    high = np.array([[0, h, -d / 2], [0, h, -d / 2], [0, h, d / 2], [0, h, d / 2]])
    builder.tower(low, np.add(high, [[-0.02, 0, 0], [0.02, 0, 0], [0.02, 0, 0], [-0.02, 0, 0]]), tint(thing.colour), "plaster")
    builder.panel((0, 0, d / 2 + 0.03), (w * 0.36, h * 0.6), 0, tint("black"), "plain")


def _broken_wall(builder: MeshBuilder, thing: SceneObject) -> None:
    """A wall whose top has crumbled in steps."""
    w, h, d = thing.size
    steps = max(3, round(w / 0.9))
    salt = int(abs(thing.position[0] * 11 + thing.position[1] * 17))
    for number in range(steps):
        share = (1.0, 0.86, 0.66, 0.90, 0.52, 0.74, 0.38)[(number * 3 + salt) % 7]
        left = -w / 2 + number * w / steps
        builder.box((left + w / steps / 2, 0, 0), (w / steps, h * share, d), tint(thing.colour), thing.texture)


def _broken_column(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, _ = thing.size
    builder.box((0, 0, 0), (w * 1.1, 0.3, w * 1.1), tint(thing.colour, 0.9), "plaster")
    angle = np.arange(9) * 2 * np.pi / 9
    ring = np.stack([np.sin(angle), np.zeros(9), np.cos(angle)], -1) * w * 0.42
    top = raised(ring * 0.9, h)
    top[:, 1] += 0.35 * np.sin(angle)  # broken off aslant
    builder.tower(raised(ring, 0.3), top, tint(thing.colour), "stripes", 1.2)


def _altar(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    for step in range(3):
        share = 1 - 0.24 * step
        builder.box((0, h * step / 3, 0), (w * share, h / 3, d * share), tint(thing.colour, 0.85 + 0.1 * step), "masonry")


def _reeds(builder: MeshBuilder, thing: SceneObject) -> None:
    w, h, d = thing.size
    for number in range(6):
        x, z = np.sin(number * 2.4) * w * 0.35, np.cos(number * 2.4) * d * 0.35
        builder.drum((float(x), 0, float(z)), (0.07, 0.02), h * (0.7 + 0.05 * number), 4, tint(thing.colour), "plain")


NATURE: Final[dict[str, Callable[[MeshBuilder, SceneObject], None]]] = {
    "oak": _oak,
    "birch": _birch,
    "spruce": _spruce,
    "bush": _bush,
    "log": _log,
    "stump": _stump,
    "boulder": _boulder,
    "tent": _tent,
    "broken_wall": _broken_wall,
    "broken_column": _broken_column,
    "altar": _altar,
    "reeds": _reeds,
}
