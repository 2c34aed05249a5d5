"""Heads: their shape, face, hair, glasses and what is worn on them."""

from typing import Final

import numpy as np

from engine.characters.posed import PosedBuilder, moved, shaded
from engine.characters.wearer import Wearer
from engine.scenes.scene import Colour

DARK: Final = (0.09, 0.08, 0.08)
STRAW: Final = (0.88, 0.74, 0.42)
GOLD: Final = (0.95, 0.78, 0.20)
STEEL: Final = (0.66, 0.68, 0.72)

SHAPES: Final = {  # half widths at chin, jaw, temples and crown, as shares of the head's height; and its depth and height
    "oval": (0.22, 0.36, 0.40, 0.24, 1.08, 1.0),
    "round": (0.34, 0.47, 0.50, 0.30, 1.0, 0.96),
    "square": (0.40, 0.44, 0.44, 0.38, 1.05, 0.98),
    "long": (0.20, 0.32, 0.34, 0.22, 1.14, 1.14),
}


class Head:
    """Places on one head: heights as shares from chin (0) to crown (1), half widths in metres."""

    def __init__(self, wearer: Wearer) -> None:
        chin, jaw, temple, crown, deep, tall = SHAPES[wearer.assembly.head]
        size = wearer.measures.head
        self.base = wearer.measures.chin
        self.size = size * tall
        self.wide = temple * size
        self.deep = temple * size * deep
        self.rings = [
            (self.up(0.0), chin * size, chin * size * deep * 1.1, 0.02),
            (self.up(0.25), jaw * size, jaw * size * deep, 0.012),
            (self.up(0.62), self.wide, self.deep, 0.0),
            (self.up(0.86), self.wide * 0.88, self.deep * 0.9, -0.004),
            (self.up(1.0), crown * size, crown * size * deep, -0.01),
        ]

    def up(self, share: float) -> float:
        """Height above the ground when standing, metres."""
        return self.base + share * self.size

    def ring(self, share: float, scale: float, forward: float = 0.0) -> tuple[float, float, float, float]:
        """A ring round the head, ``scale`` times as wide as the temples."""
        return (self.up(share), self.wide * scale, self.deep * scale, forward)


def add_head(builder: PosedBuilder, wearer: Wearer) -> None:
    """The whole head."""
    head = Head(wearer)
    builder.stack(head.rings, wearer.skin)
    _add_face(builder, wearer, head)
    _add_hair(builder, wearer, head)
    _add_hat(builder, wearer, head)
    _add_eyewear(builder, wearer, head)


def _add_face(builder: PosedBuilder, wearer: Wearer, head: Head) -> None:
    hair, front, size = wearer.hair, head.deep, head.size
    builder.box((0, head.up(0.36), front), (size * 0.12, size * 0.18, size * 0.16), shaded(wearer.skin, 0.92), "plain")
    for side in (-1, 1):
        x = side * head.wide * 0.42
        builder.box((x, head.up(0.53), front * 0.97), (size * 0.11, size * 0.09, 0.03), DARK, "plain")
        builder.box((x, head.up(0.66), front * 0.97), (size * 0.20, size * 0.045, 0.04), hair, "plain")
        builder.box((side * head.wide, head.up(0.40), -0.005), (0.03, size * 0.2, size * 0.16), shaded(wearer.skin, 0.9), "plain")
    match wearer.assembly.face:
        case "bare":
            builder.box((0, head.up(0.20), front * 0.93), (size * 0.24, size * 0.04, 0.03), shaded(wearer.skin, 0.62), "plain")
        case "moustache":
            builder.box((0, head.up(0.24), front * 0.98), (size * 0.46, size * 0.10, 0.05), hair, "plain")
        case "beard" | "long beard":
            reach = -0.10 if wearer.assembly.face == "beard" else -0.85
            tip = 0.7 if wearer.assembly.face == "beard" else 0.35
            rings = [
                (head.up(reach), head.wide * tip, head.deep * 0.35, head.deep * 0.75),
                (head.up(0.06), head.wide * 0.98, head.deep * 0.72, head.deep * 0.42),
                (head.up(0.30), head.wide * 1.02, head.deep * 0.7, head.deep * 0.32),
            ]
            builder.stack(rings, hair)


def _mop(builder: PosedBuilder, head: Head, colour: Colour, scale: float = 1.1) -> None:
    """Hair on the crown and down to the nape."""
    back = -0.035
    builder.stack([head.ring(0.74, scale, back), head.ring(0.92, scale * 0.98, back), head.ring(1.08, 0.62, back)], colour)
    builder.stack(
        [(head.up(0.22), head.wide * 0.8, 0.035, -head.deep * 0.85), (head.up(0.80), head.wide * 1.06, 0.06, -head.deep * 0.75)],
        colour,
    )


def _add_hair(builder: PosedBuilder, wearer: Wearer, head: Head) -> None:
    colour, size, style = wearer.hair, head.size, wearer.assembly.hair
    if style in ("none", "mohawk", "afro"):
        _add_upright_hair(builder, style, colour, head)
        return
    _mop(builder, head, colour)
    match style:
        case "bob" | "long":
            low = 0.0 if style == "bob" else -1.25
            for side in (-1, 1):
                builder.limb(
                    np.array([side * head.wide * 1.04, head.up(max(low, -0.5)), -0.01]),
                    np.array([side * head.wide * 1.0, head.up(0.82), -0.02]),
                    (size * 0.17, size * 0.15),
                    shaded(colour, 0.92),
                )
            wide = head.wide * (1.25 if style == "bob" else 1.1)
            builder.stack(
                [(head.up(low), wide, 0.045, -head.deep * 1.0), (head.up(0.8), head.wide * 1.08, 0.08, -head.deep * 0.7)], colour
            )
        case "ponytail":
            knot = np.array([0, head.up(0.80), -head.deep * 1.25])
            builder.blob((0, head.up(0.80), -head.deep * 1.15), (0.045, 0.045, 0.045), wearer.accent, "plain")
            builder.limb(knot, moved(knot, 0, -size * 0.5, -size * 0.34), (size * 0.14, size * 0.18), colour)
            builder.limb(
                moved(knot, 0, -size * 0.5, -size * 0.34), moved(knot, 0, -size * 1.15, -size * 0.3), (size * 0.18, 0.02), colour
            )
        case "bun":
            builder.blob((0, head.up(1.16), -head.deep * 0.55), (size * 0.24, size * 0.22, size * 0.24), colour, "plain")
        case "plaits":
            for side in (-1, 1):
                top = np.array([side * head.wide * 1.05, head.up(0.45), 0.0])
                end = np.array([side * head.wide * 1.35, head.up(-0.85), wearer.chest_depth * 0.75])
                builder.limb(top, end, (size * 0.14, size * 0.10), colour)
                builder.limb(end, moved(end, 0, -size * 0.14, 0), (size * 0.12, size * 0.04), wearer.accent)
        case "spiky":
            _add_spikes(builder, colour, head)


def _add_upright_hair(builder: PosedBuilder, style: str, colour: Colour, head: Head) -> None:
    """A crest or a ball, without hair on the nape; or none."""
    size = head.size
    if style == "mohawk":
        for share, z in ((0.95, 0.55), (1.02, 0.15), (1.02, -0.3), (0.9, -0.7), (0.7, -0.95)):
            builder.box((0, head.up(share) - size * 0.1, z * head.deep), (0.035, size * 0.48, head.deep * 0.5), colour, "plain")
    elif style == "afro":
        builder.blob((0, head.up(0.86), -0.045), (size * 0.78, size * 0.66, size * 0.70), colour, "plain")


def _add_spikes(builder: PosedBuilder, colour: Colour, head: Head) -> None:
    """A ring of spikes and one on top."""
    size = head.size
    for angle in range(0, 360, 45):
        a = np.radians(angle)
        out = np.array([np.sin(a) * head.wide, 0.0, np.cos(a) * head.deep - 0.03])
        root = np.array([0, head.up(0.92), 0]) + out * 0.75
        builder.limb(root, root + out * 0.75 + [0, size * 0.32, 0], (size * 0.17, 0.004), colour, sides=4)
    builder.limb(np.array([0, head.up(1.0), -0.03]), np.array([0, head.up(1.5), -0.06]), (size * 0.2, 0.004), colour, sides=4)


def _add_hat(builder: PosedBuilder, wearer: Wearer, head: Head) -> None:
    accent, back = wearer.accent, -0.02
    band = shaded(accent, 0.55)
    match wearer.assembly.hat:
        case "cap":
            builder.stack([head.ring(0.76, 1.2, back), head.ring(1.0, 1.16, back), head.ring(1.2, 0.7, back)], accent)
            builder.stack(
                [
                    (head.up(0.76), head.wide * 1.05, head.deep * 0.75, head.deep * 1.15),
                    (head.up(0.82), head.wide * 1.0, head.deep * 0.7, head.deep * 1.1),
                ],
                band,
            )
        case "brimmed hat":
            builder.stack([head.ring(0.82, 2.15, back), head.ring(0.88, 2.1, back)], accent)
            builder.stack([head.ring(0.88, 1.24, back), head.ring(0.98, 1.22, back)], band)
            builder.stack([head.ring(0.98, 1.22, back), head.ring(1.34, 0.95, back), head.ring(1.38, 0.6, back)], accent)
        case "top hat":
            builder.stack([head.ring(0.84, 1.75, back), head.ring(0.90, 1.72, back)], shaded(accent, 0.8))
            builder.stack([head.ring(0.90, 1.2, back), head.ring(1.06, 1.2, back)], band)
            builder.stack([head.ring(1.06, 1.18, back), head.ring(1.95, 1.3, back)], shaded(accent, 0.8))
        case "straw hat":
            builder.stack([head.ring(0.80, 3.0, back), head.ring(0.86, 2.9, back), head.ring(1.55, 0.08, back)], STRAW)
            builder.stack([head.ring(1.08, 1.95, back), head.ring(1.16, 1.68, back)], accent)
        case "beanie":
            builder.stack([head.ring(0.72, 1.24, back), head.ring(0.90, 1.26, back)], band)
            builder.stack([head.ring(0.90, 1.2, back), head.ring(1.22, 1.0, back), head.ring(1.42, 0.4, back)], accent)
            builder.blob((0, head.up(1.48), back), (0.06, 0.06, 0.06), (0.93, 0.92, 0.9), "plain")
        case "helmet":
            _add_helmet(builder, wearer.accent, head)
        case "hood":
            _add_hood(builder, wearer, head)
        case "crown":
            _add_crown(builder, wearer.accent, head)
        case "headscarf":
            _add_headscarf(builder, wearer.accent, head)


def _add_headscarf(builder: PosedBuilder, accent: Colour, head: Head) -> None:
    """Dotted cloth round the head and down the neck."""
    back = -0.02
    builder.stack([head.ring(0.70, 1.16, back), head.ring(0.96, 1.16, back), head.ring(1.12, 0.7, back)], accent, "dots")
    builder.stack(
        [
            (head.up(-0.4), head.wide * 1.15, 0.03, -head.deep * 1.25),
            (head.up(0.78), head.wide * 1.1, 0.06, -head.deep * 0.85),
        ],
        accent,
        "dots",
    )


def _add_helmet(builder: PosedBuilder, accent: Colour, head: Head) -> None:
    """Steel, with a nose guard and a crest."""
    back = -0.02
    builder.stack([head.ring(0.66, 1.3, back), head.ring(0.98, 1.24, back), head.ring(1.26, 0.55, back)], STEEL)
    builder.stack([head.ring(0.62, 1.42, back), head.ring(0.68, 1.42, back)], shaded(STEEL, 0.75))
    builder.box((0, head.up(0.36), head.deep * 1.25), (0.035, head.size * 0.5, 0.03), shaded(STEEL, 0.8), "plain")
    builder.box((0, head.up(1.1), back), (0.045, head.size * 0.42, head.deep * 2.3), accent, "plain")


def _add_crown(builder: PosedBuilder, accent: Colour, head: Head) -> None:
    """A golden band with six points and six stones."""
    back = -0.02
    builder.stack([head.ring(0.84, 1.18, back), head.ring(1.04, 1.24, back)], GOLD)
    for angle in range(0, 360, 60):
        a = np.radians(angle)
        root = np.array([np.sin(a) * head.wide * 1.12, head.up(1.02), np.cos(a) * head.deep * 1.12 + back])
        builder.limb(root, moved(root, 0, head.size * 0.34, 0), (0.035, 0.004), GOLD, sides=4)
        builder.blob((root[0], head.up(0.94), root[2] * 1.07), (0.018, 0.018, 0.018), accent, "plain")


def _add_hood(builder: PosedBuilder, wearer: Wearer, head: Head) -> None:
    """A pointed cowl, open at the face."""
    colour = shaded(wearer.upper, 0.88)
    builder.stack([head.ring(0.76, 1.36, -0.03), head.ring(1.05, 1.25, -0.05), head.ring(1.42, 0.15, -0.12)], colour)
    builder.stack(
        [
            (head.up(-0.2), head.wide * 1.5, head.deep * 0.6, -head.deep * 0.75),
            (head.up(0.78), head.wide * 1.36, head.deep * 0.75, -head.deep * 0.7),
        ],
        colour,
    )
    for side in (-1, 1):
        foot = np.array([side * head.wide * 1.35, head.up(-0.22), head.deep * 0.35])
        brow = np.array([side * head.wide * 1.22, head.up(0.84), head.deep * 0.55])
        builder.limb(foot, brow, (head.size * 0.16, head.size * 0.13), shaded(colour, 0.85))


def _add_eyewear(builder: PosedBuilder, wearer: Wearer, head: Head) -> None:
    front, size = head.deep, head.size
    match wearer.assembly.eyewear:
        case "glasses":
            for side in (-1, 1):
                x = side * head.wide * 0.46
                builder.box((x, head.up(0.44), front * 1.06), (size * 0.34, size * 0.26, 0.02), DARK, "plain")
                builder.box(
                    (x, head.up(0.48), front * 1.06 + 0.012), (size * 0.22, size * 0.17, 0.012), (0.75, 0.88, 0.95), "plain"
                )
                builder.box(
                    (side * head.wide * 1.03, head.up(0.55), front * 0.45), (0.015, size * 0.07, front * 1.2), DARK, "plain"
                )
            builder.box((0, head.up(0.56), front * 1.06), (head.wide * 0.5, size * 0.06, 0.02), DARK, "plain")
        case "goggles":
            builder.stack([head.ring(0.52, 1.1), head.ring(0.68, 1.1)], DARK)
            builder.box((0, head.up(0.42), front * 1.08), (head.wide * 1.8, size * 0.34, 0.07), DARK, "plain")
            builder.box((0, head.up(0.47), front * 1.08 + 0.04), (head.wide * 1.5, size * 0.22, 0.02), wearer.accent, "plain")
