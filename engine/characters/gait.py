"""How bodies are proportioned and how they move: joints of each gait in each phase of its stride."""

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.characters.slots import Assembly

Array = NDArray[np.float64]

PHASES: Final = 16  # pictures of one stride
IDLE: Final = -1  # the phase of one who stands
CADENCE: Final = 1.6  # strides a second that nobody exceeds: who must be faster takes longer ones
LONGEST_SWING: Final = 34.0  # degrees; who must be faster still, flies further

HEIGHTS: Final = {"child": 1.26, "short": 1.60, "medium": 1.76, "tall": 1.93}  # metres, without shoes and hat


class Girth(NamedTuple):
    """Half widths of a build, metres on a body of 1.76 m."""

    shoulder: float
    waist: float
    hip: float
    depth: float
    limb: float


GIRTHS: Final = {
    "slender": Girth(0.165, 0.105, 0.130, 0.088, 0.044),
    "average": Girth(0.200, 0.145, 0.160, 0.115, 0.055),
    "athletic": Girth(0.250, 0.150, 0.165, 0.138, 0.070),
    "stout": Girth(0.225, 0.245, 0.235, 0.210, 0.072),
}


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Lengths of one body in metres; heights above the ground when it stands."""

    height: float
    scale: float  # of girths
    girth: Girth  # scaled
    hip: float
    knee: float
    ankle: float
    shoulder: float
    neck: float
    chin: float

    @property
    def head(self) -> float:
        """From chin to crown."""
        return self.height - self.chin

    @property
    def eye_height(self) -> float:
        return self.chin + 0.55 * self.head


def measures_of(assembly: Assembly) -> Measures:
    """The body that an assembly's build and height make."""
    height = HEIGHTS[assembly.height]
    scale = (height / 1.76) ** (1.0 if assembly.height != "child" else 0.85)
    head = 0.235 if assembly.height == "child" else 0.25
    girth = Girth(*(scale * width for width in GIRTHS[assembly.build]))
    body = height - head
    return Measures(
        height=height,
        scale=scale,
        girth=girth,
        hip=0.535 * body,
        knee=0.295 * body,
        ankle=0.055 * body,
        shoulder=0.935 * body,
        neck=0.955 * body,
        chin=body,
    )


@dataclass(frozen=True, kw_only=True)
class Gait:
    """Angles in degrees of one way to walk."""

    swing: float  # of the thighs, forwards and backwards
    knee: float  # how far the knee bends in the air
    crouch: float  # how far it always is bent
    arms: float  # swing of the upper arms
    elbow: float
    lean: float  # of the trunk, forwards
    lift: float = 0.0  # of the thigh in the air, added
    lame: float = 1.0  # share of all this that the right leg does
    flight: float = 1.0  # length of stride against the legs' reach; above 1 the body flies


GAITS: Final = {
    "walk": Gait(swing=24, knee=48, crouch=4, arms=24, elbow=14, lean=2),
    "stride": Gait(swing=34, knee=55, crouch=4, arms=38, elbow=20, lean=5),
    "shuffle": Gait(swing=11, knee=16, crouch=16, arms=5, elbow=26, lean=15),
    "march": Gait(swing=24, knee=70, crouch=1, arms=46, elbow=6, lean=-3, lift=34),
    "limp": Gait(swing=26, knee=50, crouch=8, arms=16, elbow=24, lean=8, lame=0.35),
    "jog": Gait(swing=34, knee=95, crouch=20, arms=40, elbow=84, lean=10, flight=1.35),
    "sneak": Gait(swing=24, knee=62, crouch=46, arms=12, elbow=62, lean=27),
}
HOLDS: Final = {  # swing, rest angle and elbow of the right arm that carries something, degrees
    "none": None,
    "staff": (8.0, 22.0, 62.0),
    "briefcase": (8.0, 0.0, 4.0),
    "umbrella": (3.0, 14.0, 104.0),
    "lantern": (6.0, 24.0, 58.0),
    "pickaxe": (4.0, 16.0, 128.0),
    "basket": (4.0, 4.0, 88.0),
}


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Joints as (x right, height, z forward) in metres; arms as on an upright trunk, which leans as a whole."""

    legs: tuple[Array, Array]  # left and right: (3, 3) hip, knee, ankle
    arms: tuple[Array, Array]  # (3, 3) shoulder, elbow, wrist
    drop: float  # metres that the hips are lower than when standing
    lean: float  # degrees of the trunk, forwards
    roll: float  # degrees of the trunk, to the right


def gait_of(assembly: Assembly, speed: float = 0.0) -> Gait:
    """How somebody walks at ``speed`` metres a second: as they like to, with a longer swing where they must hurry."""
    gait, reach = GAITS[assembly.gait], _reach(assembly)
    share, wanted = (1 + gait.lame) * gait.flight, speed / CADENCE
    sine = min(wanted / (reach * share), np.sin(np.radians(LONGEST_SWING)))
    swing = max(gait.swing, float(np.degrees(np.arcsin(sine))))
    flight = max(gait.flight, wanted / (reach * float(np.sin(np.radians(swing))) * (1 + gait.lame)))
    return replace(gait, swing=swing, flight=flight, knee=max(gait.knee, 1.6 * swing if swing > gait.swing else 0.0))


def _reach(assembly: Assembly) -> float:
    """Metres between both ends of a step whose swing is 90 degrees: twice the length of the leg."""
    measures = measures_of(assembly)
    return 2 * (measures.hip - measures.ankle)


def stride_of(assembly: Assembly, speed: float = 0.0) -> float:
    """Metres of one whole stride: as far as the feet push the body without sliding."""
    gait = gait_of(assembly, speed)
    return float(_reach(assembly) * np.sin(np.radians(gait.swing)) * (1 + gait.lame) * gait.flight)


def pose_of(assembly: Assembly, phase: int, speed: float = 0.0) -> Pose:
    """The joints in one phase of the stride, 0 to ``PHASES - 1``; ``IDLE`` stands."""
    gait, measures = gait_of(assembly, speed), measures_of(assembly)
    part = phase / PHASES
    angle = 2 * np.pi * part + np.pi / 2
    moves = 0.0 if phase == IDLE else 1.0
    stance = gait if moves else Gait(swing=0, knee=0, crouch=gait.crouch * 0.3, arms=0, elbow=10, lean=gait.lean * 0.3)
    grounds = [share / ((1 + stance.lame) * stance.flight) for share in (1.0, stance.lame)]  # of the stride that a foot stands
    second = grounds[0] + (1 - sum(grounds)) / 2  # when the right foot comes down
    left = _leg(measures, stance, -1, part % 1, grounds[0], 1.0)
    right = _leg(measures, stance, 1, (part - second) % 1, grounds[1], stance.lame)
    drop = min(left[2, 1], right[2, 1]) - measures.ankle
    for leg in (left, right):
        leg[:, 1] -= drop
    limping = np.cos(angle) * 9 if stance.lame < 1 else np.cos(angle) * 1.5
    return Pose(
        legs=(left, right),
        arms=(_arm(measures, stance, -1, angle + np.pi, None), _arm(measures, stance, 1, angle, HOLDS[assembly.hand])),
        drop=float(drop),
        lean=stance.lean,
        roll=float(moves * limping),
    )


def _leg(measures: Measures, gait: Gait, side: int, part: float, ground: float, share: float) -> Array:
    """Hip, knee and ankle, (3, 3), at ``part`` of the stride since the foot came down, of which it stands for ``ground``.

    On the ground the foot goes back evenly, so that it does not slide; in the air it comes forwards again.
    """
    if part < ground:
        airborne, swing = 0.0, np.degrees(np.arcsin(np.sin(np.radians(share * gait.swing)) * (1 - 2 * part / ground)))
    else:
        through = np.pi * (part - ground) / (1 - ground)
        airborne, swing = np.sin(through), -share * gait.swing * np.cos(through)
    thigh = swing + share * gait.lift * airborne**2 + gait.crouch * 0.5
    bend = gait.crouch + share * gait.knee * airborne**1.5
    hip = np.array([side * measures.girth.hip * 0.52, measures.hip, 0.0])
    knee = hip + _down(thigh) * (measures.hip - measures.knee)
    return np.stack([hip, knee, knee + _down(thigh - bend) * (measures.knee - measures.ankle)])


def _arm(measures: Measures, gait: Gait, side: int, angle: float, hold: tuple[float, float, float] | None) -> Array:
    """Shoulder, elbow and wrist, (3, 3)."""
    swing, rest, elbow = hold or (gait.arms, -2.0, gait.elbow)
    upper = rest + swing * np.sin(angle) * bool(gait.arms)
    length = 0.185 * measures.chin
    shoulder = np.array([side * (measures.girth.shoulder + 0.25 * measures.girth.limb), measures.shoulder - 0.03, 0.0])
    out = np.array([side * 0.14, 0.0, 0.0])
    bent = shoulder + _towards(_down(upper) + out) * length
    return np.stack([shoulder, bent, bent + _towards(_down(upper + elbow) + out * 0.3) * length * 0.92])


def _down(degrees: float) -> Array:
    """Unit vector that hangs down, turned forwards."""
    a = np.radians(degrees)
    return np.array([0.0, -np.cos(a), np.sin(a)])


def _towards(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))
