"""The hidden Markov chain of nine keys: what a displacement says of the keys held, and the likeliest keys of a whole track."""

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotation.wsad_track import Movement
from infra.directions import DIRECTIONS, UNIT

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Response:
    """How a key shows in the displacements after it is pressed."""

    shares: tuple[float, ...] = (1.0,)  # of its push: in its own frame, the next one, and so on; they add up to 1
    diagonal: float = 1.0  # length of a diagonal step, in steps; the square root of 2 where games add up two keys


@dataclass(frozen=True, kw_only=True)
class EvidenceConfig:
    """Costs are in nats (a natural-log unit of evidence); lengths are in steps, so that no scale need be known.

    All were tuned on scenes, maps and worlds of the training split; the bench scores those of the validation split.
    """

    tolerance: float = 0.06  # steps: how far a free step may miss its direction
    change_tolerance: float = 0.1  # steps more while one key takes over from another: games do not blend them evenly
    still_tolerance: float = 0.005  # steps: how far a camera at rest may drift
    glide_blend: float = 0.02  # steps that a gliding step may miss by, since keys change within a frame of several ticks
    slide_cost: float = 5.0  # what it takes to believe that a wall bent a step
    slide_on_cost: float = 2.0  # and that it goes on bending them
    slide_angle: float = 5.0  # degrees by which a slide may miss the wall's own direction
    wall_cost: float = 2.0  # what it takes to believe that the wall of the frame before goes on bending steps
    wall_tolerance: float = 0.03  # steps: how far what such a wall leaves of a step may miss
    blocked_cost: float = 6.0  # what it takes to believe that a key was held against a wall and nothing moved
    push_cost: float = 7.5  # what it takes to believe that somebody who passed pushed a walker who stood
    push_on_cost: float = 2.5  # what it takes to believe that the push of the frame before goes on
    push_change: float = 0.06  # steps: how much it then changes
    push_walker_cost: float = 0.25  # on top of both for one who walks
    push_length: float = 0.6  # steps a frame: they push no faster
    most_cost: float = 12.0  # of any frame: a teleport must not outweigh its neighbours


@functools.cache
def key_histories(depth: int) -> NDArray[np.int64]:
    """What may have been down (S, depth): the key of a frame, of the one before it, and so on, with one change at most."""
    histories = [
        (key,) * since + (before,) * (depth - since)
        for since in range(1, depth + 1)
        for key, before in itertools.product(range(len(DIRECTIONS)), repeat=2)
        if (key == before) == (since == depth)
    ]
    return np.array(histories, np.int64)


@functools.cache
def _follows(depth: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The history (S, 9) that follows each when a key is down next; 0 where it is the same, 1 to stop, 2 to start, 3 to turn."""
    histories = key_histories(depth)
    number = {tuple(row): index for index, row in enumerate(histories.tolist())}
    follows = np.zeros((len(histories), len(DIRECTIONS)), np.int64)
    for row, index in number.items():
        for key in range(len(DIRECTIONS)):
            shifted, anew = (key, *row)[:depth], (key, *[row[0]] * (depth - 1))  # whoever changes twice has changed once
            follows[index, key] = number[shifted] if shifted in number else number[anew]
    now, then = histories[:, :1], np.arange(len(DIRECTIONS))
    return follows, np.select([then == now, then == 0, now == 0], [0, 1, 2], 3)


def evidence(track: Movement, response: Response, config: EvidenceConfig) -> Array:
    """Cost (N, S) of each key history: the cheapest of a free step, a slide, a full stop at a wall, and a push aside."""
    histories = key_histories(len(response.shares))
    push = pushes(track, response)
    bite = 1 - track.keeps  # what a key adds to a displacement in one frame
    asked = track.keeps * track.before[:, None] + bite * push
    stands = (histories == 0).all(1)
    tolerance = float(np.hypot(np.hypot(config.tolerance, config.glide_blend * track.keeps), track.noise / bite))
    costs = _free_cost(track, histories, push, asked, tolerance, config)
    moved = np.linalg.norm(track.moves, axis=-1)[:, None]
    stopped = (moved / np.hypot(config.still_tolerance, track.noise)) ** 2 / 2
    bent = np.minimum(_slide_cost(track, asked, tolerance, config), _wall_cost(track, asked, config))
    rests = moved < 3 * np.hypot(config.still_tolerance, track.noise)  # who slides has a direction
    walks = np.minimum(np.where(rests, np.inf, bent), config.blocked_cost + stopped)
    costs = np.minimum(costs, np.where(stands, np.inf, walks))
    if track.keeps == 0:  # one who glides is carried on by every push: it cannot be told from keys
        costs = np.minimum(costs, _push_cost(track, push, asked, stands, tolerance, config))
    return np.minimum(costs, config.most_cost)


def pushes(track: Movement, response: Response) -> Array:
    """What each key history pushes, (N, S, 2) along world x and z, in steps. Who turns is pushed where he looks by now."""
    lengths = np.where(np.abs(UNIT).min(1) > 0.5, response.diagonal, 1.0)[:, None]
    held = (UNIT * lengths) @ track.axes  # (N, 9, 2)
    histories = key_histories(len(response.shares))
    total = np.zeros((len(held), len(histories), 2))
    for share, keys in zip(response.shares, histories.T, strict=True):
        total += share * held[:, keys]
    return total


def _free_cost(
    track: Movement, histories: NDArray[np.int64], push: Array, asked: Array, tolerance: float, config: EvidenceConfig
) -> Array:
    """Cost (N, S) of nothing being in the way; speeds differ more than directions do."""
    stands = (histories == 0).all(1)
    miss = (asked - track.moves[:, None]) / (1 - track.keeps)
    length = np.linalg.norm(push, axis=-1)
    unit = push / np.maximum(length, 1e-9)[..., None]
    along = (miss * unit).sum(-1)
    across = np.maximum((miss**2).sum(-1) - along**2, 0)
    changes = (histories != histories[:, :1]).any(1)
    across_slack = np.where(changes, tolerance**2 + config.change_tolerance**2, tolerance**2)
    along_slack = across_slack + (track.spread * length) ** 2
    blend = config.glide_blend * track.keeps
    slack = np.hypot(np.hypot(config.still_tolerance, blend), track.noise / (1 - track.keeps))
    rest = (miss**2).sum(-1) / slack**2
    cost: Array = np.where(stands, rest, along**2 / along_slack + across / across_slack) / 2
    return cost + np.log(across_slack / tolerance**2)  # who allows for more must expect less


def _slide_cost(track: Movement, asked: Array, tolerance: float, config: EvidenceConfig) -> Array:
    """Cost (N, S) of each step having been bent by a wall.

    A wall takes away what points into it: sliding on, the lost part stands square to what is left; on the first contact
    some of the way to the wall was still free, so the angle is between 0 and 90 degrees. Walls never lengthen a step.
    """
    miss = asked - track.moves[:, None]
    left = np.linalg.norm(track.moves, axis=-1)[:, None]
    lost = np.linalg.norm(miss, axis=-1)
    cosine = (miss * track.moves[:, None]).sum(-1) / np.maximum(left * lost, 1e-9)
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    blur = np.hypot(config.slide_angle, np.degrees(np.minimum(tolerance - config.tolerance, 1) / np.maximum(left, 0.1)))
    skew = ((angle - 90) / blur) ** 2 / 2
    before = np.concatenate([np.full_like(skew[:1], np.inf), skew[:-1]])  # of the same keys
    square = skew + np.minimum(config.slide_cost, config.slide_on_cost + before)
    touch = config.slide_cost + 2.0 + (np.maximum(angle - 90, 0) / blur) ** 2 / 2
    too_long = (np.maximum(left - np.linalg.norm(asked, axis=-1), 0) / tolerance) ** 2 / 2
    bent: Array = np.minimum(square, touch) + too_long
    return bent


def _wall_cost(track: Movement, asked: Array, config: EvidenceConfig) -> Array:
    """Cost (N, S) of sliding on the way that the frame before went: what of a step points along the wall is left of it."""
    along = track.wall[:, None]
    miss = np.linalg.norm((asked * along).sum(-1, keepdims=True) * along - track.moves[:, None], axis=-1)
    slack = np.hypot(config.wall_tolerance, track.noise)
    known = np.where(np.linalg.norm(along, axis=-1) > 0, config.wall_cost, np.inf)
    cost: Array = known + (miss / slack) ** 2 / 2
    return cost


def _push_cost(
    track: Movement, push: Array, asked: Array, stands: NDArray[np.bool_], tolerance: float, config: EvidenceConfig
) -> Array:
    """Cost (N, S) of having been pushed aside by somebody who passed: a little way, and from frame to frame much the same."""
    aside = track.moves[:, None] - asked
    change = np.linalg.norm(np.diff(aside, axis=0, prepend=np.full_like(aside[:1], np.inf)), axis=-1)
    goes_on = config.push_on_cost + (change / np.hypot(config.push_change, track.noise)) ** 2 / 2
    reach = config.push_length + np.linalg.norm(push, axis=-1)
    too_far = (np.maximum(np.linalg.norm(aside, axis=-1) - reach, 0) / tolerance) ** 2 / 2
    walker = np.where(stands, 0.0, config.push_walker_cost)
    cost: Array = np.minimum(config.push_cost, goes_on) + too_far + walker
    return cost


def decode(costs: Array, depth: int, changes: Sequence[float]) -> tuple[Array, float]:
    """Probability (N, 9) of each key given the whole track, by forward-backward, and the log-evidence for the costs.

    ``changes`` are the costs of stopping, of starting to walk, and of going from one key to another.
    """
    follows, kind = _follows(depth)
    size = len(follows)
    turn = np.zeros((size, size))
    np.add.at(turn, (np.arange(size)[:, None], follows), np.exp(-np.array([0.0, *changes]))[kind])
    turn /= turn.sum(1, keepdims=True)
    likelihood = np.exp(costs.min(1, keepdims=True) - costs)
    ahead, behind = np.ones_like(likelihood), np.ones_like(likelihood)
    scale = np.ones(len(costs))
    ahead[0], scale[0] = likelihood[0] / likelihood[0].sum(), likelihood[0].sum() / size
    for now, after in itertools.pairwise(range(len(costs))):
        row = (ahead[now] @ turn) * likelihood[after]
        scale[after] = row.sum()
        ahead[after] = row / scale[after]
    for now, after in reversed(list(itertools.pairwise(range(len(costs))))):
        row = turn @ (behind[after] * likelihood[after])
        behind[now] = row / row.sum()
    posterior = ahead * behind
    posterior /= posterior.sum(1, keepdims=True)
    keys = np.zeros((len(costs), len(DIRECTIONS)))
    np.add.at(keys.T, key_histories(depth)[:, 0], posterior.T)
    return keys, float(np.log(scale).sum() - costs.min(1).sum())
