"""Scripts of actions: exploring, and walks that come back to places seen before. Same scene and seed, same walk."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.body import MARGIN, Body, Stance
from engine.obstacles import BODY_RADIUS, character_places
from infra.dynamics import integrate, wrap_degrees
from infra.schema import Keyboard, Mouse, idle_actions, parse_action

VIEW: Final = 1.8  # metres in front of a planned walk that hold no surface, so that no close-up fills the picture
NARROW_VIEW: Final = 1.2  # the same for evaluation walks indoors, where each of eight directions must be free
KEY_WALKS: Final = tuple(f"key_{keys}" for keys in ("W", "S", "A", "D", "L", "R", "WL", "WR"))
EVALUATION_WALKS: Final = ("out_and_back", "turn_and_back", "spin", "idle", *KEY_WALKS)
KEY_FRAMES: Final = {"outdoors": 48, "indoors": 20}  # rows that a single action is held; rooms are small
SPIN_FRAMES: Final = 240  # once round
REVISITING: Final = ("out_and_back", "loop", "spin", "idle")
EVALUATION_TRIES: Final = 6000
SETTLED: Final = ("park", "rooms")  # what was recorded there is published and stays, though someone may walk into a spin
LOOP_TRIES: Final = 140
LOOPS: Final = (
    (30, (0.08, 0.1, 0.125, 0.16), VIEW),
    (60, (0.2,), VIEW),
    (90, (0.2, 0.25), NARROW_VIEW),
    (140, (0.25, 0.35), 0.6),
)
"""Rounds by attempt: before which, turns in mouse units a frame (0.2 is a circle of 4.7 metres), and the view kept free."""
UNDISTURBED_TRIES: Final = 60
ROOMY_TRIES: Final = 8
IDLE_FRAMES: Final = 64  # an idle episode teaches nothing more after these
REVERSE: Final = {"W": "S", "S": "W", "A": "D", "D": "A", "L": "R", "R": "L"}
HOLDS: Final = (
    ("W", 0.19), ("W+L", 0.08), ("W+R", 0.08), ("S", 0.09), ("S+L", 0.03), ("S+R", 0.03), ("A", 0.08), ("D", 0.08),
    ("A+L", 0.02), ("A+R", 0.03), ("D+L", 0.03), ("D+R", 0.02), ("W+A", 0.02), ("W+D", 0.02), ("S+A", 0.01), ("S+D", 0.01),
    ("L", 0.07), ("R", 0.07), ("none", 0.04),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class WalkPlan:
    """A start and one row of actions a frame; the last row is not carried out."""

    start: Stance
    keyboard: Keyboard  # (T, 6)
    mouse: Mouse  # (T, 2)


Actions = tuple[Keyboard, Mouse]


def hold(text: str, frames: int, mouse: float = 0.1, pitch: float = 0.0) -> Actions:
    """Hold one action for ``frames`` rows; turning keys turn by ``mouse`` units a frame, ``pitch`` looks up."""
    keys, motion = parse_action(text)
    keyboard, rows = idle_actions(frames)
    keyboard[:] = keys
    rows[:] = motion * np.float32(mouse / 0.1)
    rows[:, 0] += np.float32(pitch)
    return keyboard, rows


def join(parts: list[Actions]) -> Actions:
    """One sequence after the other."""
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def reverse(text: str) -> str:
    """The action that undoes ``text``: W+R is undone by S+L, frame by frame."""
    return text if text == "none" else "+".join(REVERSE[letter] for letter in text.split("+"))


def evaluation_actions(walk: str, *, indoors: bool) -> Actions:
    """The fixed script of an evaluation walk.

    Raises:
        ValueError: the walk's name is not known.
    """
    frames = KEY_FRAMES["indoors" if indoors else "outdoors"]
    match walk:
        case "out_and_back":
            return join([hold("W", frames), hold("S", frames)])
        case "turn_and_back":
            return join([hold("R", KEY_FRAMES["outdoors"]), hold("L", KEY_FRAMES["outdoors"])])
        case "spin":
            return hold("R", SPIN_FRAMES)
        case "idle":
            return hold("none", IDLE_FRAMES)
        case _ if walk in KEY_WALKS:
            return hold("+".join(walk.removeprefix("key_")), frames)
        case _:
            raise ValueError(f"unknown evaluation walk {walk!r}; use one of {', '.join(EVALUATION_WALKS)}")


def evaluation_plan(body: Body, walk: str, start_number: int) -> WalkPlan:
    """A fixed script from start ``start_number`` of the scene; all walks of one number share their start."""
    keyboard, mouse = join([evaluation_actions(walk, indoors=body.scene.ceiling > 0), hold("none", 1)])
    return WalkPlan(start=evaluation_start(body, start_number), keyboard=keyboard, mouse=mouse)


@functools.lru_cache(maxsize=64)
def evaluation_start(body: Body, number: int) -> Stance:
    """A start from which each single-key walk stays free and which sees three things; fewer if there is no such place.

    Raises:
        ValueError: the scene has no start where all eight stay free.
    """
    rng = np.random.default_rng([body.scene.seed, number, 77])
    indoors = body.scene.ceiling > 0
    walks, view = [evaluation_actions(walk, indoors=indoors) for walk in KEY_WALKS], NARROW_VIEW if indoors else VIEW
    reached = np.concatenate([integrate(np.eye(4), *actions, body.dynamics)[::3, [0, 2], 3] for actions in walks])
    people = _people_during(body, SPIN_FRAMES + 2)
    for attempt in range(EVALUATION_TRIES):
        start = _random_stance(body, rng)
        if people.size and np.linalg.norm(people - np.array(start.place), axis=-1).min() < 2 * BODY_RADIUS + MARGIN:
            continue  # somebody would walk into who stands here
        wanted = 3 - 3 * attempt // EVALUATION_TRIES
        if not body.is_clear(start, view) or landmarks_in_view(body, start) < wanted:
            continue
        yaw = np.radians(start.yaw)
        there = reached @ np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]) + np.array(start.place)
        if body.things.clearance(there).min() < BODY_RADIUS + MARGIN:
            continue  # cheaper than walking all eight
        if all(body.walks_free(start, *actions, view) for actions in walks):
            return start
    raise ValueError(f"scene {body.scene.scene_id} has no free start {number}; use another seed or fewer starts_per_test_scene")


def _people_during(body: Body, ticks: int) -> NDArray[np.float64]:
    """Where people are at each tick, (T, K, 2); none in settled families."""
    if body.scene.family in SETTLED:
        return np.zeros((0, 0, 2))
    return np.stack([character_places(body.scene, tick / body.fps) for tick in range(ticks)])


def landmarks_in_view(body: Body, stance: Stance, reach: float = 20.0, half_angle: float = 36.0) -> int:
    """How many things stand in front of the walker within ``reach`` metres; the boundary does not count."""
    things = np.array([thing.position for thing in body.scene.objects if "boundary" not in thing.name])
    away = things - np.array(stance.place)
    angle = np.degrees(np.arctan2(away[:, 0], away[:, 1])) - stance.yaw
    distance = np.linalg.norm(away, axis=1)
    return int(((np.abs(wrap_degrees(angle)) < half_angle) & (distance < reach) & (distance > 1.5)).sum())


def plan_walk(body: Body, walk: str, seed: int, frames: int) -> WalkPlan:
    """Plan ``frames`` rows of a training walk.

    Raises:
        ValueError: the walk's name is not known.
    """
    if walk not in PLANNERS:
        raise ValueError(f"unknown walk {walk!r}; use one of {', '.join(PLANNERS)}")
    return PLANNERS[walk](body, np.random.default_rng([body.scene.seed, seed, sum(map(ord, walk))]), frames)


def _random_stance(body: Body, rng: np.random.Generator) -> Stance:
    x, z = rng.uniform(-body.scene.half + 1.5, body.scene.half - 1.5, 2)
    return Stance(place=(float(x), float(z)), pitch=0.0, yaw=float(rng.uniform(-180, 180)))


def free_stance(body: Body, rng: np.random.Generator) -> Stance:
    """A place with some room and something to look at."""
    best = None
    for _ in range(500):
        stance = _random_stance(body, rng)
        if body.is_clear(stance, VIEW + 0.3):
            best = stance
            if landmarks_in_view(body, stance) >= 3:
                return stance
    if best is None:
        raise ValueError(f"scene {body.scene.scene_id} has no free place to start from; use another seed")
    return best


def _undisturbed_stance(body: Body, rng: np.random.Generator, frames: int) -> Stance:
    """A free stance that nobody walks into for so many frames, where there is one."""
    people = _people_during(body, frames)
    for _ in range(UNDISTURBED_TRIES):
        start = free_stance(body, rng)
        if not people.size or np.linalg.norm(people - np.array(start.place), axis=-1).min() >= 2 * BODY_RADIUS + MARGIN:
            break
    return start


def _scenic(body: Body, start: Stance, actions: Actions) -> bool:
    """Whether the walk ends with at least two things in view."""
    return landmarks_in_view(body, body.follow(start, *actions)[-1]) >= 2


def _draw_hold(rng: np.random.Generator, stance: Stance, longest: int) -> Actions:
    texts, weights = zip(*HOLDS, strict=True)
    text = str(rng.choice(texts, p=np.array(weights) / sum(weights)))
    frames = int(rng.integers(8, max(9, longest + 1)))
    mouse = 0.1 if rng.random() < 0.6 else float(rng.uniform(0.05, 0.2))
    pitch = 0.0
    if rng.random() < 0.16 or abs(stance.pitch) > 8:
        up = stance.pitch < 0 if abs(stance.pitch) > 4 else rng.random() < 0.5
        frames = min(frames, 14)
        pitch = float(rng.uniform(0.03, 0.09)) * (1 if up else -1)
    return hold(text, frames, round(mouse, 3), round(pitch, 3))


def _explore(body: Body, rng: np.random.Generator, frames: int) -> WalkPlan:
    """Holds of 8 to 40 rows, each chosen so that it meets nothing and shows no close-up."""
    start = stance = _undisturbed_stance(body, rng, 16)
    parts: list[Actions] = []
    done = 0
    while done < frames:
        for attempt in range(14):
            actions = _draw_hold(rng, stance, 40 if attempt < 5 else 16)
            if body.walks_free(stance, *actions, VIEW) and (attempt >= 8 or _scenic(body, stance, actions)):
                break
        else:
            actions = _give_way(body, stance, hold("L" if rng.random() < 0.5 else "R", 10, 0.2))
        parts.append(actions)
        stance = body.follow(stance, *actions)[-1]
        done += len(actions[0])
    keyboard, mouse = join(parts)
    return WalkPlan(start=start, keyboard=keyboard[:frames], mouse=mouse[:frames])


def _give_way(body: Body, stance: Stance, turn: Actions) -> Actions:
    """``turn``; where somebody would walk into one who only turns, a way out of theirs, as short as it can be."""
    if body.scene.family in SETTLED:
        return turn
    for actions in (turn, *(hold(keys, frames) for frames in (16, 10, 5) for keys in ("S", "A", "D", "W"))):
        if not any(after.collided for after in body.follow(stance, *actions)):
            return actions
    return turn


def _out_and_back(body: Body, rng: np.random.Generator, frames: int) -> WalkPlan:
    """Out by one action for 40 to 64 rows (half as long after failed tries), back by its reverse, a turn, and so on."""
    for _ in range(ROOMY_TRIES):
        start = stance = _undisturbed_stance(body, rng, 16)
        there_and_back = _draw_there_and_back(body, rng, start)
        if there_and_back is not None or body.scene.family in SETTLED:
            break  # elsewhere who finds no way starts from another place
    parts: list[Actions] = []
    while sum(len(keyboard) for keyboard, _ in parts) < frames:
        if there_and_back is not None:
            parts.append(there_and_back)
            stance = body.follow(stance, *there_and_back)[-1]
        turn = hold("L" if rng.random() < 0.5 else "R", int(rng.integers(12, 40)), 0.1)
        parts.append(_give_way(body, stance, turn))
        stance = body.follow(stance, *parts[-1])[-1]
        there_and_back = _draw_there_and_back(body, rng, stance)
    keyboard, mouse_rows = join(parts)
    return WalkPlan(start=start, keyboard=keyboard[:frames], mouse=mouse_rows[:frames])


def _draw_there_and_back(body: Body, rng: np.random.Generator, stance: Stance) -> Actions | None:
    """An action and its reverse that meet nothing; None where none of 16 was free."""
    ways = ("W", "W", "W+L", "W+R", "A", "D", "S", "S+L", "S+R")
    for attempt in range(16):
        text, count = str(rng.choice(ways)), int(rng.integers(40, 65)) // (1 + attempt // 8)
        mouse = round(float(rng.uniform(0.05, 0.12)), 3)
        out = hold(text, count, mouse)
        both = join([out, hold(reverse(text), count, mouse)])
        if body.walks_free(stance, *(out if body.scene.family in SETTLED else both), VIEW):
            return both
    return None


def _loop(body: Body, rng: np.random.Generator, frames: int) -> WalkPlan:
    """Round a circle or a square and on over the same ground; smaller rounds after failed tries, at last on the spot."""
    if body.scene.family in SETTLED:
        return _settled_loop(body, rng, frames)
    for attempt in range(LOOP_TRIES):
        side, start = str(rng.choice(["L", "R"])), free_stance(body, rng)
        turns, view = next((turns, view) for upto, turns, view in LOOPS if attempt < upto)
        lap = _round(rng, side, float(rng.choice(turns)), square=attempt < LOOPS[0][0] and rng.random() < 0.4)
        keyboard, mouse = _laps(lap, frames)
        if body.walks_free(start, keyboard[:-1], mouse[:-1], view):  # every lap, since people come by later
            return WalkPlan(start=start, keyboard=keyboard, mouse=mouse)
    return _spin(body, rng, frames)


def _settled_loop(body: Body, rng: np.random.Generator, frames: int) -> WalkPlan:
    for attempt in range(120):
        side, start = str(rng.choice(["L", "R"])), free_stance(body, rng)
        if attempt >= 30 or rng.random() < 0.6:
            lap = _round(rng, side, float(rng.choice(LOOPS[0][1] if attempt < 30 else [0.2])))
        else:
            lap = _round(rng, side, 0.0, square=True)
        if body.walks_free(start, *lap, VIEW if attempt < 60 else NARROW_VIEW):
            break
    keyboard, mouse = _laps(lap, frames)
    return WalkPlan(start=start, keyboard=keyboard, mouse=mouse)


def _round(rng: np.random.Generator, side: str, turn: float, *, square: bool = False) -> Actions:
    """Once round a circle at ``turn`` mouse units a frame, or a square."""
    if square:
        return join([hold("W", int(rng.integers(24, 48))), hold(side, 30, 0.2)] * 4)
    return hold(f"W+{side}", round(24 / turn), turn)


def _laps(lap: Actions, frames: int) -> Actions:
    keyboard, mouse = join([lap] * (frames // len(lap[0]) + 1))
    return keyboard[:frames], mouse[:frames]


def _spin(body: Body, rng: np.random.Generator, frames: int) -> WalkPlan:
    """Turn on the spot all the way round, then back, at one of four speeds."""
    first = str(rng.choice(["L", "R"]))
    turn = float(rng.choice([0.08, 0.1, 0.125, 0.15]))
    lap = join([hold(first, round(24 / turn), turn), hold(reverse(first), round(24 / turn), turn)])
    keyboard, mouse = _laps(lap, frames)
    return WalkPlan(start=_undisturbed_stance(body, rng, frames), keyboard=keyboard, mouse=mouse)


def _idle(body: Body, rng: np.random.Generator, frames: int) -> WalkPlan:
    """Stand still: only the people move."""
    keyboard, mouse = idle_actions(min(frames, IDLE_FRAMES))
    return WalkPlan(start=_undisturbed_stance(body, rng, len(keyboard)), keyboard=keyboard, mouse=mouse)


def revisit_share(c2w: NDArray[np.float64], gap: int = 60) -> float:
    """Share of frames (T, 4, 4) that see again a view first had ``gap`` or more frames ago and left in between.

    Two frames have the same view when they stand within 1.5 metres and look within 25 degrees of each other.
    """
    if len(c2w) <= gap:
        return 0.0
    place, forward = c2w[:, [0, 2], 3], c2w[:, :3, 2]
    same = (np.linalg.norm(place[:, None] - place, axis=-1) < 1.5) & (forward @ forward.T > np.cos(np.radians(25)))
    first = np.argmax(same, 1)  # the first frame that had this view
    left = np.array([now - then >= gap and not same[now, then : now + 1].all() for now, then in enumerate(first)])
    return float(left.mean())


PLANNERS: Final[dict[str, Callable[[Body, np.random.Generator, int], WalkPlan]]] = {
    "explore": _explore,
    "out_and_back": _out_and_back,
    "loop": _loop,
    "spin": _spin,
    "idle": _idle,
}
"""The scripted training walks by name."""
