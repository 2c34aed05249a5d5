"""Clothes on legs, trunk and arms."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.characters.posed import PosedBuilder, shaded
from engine.characters.wearer import Wearer
from engine.scenes.scene import Colour

Array = NDArray[np.float64]

WHITE: Final = (0.92, 0.91, 0.88)
HEMS: Final = {"long coat": 0.42, "robe": 0.10, "tunic": 0.72}  # height of the hem as a share of the hips'
SKIRTS: Final = {"skirt": 0.56, "long skirt": 0.12}


def dress_legs(builder: PosedBuilder, wearer: Wearer) -> None:
    """Legs, trousers or skirt, and shoes."""
    limb = wearer.measures.girth.limb
    for leg in wearer.pose.legs:
        _dress_leg(builder, wearer, leg, limb)
        _shoe(builder, wearer, leg)
    if wearer.assembly.lower in SKIRTS:
        flare = 1.5 if wearer.assembly.lower == "skirt" else 1.35
        _skirt(builder, wearer, SKIRTS[wearer.assembly.lower], flare, wearer.lower, "plain")


def _dress_leg(builder: PosedBuilder, wearer: Wearer, leg: Array, limb: float) -> None:
    hip, knee, ankle = leg
    lower = wearer.lower
    match wearer.assembly.lower:
        case "trousers":
            builder.limb(hip, knee, (limb * 1.5, limb * 1.15), lower)
            builder.limb(knee, ankle, (limb * 1.15, limb * 0.95), lower)
        case "wide trousers":
            builder.limb(hip, knee, (limb * 1.55, limb * 1.6), lower)
            builder.limb(knee, ankle, (limb * 1.6, limb * 2.3), lower)
        case "leggings":
            builder.limb(hip, knee, (limb * 1.4, limb * 0.9), lower)
            builder.limb(knee, ankle, (limb * 0.95, limb * 0.6), lower)
        case "shorts":
            builder.limb(hip, knee, (limb * 1.35, limb * 0.9), wearer.skin)
            builder.limb(hip, hip + (knee - hip) * 0.72, (limb * 1.6, limb * 1.75), lower)
            builder.limb(knee, ankle, (limb * 0.95, limb * 0.62), wearer.skin)
        case _:
            builder.limb(hip, knee, (limb * 1.35, limb * 0.9), wearer.skin)
            builder.limb(knee, ankle, (limb * 0.95, limb * 0.62), wearer.skin)


def _shoe(builder: PosedBuilder, wearer: Wearer, leg: Array) -> None:
    _, knee, ankle = leg
    limb, colour = wearer.measures.girth.limb, wearer.shoe
    base = max(float(ankle[1]) - wearer.measures.ankle, 0.0) + 0.02
    x, z = float(ankle[0]), float(ankle[2])
    wide, long, high = limb * 1.9, wearer.measures.scale * 0.27, wearer.measures.ankle
    foot = np.array(
        [
            [x - wide / 2, 0, z - long * 0.3],
            [x + wide / 2, 0, z - long * 0.3],
            [x + wide / 2, 0, z + long * 0.62],
            [x + wide * 0.1, 0, z + long * 0.7],
            [x - wide * 0.1, 0, z + long * 0.7],
            [x - wide / 2, 0, z + long * 0.62],
        ]
    )
    up = np.array([0.0, 1.0, 0.0])
    instep = (foot - [x, 0, z]) * [0.8, 1, 0.55] + [x, 0, z - long * 0.06]
    match wearer.assembly.shoes:
        case "sandals":
            builder.tower(foot * [1, 0, 1] + up * base, foot + up * (base + 0.025), colour, "plain")
            builder.tower(foot + up * (base + 0.025), instep + up * (base + high * 0.8), wearer.skin, "plain")
            builder.box((x, base + high * 0.35, z + long * 0.3), (wide * 1.02, high * 0.35, 0.05), colour, "plain")
            return
        case "trainers":
            builder.tower(foot * [1, 0, 1] + up * base, foot + up * (base + 0.04), WHITE, "plain")
            builder.tower(foot + up * (base + 0.04), instep + up * (base + high * 1.1), colour, "plain")
            builder.box((x, base + high * 0.75, z + long * 0.2), (wide * 0.5, high * 0.3, long * 0.3), WHITE, "plain")
            return
    builder.tower(foot + up * base, instep + up * (base + high), colour, "plain")
    shaft = {"boots": 0.42, "high boots": 0.92}.get(wearer.assembly.shoes, 0.0)
    if shaft:
        top = ankle + (knee - ankle) * shaft
        wide_top = limb * (1.45 if wearer.assembly.shoes == "high boots" else 1.35)
        builder.limb(ankle, top, (limb * 1.15, wide_top), colour)
        builder.limb(top, top + (knee - ankle) * 0.07, (wide_top * 1.12, wide_top * 1.12), shaded(colour, 1.35))


def _skirt(builder: PosedBuilder, wearer: Wearer, hem: float, flare: float, colour: Colour, texture: str) -> None:
    """From the waist to the hem, as wide as the legs need at each height."""
    girth, top = wearer.measures.girth, wearer.measures.hip * 1.12 - wearer.pose.drop
    bottom = wearer.measures.hip * hem
    rings = []
    for share in (0.0, 0.35, 0.7, 1.0):
        height = bottom + (top - bottom) * share
        legs = wearer.legs_at(height) if share < 1 else np.zeros(2)
        ease = (1 - share) * (flare - 1) + 1
        reach, middle = float(np.ptp(legs)) / 2, float(legs.mean())
        rings.append((height, girth.hip * 1.12 * ease, girth.depth * 1.18 * ease + reach, middle))
    builder.stack(rings, colour, texture)


def dress_trunk(builder: PosedBuilder, wearer: Wearer) -> None:
    """Trunk and arms with the upper clothes."""
    assembly, girth, m = wearer.assembly, wearer.measures.girth, wearer.measures
    bulk, pattern, colour = wearer.bulk, assembly.pattern, wearer.upper
    waist = m.hip + 0.38 * (m.shoulder - m.hip)
    chest = m.hip + 0.78 * (m.shoulder - m.hip)
    belly = 1.12 if assembly.build == "stout" else 1.0
    rings = [
        (m.hip * 0.93, girth.hip * bulk, girth.depth * 1.02 * bulk, 0.0),
        (waist, girth.waist * bulk, girth.depth * 0.92 * bulk * belly, 0.0),
        (chest, girth.shoulder * 0.93 * bulk, girth.depth * bulk, 0.0),
        (m.shoulder + 0.01, girth.shoulder * 0.80 * bulk, girth.depth * 0.72 * bulk, 0.0),
        (m.neck + 0.02, girth.limb * 1.2, girth.limb * 1.2, 0.0),
    ]
    builder.stack(rings, colour, pattern)
    builder.stack(
        [(m.neck - 0.03, girth.limb, girth.limb, 0), (m.chin + 0.05, girth.limb * 0.92, girth.limb * 0.92, 0.01)], wearer.skin
    )
    if assembly.upper not in ("robe", "tunic", "long coat"):
        low, high = m.hip * 0.90, m.hip * 0.97
        builder.stack(
            [(low, girth.hip * 1.02, girth.depth * 1.04, 0), (high, girth.hip * 1.02, girth.depth * 1.04, 0)], wearer.lower
        )
    _details(builder, wearer, waist, chest)
    for arm in wearer.pose.arms:
        _sleeve(builder, wearer, arm)


def _details(builder: PosedBuilder, wearer: Wearer, waist: float, chest: float) -> None:
    """What tells one kind of upper clothes from another."""
    girth, m, colour, accent = wearer.measures.girth, wearer.measures, wearer.upper, wearer.accent
    front = wearer.chest_depth
    match wearer.assembly.upper:
        case "t-shirt":
            builder.box((0, chest - 0.05, front - 0.01), (girth.shoulder * 0.8, 0.10, 0.025), accent, "plain")
        case "shirt":
            builder.stack(
                [(m.neck - 0.03, girth.limb * 1.5, girth.limb * 1.5, 0), (m.neck + 0.03, girth.limb * 1.3, girth.limb * 1.3, 0)],
                WHITE,
            )
            builder.box((0, m.hip, front - 0.015), (0.035, m.shoulder - m.hip, 0.03), accent, "plain")
        case "jacket" | "waistcoat":
            builder.box((0, m.hip * 0.96, front - 0.02), (girth.waist * 0.55, chest - m.hip, 0.035), accent, "plain")
            for side in (-1, 1):
                builder.box(
                    (side * girth.waist * 0.42, chest - 0.10, front - 0.01), (0.05, 0.17, 0.04), shaded(colour, 0.7), "plain"
                )
        case "hoodie":
            builder.box((0, m.hip * 1.02, front - 0.01), (girth.waist * 1.3, 0.14, 0.06), shaded(colour, 0.8), "plain")
            if wearer.assembly.hat != "hood":
                builder.blob((0, m.neck - 0.01, -front * 0.7), (girth.shoulder * 0.62, 0.09, 0.10), shaded(colour, 0.85), "plain")
            builder.box((0, m.neck - 0.14, front * 0.82), (0.10, 0.08, 0.05), accent, "plain")
        case "puffer jacket":
            _puffs(builder, wearer)
        case "armour":
            _plates(builder, wearer, waist, chest)
    if wearer.assembly.upper in HEMS:
        hem = HEMS[wearer.assembly.upper]
        with builder.frame(
            np.array([0.0, m.hip, 0.0]), lean=-wearer.pose.lean, roll=-wearer.pose.roll, shift=(0, wearer.pose.drop, 0)
        ):
            flare = {"robe": 1.5, "tunic": 1.3}.get(wearer.assembly.upper, 1.25)
            _skirt(builder, wearer, hem, flare, colour, wearer.assembly.pattern)
        _belt(builder, wearer, m.hip * 1.10)
        if wearer.assembly.upper == "long coat":
            builder.box((0, m.hip * 0.98, front - 0.015), (0.05, m.shoulder - m.hip, 0.04), shaded(colour, 0.6), "plain")


def _plates(builder: PosedBuilder, wearer: Wearer, waist: float, chest: float) -> None:
    """Shoulder plates, a breastplate, a belt and a skirt of plates."""
    girth, m, colour, front = wearer.measures.girth, wearer.measures, wearer.upper, wearer.chest_depth
    for side in (-1, 1):
        x = side * (girth.shoulder + girth.limb * 0.6)
        builder.blob((x, m.shoulder, 0), (girth.limb * 2.1, girth.limb * 1.7, girth.limb * 2.2), shaded(colour, 0.85), "plain")
    builder.stack(
        [(chest - 0.16, girth.waist * 1.2, front * 0.98, 0.02), (chest, girth.shoulder * 0.9, front * 1.12, 0.02)], colour
    )
    _belt(builder, wearer, waist * 0.97)
    _skirt_plates(builder, wearer)


def _puffs(builder: PosedBuilder, wearer: Wearer) -> None:
    """Four bulging rings."""
    girth, m, front = wearer.measures.girth, wearer.measures, wearer.chest_depth
    for share in (0.08, 0.36, 0.64, 0.88):
        height = m.hip + share * (m.shoulder - m.hip)
        wide = (girth.hip + (girth.shoulder - girth.hip) * share) * wearer.bulk * 1.05
        deep = front * 1.06
        builder.stack(
            [
                (height - 0.055, wide * 0.9, deep * 0.9, 0),
                (height, wide, deep, 0),
                (height + 0.055, wide * 0.9, deep * 0.9, 0),
            ],
            wearer.upper if share != 0.36 else wearer.accent,
            wearer.assembly.pattern,
        )


def _belt(builder: PosedBuilder, wearer: Wearer, height: float) -> None:
    girth = wearer.measures.girth
    wide, deep = max(girth.hip, girth.waist) * wearer.bulk * 1.1, girth.depth * wearer.bulk * 1.2
    builder.stack([(height - 0.03, wide, deep, 0), (height + 0.03, wide, deep, 0)], wearer.accent)


def _skirt_plates(builder: PosedBuilder, wearer: Wearer) -> None:
    girth, hip = wearer.measures.girth, wearer.measures.hip
    rings = [(hip * 0.78, girth.hip * 1.45, girth.depth * 1.5, 0.0), (hip * 1.04, girth.hip * 1.1, girth.depth * 1.1, 0.0)]
    builder.stack(rings, shaded(wearer.upper, 0.8))


def _sleeve(builder: PosedBuilder, wearer: Wearer, arm: Array) -> None:
    """One arm with its sleeve and hand."""
    shoulder, elbow, wrist = arm
    limb, colour, pattern = wearer.measures.girth.limb, wearer.upper, wearer.assembly.pattern
    upper, lower = wearer.skin, wearer.skin
    thick, cuff = 1.0, 0.85
    match wearer.assembly.upper:
        case "t-shirt":
            builder.limb(shoulder, shoulder + (elbow - shoulder) * 0.6, (limb * 1.25, limb * 1.2), colour, pattern)
        case "waistcoat":
            upper = lower = WHITE
        case "robe":
            upper = lower = colour
            thick, cuff = 1.2, 2.1
        case "puffer jacket":
            upper = lower = colour
            thick, cuff = 1.6, 1.35
        case "armour":
            upper, lower, thick, cuff = shaded(colour, 0.6), colour, 1.1, 1.3
        case name:
            upper = lower = colour
            thick = {"hoodie": 1.25, "long coat": 1.2, "jacket": 1.15}.get(name, 1.05)
            cuff = thick * 0.9
    worn = pattern if upper == colour else "plain"
    builder.limb(shoulder, elbow, (limb * 1.05 * thick, limb * 0.9 * thick), upper, worn)
    builder.limb(elbow, wrist, (limb * 0.9 * thick, limb * 0.72 * cuff / 0.85), lower, worn if lower == colour else "plain")
    along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    builder.limb(wrist, wrist + along * limb * 1.9, (limb * 0.75, limb * 0.6), wearer.skin)
