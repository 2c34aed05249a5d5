"""What a pose track says before keys are guessed: displacements, noise, the length of a step, and what only glides on."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.dynamics import pitch_and_yaw, wrap_degrees

Array = NDArray[np.float64]

WINDOWS: Final = (1, 3, 5, 7)  # frames over which displacements are averaged; the more noise, the more
FLOOR: Final = 2.5  # times the noise: what goes no further may stand still
CROWD: Final = 0.25  # of the steps, those nearest to the common length, tell how much free steps differ
CROWD_SIGMAS: Final = 0.3186  # a quarter of a normal distribution lies that near to its middle
TURNS: Final = 0.005  # radians a frame; less says nothing of an arm
LEAST_TURNS: Final = 20  # frames
NEAR: Final = 0.15  # steps by which a turn may miss the arm that it agrees on
MOST_SPREAD: Final = 0.5  # of the log-lengths of free steps; beyond it the step is no measure


@dataclass(frozen=True, kw_only=True)
class Movement:
    """Displacements (N, 2) along world x and z in steps, and what else the poses tell; N is one less than poses."""

    moves: Array  # (N, 2) mean over the window
    before: Array  # (N, 2) the displacement before each
    axes: Array  # (N, 2, 2) rows: where right and forward of the mean of both yaws point, mean over the window
    wall: Array  # (N, 2) which way the latest displacement before each went; zero if there was none
    length: Array  # (N,) of each displacement by itself
    noise: float  # of moves, along each axis
    keeps: float  # the share of a displacement that glides on where nothing pushes; 0 where feet grip
    spread: float  # of the log-lengths of free steps
    step: float  # length of a free step in the track's own unit


def read_movement(c2w: Array, steady: float, glide_evidence: float) -> Movement | None:
    """Measure poses (T, 4, 4), averaging over as few frames as make noise less than ``steady`` steps.

    None where nothing moves, or where the noise hides what does.
    """
    moved = np.diff(c2w[:, :3, 3] + find_arm(c2w) * c2w[:, :3, 2], axis=0)
    moves, rise = moved[:, [0, 2]], moved[:, 1]
    noise = float(1.4826 * np.median(np.abs(rise - np.median(rise))))  # who walks keeps one height: the rest is the estimator's
    keeps = estimate_glide(moves, noise, glide_evidence)
    for window in WINDOWS:
        meant, left = _mean_over(moves, window), noise / window  # the noise of positions cancels but for both ends
        before = np.concatenate([np.zeros((1, 2)), meant[:-1]])
        step, spread = step_length((meant - keeps * before) / (1 - keeps), left)
        if step > 0 and left <= steady * step and _goes_somewhere(meant, noise, window):
            return Movement(
                moves=meant / step,
                before=before / step,
                axes=_mean_over(axes_of(c2w).reshape(-1, 4), window).reshape(-1, 2, 2),
                wall=_walls(meant, max(0.02 * step, 4 * left)),
                length=np.linalg.norm(moves, axis=-1) / step,
                noise=left / step,
                keeps=keeps,
                spread=min(spread, MOST_SPREAD),
                step=step,
            )
    return None


def turned_degrees(c2w: Array) -> Array:
    """Degrees of (pitch, yaw) turned between neighbouring poses, (T-1, 2); + is up and right."""
    pitch, yaw = pitch_and_yaw(c2w)
    return np.stack([np.diff(pitch), wrap_degrees(np.diff(yaw))], -1)


def find_arm(c2w: Array) -> float:
    """How far behind what walks the camera hangs, in the track's unit; 0 in first person.

    A camera on an arm swings sideways when it turns, by its length times the turn. Walkers mostly go straight ahead or stand
    while they turn, so the weighted median of sideways move over turn is that length; it counts if most turns agree on it.
    """
    if len(c2w) < 2:
        return 0.0
    moves = np.diff(c2w[:, [0, 2], 3], axis=0)
    right = axes_of(c2w)[:, 0]
    aside, swing = (moves * right).sum(-1), -(np.diff(c2w[:, [0, 2], 2], axis=0) * right).sum(-1)
    turns = np.abs(swing) > TURNS
    if turns.sum() < LEAST_TURNS:
        return 0.0
    aside, swing = aside[turns], swing[turns]
    order = np.argsort(aside / swing)
    weight = np.cumsum(np.abs(swing[order]))
    arm = float((aside / swing)[order][np.searchsorted(weight, weight[-1] / 2)])
    near = NEAR * float(np.percentile(np.linalg.norm(moves, axis=-1), 75))
    agree, without = (float((np.abs(aside - length * swing) < near).mean()) for length in (arm, 0.0))
    return arm if arm > 0 and agree > 0.5 and agree > without + 0.2 else 0.0


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
    alike = (np.abs(chains - glide) < 0.004).mean() > 0.7  # a wall that is slid along slows by ever other factors
    return glide if alike else 0.0


def step_length(pushed: Array, noise: float) -> tuple[float, float]:
    """Length that most displacements (N, 2) share and the spread of the log-lengths round it; 0 if none exceeds the noise.

    The half-sample mode ignores slides (too short), teleports (too long) and frames that stand still.
    """
    lengths = np.linalg.norm(pushed, axis=-1)
    walking = np.sort(lengths[lengths > max(FLOOR * noise, 1e-9)])
    walking = walking[walking > 0.2 * np.percentile(walking, 90)] if len(walking) else walking
    if len(walking) == 0:
        return 0.0, 0.0
    step = _half_sample_mode(walking)
    near = np.quantile(np.abs(np.log(walking / step)), CROWD)
    return step, float(near) / CROWD_SIGMAS


def _half_sample_mode(ordered: Array) -> float:
    """Where sorted values (N,) crowd most: the densest half, again and again."""
    while len(ordered) > 3:
        half = (len(ordered) + 1) // 2
        start = int(np.argmin(ordered[half - 1 :] - ordered[: len(ordered) - half + 1]))
        ordered = ordered[start : start + half]
    return float(np.median(ordered))


def _goes_somewhere(moves: Array, noise: float, window: int) -> bool:
    """Whether displacements a window apart agree, as a walker's do; those of a shaken camera at rest point against each other."""
    return noise == 0 or float((moves[:-window] * moves[window:]).sum()) > 0


def axes_of(c2w: Array) -> Array:
    """Where right and forward of the mean of the old and the new yaw point in world x, z: rows of (T-1, 2, 2)."""
    _, yaw = pitch_and_yaw(c2w)
    mean = np.radians(yaw[:-1] + wrap_degrees(np.diff(yaw)) / 2)
    right = np.stack([np.cos(mean), -np.sin(mean)], -1)
    forward = np.stack([np.sin(mean), np.cos(mean)], -1)
    return np.stack([right, forward], 1)


def _walls(moves: Array, floor: float) -> Array:
    """Which way (N, 2) the latest displacement longer than ``floor`` before each went; zero if there was none."""
    length = np.linalg.norm(moves, axis=-1)
    latest = np.maximum.accumulate(np.where(length > floor, np.arange(len(moves)), -1))
    before = np.concatenate([[-1], latest[:-1]])
    return np.where((before >= 0)[:, None], moves[before] / np.maximum(length[before], 1e-12)[:, None], 0.0)


def _mean_over(rows: Array, window: int) -> Array:
    """Mean of rows (N, C) over the ``window`` rows round each; over fewer at both ends."""
    reach = window // 2
    total = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, 0)])
    at = np.arange(len(rows))
    first, last = np.maximum(at - reach, 0), np.minimum(at + reach + 1, len(rows))
    mean: Array = (total[last] - total[first]) / (last - first)[:, None]
    return rows if window == 1 else mean
