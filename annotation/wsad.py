"""Keys and mouse inferred from the pose track alone, so that video without recorded input can be trained on too.

A walk is read as a hidden Markov chain over nine keys (eight directions and still). What a frame's displacement says is
its emission; that people hold keys is its transition. So hysteresis, walls and confidence come out of one decoding.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.directions import UNIT, keys_of
from infra.dynamics import pitch_and_yaw
from infra.schema.action import KEYS, UNKNOWN_KEY, UNKNOWN_MOUSE, Keyboard, Mouse

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class WsadConfig:
    """Costs are in nats (a natural-log unit of evidence); lengths are in steps, so that no scale need be known."""

    glide_evidence: float = 0.03  # share of the moving frames that must slow down alike to believe that the walker glides
    glide_blend: float = 0.15  # steps that a gliding step may miss by, since keys change within a frame of several ticks
    tolerance: float = 0.06  # steps: how far a free step may miss its direction
    still_tolerance: float = 0.02  # steps: how far a camera at rest may drift
    change_cost: float = 1.4  # hysteresis: what it takes to believe that the keys changed
    caution: float = 20.0  # what one step of pose noise adds to it, up to
    most_caution: float = 3.0
    slide_cost: float = 5.0  # what it takes to believe that a wall bent a step
    slide_angle: float = 8.0  # degrees by which a slide may miss the wall's own direction
    wall_cost: float = 2.0  # what it takes to believe that a wall goes on bending steps
    wall_tolerance: float = 0.03  # steps: how far what such a wall leaves of a step may miss
    push_length: float = 0.6  # steps a frame: passers-by push no faster
    blocked_cost: float = 5.0  # what it takes to believe that a key was held against a wall and nothing moved
    least_confidence: float = 0.5  # below this the keys are unknown
    degrees_per_mouse_unit: float = 15.0


@dataclass(frozen=True, kw_only=True)
class Wsad:
    """What the poses say about the input; row i is the action that leads to frame i + 1, the last row is unknown."""

    keyboard: Keyboard  # (T, 6), jump and interact always unknown: a walk on flat ground cannot show them
    mouse: Mouse  # (T, 2)
    confidence: NDArray[np.float32]  # (T,) probability of the keys, given the whole track
    moved: NDArray[np.bool_]  # (T,) the camera changed its place after this row
    step: float  # length of a free step in the track's own unit; 0 if it never moved


def infer_wsad(c2w: Array, config: WsadConfig) -> Wsad:
    """Infer keys and mouse from poses (T, 4, 4); free of scale, of where yaw starts and of where the track lies.

    Raises:
        ValueError: a pose is not finite.
    """
    if not np.isfinite(c2w).all():
        raise ValueError("poses hold values that are not finite; run the pose estimator again or drop the episode")
    count = len(c2w)
    keyboard = np.full((count, len(KEYS)), UNKNOWN_KEY, np.int8)
    mouse = np.full((count, 2), UNKNOWN_MOUSE, np.float32)
    confidence = np.zeros(count, np.float32)
    moved = np.zeros(count, np.bool_)
    if count < 2:
        return Wsad(keyboard=keyboard, mouse=mouse, confidence=confidence, moved=moved, step=0.0)
    mouse[:-1] = turned_degrees(c2w) / config.degrees_per_mouse_unit
    walked, noise = local_displacement(c2w)
    glide, glided = _glides(c2w, noise, config.glide_evidence)
    step, spread = _step_length((walked - glided) / (1 - glide), noise) if _goes_somewhere(walked, noise) else (0.0, 0.0)
    floor = max(0.05 * step, 4 * noise)
    moved[:-1] = np.linalg.norm(walked, axis=-1) > floor if step > 0 else False
    if step == 0:
        chosen, confidence[:-1] = np.zeros(count - 1, np.int64), 1.0
    else:
        walls = _walls(np.diff(c2w[:, [0, 2], 3], axis=0), c2w, max(0.02 * step, 4 * noise))
        steps = _Steps(walked=walked / step, glided=glided / step, wall=walls, keeps=glide, noise=noise / step, spread=spread)
        costs = _emission_costs(steps, config)
        caution = min(config.most_caution, config.caution * noise / step)
        chosen, probability = _decode(costs, config.change_cost + caution)
        confidence[:-1] = probability
    keyboard[:-1, :4] = keys_of(chosen)
    keyboard[:-1, :4][confidence[:-1] < config.least_confidence] = UNKNOWN_KEY
    return Wsad(keyboard=keyboard, mouse=mouse, confidence=confidence, moved=moved, step=step)


def turned_degrees(c2w: Array) -> Array:
    """Degrees of (pitch, yaw) turned between neighbouring poses, (T-1, 2); + is up and right."""
    pitch, yaw = pitch_and_yaw(c2w)
    return np.stack([np.diff(pitch), _wrap(np.diff(yaw))], -1)


def local_displacement(c2w: Array) -> tuple[Array, float]:
    """Displacement (T-1, 2) to the (right, forward) of the mean of the old and the new yaw, and the noise of the poses.

    The noise is read from the vertical: who walks on flat ground stays at one height, so what is left is the estimator's.
    """
    delta = np.diff(c2w[:, :3, 3], axis=0)
    noise = float(1.4826 * np.median(np.abs(delta[:, 1] - np.median(delta[:, 1]))))
    return _to_mean_yaw(delta[:, [0, 2]], c2w), noise


def _to_mean_yaw(moves: Array, c2w: Array) -> Array:
    """Express world moves (T-1, 2) in x, z as (right, forward) of the mean of the old and the new yaw."""
    _, yaw = pitch_and_yaw(c2w)
    mean = np.radians(yaw[:-1] + _wrap(np.diff(yaw)) / 2)
    right = moves[:, 0] * np.cos(mean) - moves[:, 1] * np.sin(mean)
    forward = moves[:, 0] * np.sin(mean) + moves[:, 1] * np.cos(mean)
    return np.stack([right, forward], -1)


def _wrap(degrees: Array) -> Array:
    wrapped: Array = (degrees + 180.0) % 360.0 - 180.0
    return wrapped


@dataclass(frozen=True, kw_only=True)
class _Steps:
    """Displacements in steps, (T-1, 2) right and forward: what was walked, and what of it was only glide."""

    walked: Array
    glided: Array
    keeps: float  # the share of a displacement that glides on
    wall: Array  # (T-1, 2) the way that the frame before took
    noise: float
    spread: float  # of the log-lengths of free steps


def _glides(c2w: Array, noise: float, evidence: float) -> tuple[float, Array]:
    """The share that glides on, and the part (T-1, 2) of each displacement that the one before explains."""
    moves = np.diff(c2w[:, :3, 3], axis=0)[:, [0, 2]]
    glide = estimate_glide(moves, noise, evidence)
    before = np.concatenate([np.zeros((1, 2)), moves[:-1]])
    return glide, _to_mean_yaw(glide * before, c2w)


def estimate_glide(moves: Array, noise: float, evidence: float) -> float:
    """Share of a displacement that the next frame keeps when no key is down; 0 where feet grip.

    Games with momentum slow down by one and the same factor, frame after frame in a straight line; nothing else does.
    """
    if len(moves) < 3:
        return 0.0
    before, after = np.linalg.norm(moves[:-1], axis=-1), np.linalg.norm(moves[1:], axis=-1)
    least = max(10 * noise, 0.02 * float(np.percentile(before, 95)), 1e-9)
    straight = (moves[:-1] * moves[1:]).sum(-1) > 0.999 * before * after
    ratio = after / np.maximum(before, 1e-12)
    slowing = (after > least) & straight & (ratio < 0.97) & (ratio > 0.3)
    chains = ratio[:-1][slowing[:-1] & slowing[1:] & (np.abs(np.diff(ratio)) < 0.01)]  # the same factor twice in a row
    if len(chains) <= max(5.0, evidence * float((before > least).sum())):
        return 0.0
    glide = float(np.median(chains))
    return (
        glide if (np.abs(chains - glide) < 0.004).mean() > 0.7 else 0.0
    )  # a wall that is slid along slows by ever other factors


def _goes_somewhere(walked: Array, noise: float) -> bool:
    """Whether neighbouring displacements agree, as a walker's do; those of a shaken camera at rest point against each other."""
    return noise == 0 or float((walked[:-1] * walked[1:]).sum()) > 0


def _step_length(pushed: Array, noise: float) -> tuple[float, float]:
    """Length that most steps share and the spread of the log-lengths round it; 0 if nothing moved beyond the noise.

    The half-sample mode ignores slides (too short), teleports (too long) and frames that stand still.
    """
    lengths = np.linalg.norm(pushed, axis=-1)
    floor = max(4 * noise, 1e-9)
    walking = np.sort(lengths[lengths > floor])
    walking = walking[walking > 0.2 * np.percentile(walking, 90)] if len(walking) else walking
    if len(walking) == 0:
        return 0.0, 0.0
    step = _half_sample_mode(walking)
    spread = 1.4826 * float(np.median(np.abs(np.log(walking / step))))
    return step, spread


def _half_sample_mode(ordered: Array) -> float:
    """Where sorted values (N,) crowd most: the densest half, again and again."""
    while len(ordered) > 3:
        half = (len(ordered) + 1) // 2
        start = int(np.argmin(ordered[half - 1 :] - ordered[: len(ordered) - half + 1]))
        ordered = ordered[start : start + half]
    return float(np.median(ordered))


def _emission_costs(steps: _Steps, config: WsadConfig) -> Array:
    """Cost (T-1, 9) of each direction: the cheapest of a free step, a slide along a wall and a full stop at one."""
    push = 1 - steps.keeps  # what a key adds to a displacement in one frame
    blend = config.glide_blend * steps.keeps
    tolerance = float(np.hypot(np.hypot(config.tolerance, blend), steps.noise / push))
    along_tolerance = np.hypot(tolerance, min(steps.spread, 0.5))
    miss = push * UNIT + steps.glided[:, None] - steps.walked[:, None]  # (T-1, 9, 2) what a wall would have taken away
    along = (miss * UNIT).sum(-1) / push
    across = (miss[..., 0] * UNIT[:, 1] - miss[..., 1] * UNIT[:, 0]) / push
    free = (along / along_tolerance) ** 2 / 2 + (across / tolerance) ** 2 / 2
    drift = np.hypot(config.still_tolerance, steps.noise)
    slack = np.hypot(np.hypot(config.still_tolerance, blend), steps.noise / push)
    rest = (np.linalg.norm(miss[:, 0], axis=-1) / push / slack) ** 2 / 2
    stopped = (np.linalg.norm(steps.walked, axis=-1) / drift) ** 2 / 2
    costs = np.minimum(free, config.blocked_cost + stopped[:, None])
    costs = np.minimum(costs, _slide_cost(steps.walked, miss, tolerance, config))
    costs = np.minimum(costs, _wall_cost(steps, config))
    costs[:, 0] = np.minimum(rest, config.slide_cost + _push_cost(steps.walked, tolerance, config))
    bounded: Array = np.minimum(costs, 12.0)  # a teleport must not outweigh its neighbours
    return bounded


def _wall_cost(steps: _Steps, config: WsadConfig) -> Array:
    """Cost (T-1, 9) of sliding on along the wall that the frame before slid along: what of a step lies along it is left."""
    asked = (1 - steps.keeps) * UNIT + steps.glided[:, None]
    left = (asked * steps.wall[:, None]).sum(-1, keepdims=True) * steps.wall[:, None]
    miss = np.linalg.norm(left - steps.walked[:, None], axis=-1)
    slack = np.hypot(config.wall_tolerance, steps.noise / (1 - steps.keeps))
    cost: Array = np.where(np.linalg.norm(steps.wall, axis=-1) > 0, config.wall_cost, np.inf)[:, None] + (miss / slack) ** 2 / 2
    return cost


def _walls(moves: Array, c2w: Array, floor: float) -> Array:
    """Direction (T-1, 2) of the latest displacement longer than ``floor`` before each, in its own frame; zero if none was."""
    length = np.linalg.norm(moves, axis=-1)
    latest = np.maximum.accumulate(np.where(length > floor, np.arange(len(moves)), -1))
    before = np.concatenate([[-1], latest[:-1]])
    known = before >= 0
    heading = np.where(known[:, None], moves[before] / np.maximum(length[before], 1e-12)[:, None], 0.0)
    return _to_mean_yaw(heading, c2w)


def _push_cost(walked: Array, tolerance: float, config: WsadConfig) -> Array:
    """Cost (T-1,) of standing still and being pushed aside by somebody who passes: any way, but slower than a step."""
    too_fast = np.maximum(np.linalg.norm(walked, axis=-1) - config.push_length, 0) / tolerance
    cost: Array = too_fast**2 / 2
    return cost


def _slide_cost(walked: Array, miss: Array, tolerance: float, config: WsadConfig) -> Array:
    """Cost (T-1, 9) of each direction having been bent by a wall.

    A wall takes away what points into it: sliding on, the lost part stands square to what is left; on the first contact
    some of the way to the wall was still free, so the angle is between 0 and 90 degrees. Walls never lengthen a step.
    """
    left = np.linalg.norm(walked, axis=-1)[:, None]
    lost = np.linalg.norm(miss, axis=-1)
    cosine = (miss * walked[:, None]).sum(-1) / np.maximum(left * lost, 1e-9)
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    blur = np.hypot(config.slide_angle, np.degrees(np.minimum(tolerance - config.tolerance, 1) / np.maximum(left, 0.1)))
    square = config.slide_cost + ((angle - 90) / blur) ** 2 / 2
    touch = config.slide_cost + 2.0 + (np.maximum(angle - 90, 0) / blur) ** 2 / 2
    too_long = (np.maximum(left - np.linalg.norm(walked[:, None] + miss, axis=-1), 0) / tolerance) ** 2 / 2
    bent: Array = np.minimum(square, touch) + too_long
    return bent


def _decode(costs: Array, change_cost: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Most probable direction of each row by forward-backward, (T-1,), and its probability given the whole track."""
    stay = np.full((9, 9), np.exp(-change_cost))
    np.fill_diagonal(stay, 1.0)
    likelihood = np.exp(costs.min(1, keepdims=True) - costs)
    ahead, behind = np.ones_like(likelihood), np.ones_like(likelihood)
    ahead[0] = likelihood[0]
    for now, after in itertools.pairwise(range(len(costs))):
        row = (ahead[now] @ stay) * likelihood[after]
        ahead[after] = row / row.sum()
    for now, after in reversed(list(itertools.pairwise(range(len(costs))))):
        row = stay @ (behind[after] * likelihood[after])
        behind[now] = row / row.sum()
    posterior = ahead * behind
    posterior /= posterior.sum(1, keepdims=True)
    chosen = posterior.argmax(1)
    return chosen, posterior[np.arange(len(chosen)), chosen].astype(np.float32)
