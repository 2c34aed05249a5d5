"""What is worn at the neck, carried on the back and held in the hand."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.characters.posed import PosedBuilder, moved, shaded
from engine.characters.wearer import Wearer

Array = NDArray[np.float64]

WOOD: Final = (0.46, 0.30, 0.17)
STEEL: Final = (0.62, 0.64, 0.68)
WHITE: Final = (0.94, 0.93, 0.90)


def add_neck(builder: PosedBuilder, wearer: Wearer) -> None:
    """Scarf, tie or ruff."""
    m, limb, front, accent = wearer.measures, wearer.measures.girth.limb, wearer.chest_depth, wearer.accent
    match wearer.assembly.neck:
        case "scarf":
            builder.stack(
                [
                    (m.neck - 0.05, limb * 1.9, limb * 1.9, 0.01),
                    (m.neck + 0.02, limb * 2.2, limb * 2.2, 0.01),
                    (m.chin + 0.01, limb * 1.8, limb * 1.8, 0.01),
                ],
                accent,
            )
            builder.box((limb * 1.1, m.neck - 0.38, front * 0.98), (0.10, 0.36, 0.05), shaded(accent, 0.85), "bands")
        case "tie":
            knot, tip = m.neck - 0.03, m.neck - 0.40
            builder.limb(
                np.array([0, knot, front * 0.78]), np.array([0, tip + 0.06, front * 1.03]), (0.025, 0.05), accent, sides=4
            )
            builder.limb(
                np.array([0, tip + 0.06, front * 1.03]), np.array([0, tip, front * 1.03]), (0.05, 0.005), accent, sides=4
            )
        case "ruff":
            builder.stack(
                [(m.neck - 0.01, limb * 3.0, limb * 3.0, 0.01), (m.neck + 0.05, limb * 3.2, limb * 3.2, 0.01)], WHITE, sides=12
            )
            builder.stack([(m.neck - 0.05, limb * 2.1, limb * 2.1, 0), (m.neck - 0.01, limb * 2.3, limb * 2.3, 0)], accent)


def add_back(builder: PosedBuilder, wearer: Wearer) -> None:
    """Backpack, cape, satchel or quiver."""
    m, girth, back, accent = wearer.measures, wearer.measures.girth, -wearer.chest_depth, wearer.accent
    match wearer.assembly.back:
        case "backpack":
            _backpack(builder, wearer)
        case "cape":
            trail = 0.10 + 0.004 * wearer.pose.lean
            builder.stack(
                [
                    (m.hip * 0.38, girth.shoulder * 1.55, 0.03, back - 0.14 - trail),
                    (m.hip, girth.shoulder * 1.3, 0.03, back - 0.10),
                    (m.shoulder, girth.shoulder * 1.06, 0.04, back * 0.72),
                    (m.neck + 0.02, girth.limb * 1.7, 0.05, -0.02),
                ],
                accent,
            )
            builder.box((0, m.neck - 0.07, -back * 0.72), (0.16, 0.04, 0.05), (0.95, 0.78, 0.2), "plain")
        case "satchel":
            x = max(girth.hip, girth.waist) * wearer.bulk + 0.07
            builder.box((-x, m.hip * 0.80, 0), (0.13, 0.24, 0.30), accent, "plain")
            builder.box((-x, m.hip * 0.80 + 0.13, 0), (0.15, 0.12, 0.32), shaded(accent, 0.7), "plain")
            for z in (-back + 0.005, back - 0.005):
                builder.limb(
                    np.array([-girth.hip * 1.05, m.hip * 1.02, z]),
                    np.array([girth.shoulder * 0.72, m.shoulder, z * 0.75]),
                    (0.022, 0.022),
                    shaded(accent, 0.6),
                    sides=4,
                )
        case "quiver":
            _quiver(builder, wearer)


def _quiver(builder: PosedBuilder, wearer: Wearer) -> None:
    """Slung across the back, with three arrows."""
    m, girth, back, accent = wearer.measures, wearer.measures.girth, -wearer.chest_depth, wearer.accent
    trunk = m.shoulder - m.hip
    low, high = (
        np.array([-girth.waist * 0.7, m.hip + 0.25 * trunk, back - 0.07]),
        np.array([girth.shoulder * 0.75, m.shoulder + 0.10, back - 0.08]),
    )
    builder.limb(low, high, (0.055, 0.075), accent)
    for dx, dz in ((0.0, 0.03), (0.03, -0.02), (-0.03, -0.02)):
        end = high + (high - low) * 0.34 + [dx * 2, 0, dz * 2]
        builder.limb(moved(high, dx, 0, dz), end, (0.008, 0.008), WOOD, sides=4)
        builder.limb(end - (high - low) * 0.10, end, (0.026, 0.026), WHITE, sides=4)


def _backpack(builder: PosedBuilder, wearer: Wearer) -> None:
    """With a pocket, a roll on top and two straps."""
    m, girth, back, accent = wearer.measures, wearer.measures.girth, -wearer.chest_depth, wearer.accent
    trunk = m.shoulder - m.hip
    builder.box((0, m.hip + 0.22 * trunk, back - 0.10), (girth.shoulder * 1.6, trunk * 0.78, 0.2), accent, "plain")
    builder.box((0, m.hip + 0.28 * trunk, back - 0.23), (girth.shoulder * 1.1, trunk * 0.34, 0.08), shaded(accent, 0.75), "plain")
    builder.limb(
        np.array([-girth.shoulder * 0.9, m.hip + trunk * 1.08, back - 0.1]),
        np.array([girth.shoulder * 0.9, m.hip + trunk * 1.08, back - 0.1]),
        (0.07, 0.07),
        shaded(accent, 1.25),
    )
    for side in (-1, 1):
        builder.box(
            (side * girth.shoulder * 0.6, m.hip + 0.3 * trunk, -back - 0.005),
            (0.045, trunk * 0.66, 0.03),
            shaded(accent, 0.6),
            "plain",
        )


def add_hand(builder: PosedBuilder, wearer: Wearer) -> None:
    """What the right hand holds. The frame is the trunk's, so upright things are drawn against its lean."""
    _, elbow, wrist = wearer.pose.arms[1]
    palm = wrist + (wrist - elbow) / np.linalg.norm(wrist - elbow) * wearer.measures.girth.limb * 1.2
    if wearer.assembly.hand == "none":
        return
    with builder.frame(palm, lean=-wearer.pose.lean, roll=-wearer.pose.roll):
        _HELD[wearer.assembly.hand](builder, wearer, palm)


def _staff(builder: PosedBuilder, wearer: Wearer, palm: Array) -> None:
    top = moved(palm, 0, 0.62, 0.03)
    builder.limb(moved(palm, 0, 0.03 - builder.height_of(palm), 0.02), top, (0.022, 0.026), WOOD)
    builder.blob((top[0], top[1] + 0.05, top[2]), (0.075, 0.085, 0.075), wearer.accent, "plain")


def _briefcase(builder: PosedBuilder, wearer: Wearer, palm: Array) -> None:
    x, y, z = palm
    builder.box((x, y - 0.36, z), (0.12, 0.30, 0.44), wearer.accent, "plain")
    builder.box((x, y - 0.07, z), (0.03, 0.06, 0.16), shaded(wearer.accent, 0.5), "plain")


def _umbrella(builder: PosedBuilder, wearer: Wearer, palm: Array) -> None:
    x, _, z = palm
    roof = wearer.measures.height + 0.22
    builder.limb(moved(palm, 0, -0.12, 0), np.array([x, roof + 0.2, z]), (0.014, 0.012), WOOD)
    builder.drum((x * 0.6, roof, z * 0.5), (0.62, 0.30), 0.17, 10, wearer.accent, "plain")
    builder.drum((x * 0.6, roof + 0.17, z * 0.5), (0.30, 0.0), 0.09, 10, shaded(wearer.accent, 1.15), "plain")


def _lantern(builder: PosedBuilder, wearer: Wearer, palm: Array) -> None:
    x, y, z = palm
    builder.limb(palm, moved(palm, 0, -0.10, 0), (0.008, 0.008), STEEL, sides=4)
    builder.drum((x, y - 0.16, z), (0.09, 0.03), 0.07, 6, wearer.accent, "plain")
    builder.drum((x, y - 0.34, z), (0.07, 0.07), 0.18, 6, (1.3, 1.15, 0.6), "plain")
    builder.drum((x, y - 0.38, z), (0.09, 0.09), 0.04, 6, wearer.accent, "plain")


def _pickaxe(builder: PosedBuilder, wearer: Wearer, palm: Array) -> None:
    low, high = moved(palm, 0, -0.22, 0.14), moved(palm, 0, 0.46, -0.34)
    builder.limb(low, high, (0.02, 0.024), WOOD)
    for side in (-1, 1):
        builder.limb(moved(high, 0, -0.02, 0), moved(high, side * 0.34, -0.10, -0.05), (0.042, 0.008), STEEL)
    builder.blob((high[0], high[1], high[2]), (0.05, 0.05, 0.05), wearer.accent, "plain")


def _basket(builder: PosedBuilder, wearer: Wearer, palm: Array) -> None:
    x, y, z = palm
    builder.drum((x, y - 0.28, z), (0.13, 0.19), 0.22, 10, (0.72, 0.52, 0.28), "planks")
    builder.blob((x, y - 0.07, z), (0.16, 0.08, 0.16), wearer.accent, "plain")
    builder.limb(np.array([x, y - 0.06, z - 0.17]), np.array([x, y + 0.02, z]), (0.014, 0.014), WOOD, sides=4)
    builder.limb(np.array([x, y - 0.06, z + 0.17]), np.array([x, y + 0.02, z]), (0.014, 0.014), WOOD, sides=4)


_HELD: Final = {
    "staff": _staff,
    "briefcase": _briefcase,
    "umbrella": _umbrella,
    "lantern": _lantern,
    "pickaxe": _pickaxe,
    "basket": _basket,
}
