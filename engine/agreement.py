"""How well an episode's actions explain its motion, and by how many rows they are off, to a fraction of a row.

What counts is where actions change: there a motion that answers to another row stands out. Inertia (the last motion goes
on) and the lever of a camera that swings round a body are explained away first, so that games with friction can be judged.
"""

import functools
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from infra.dynamics import DynamicsConfig, pitch_and_yaw, turn, walk_direction, wrap_degrees
from infra.schema import Frames

Array = NDArray[np.float64]
_FINER: Final = 0.1  # rows, of the search around the best whole shift
_TIE: Final = 0.005  # explained; with the motion before it given, any answer up to a row too late explains just as much
_ROUNDS: Final = 5  # of reweighting


@dataclass(frozen=True, kw_only=True)
class AgreementConfig:
    """What is looked at, and when actions count as measured."""

    most_shift: int = 3  # rows either way
    reach: int = 4  # rows on either side of a change of actions that are judged
    wide_reach: int = 6  # rows on either side from which gain and inertia are learned
    most_climb: float = 0.02  # metres a row; who falls, jumps or climbs is not moved by keys alone
    least_changes: int = 3  # of keys or mouse, where nothing stood in the way
    still_metres: float = 0.003  # a row, root mean square; less is no walking
    still_degrees: float = 0.03  # a row, likewise
    stuck_share: float = 0.1  # of the usual step; walking keys that lead to less, for long, press against something
    stuck_rows: int = 5
    least_contrast: float = 0.1  # by which a row's shift either way must explain less than the best
    least_apart: float = 0.25  # of the greatest step between two answers; a change that makes less is not judged
    clear: float = 0.5  # of the step between two answers: a motion nearer than that to one of them tells them apart
    least_way: float = 0.75  # cosine of what was done and what was wanted, where changes are too few to compare
    least_told: float = 0.4  # share of changes that must be answered at all, by whichever row's action


class Answer(NamedTuple):
    """How the motion answers one kind of action."""

    lag_rows: float  # by which it trails its action; NaN if it cannot be told
    agreement: float  # share of changes that it answers just so, not a row sooner or later


@dataclass(frozen=True, kw_only=True)
class ActionMeasure:
    """What the poses say about the rows of the actions: of keys and mouse, each as far as it changed and moved anything."""

    keys: Answer | None
    mouse: Answer | None
    told: bool  # whether keys, and the mouse, were compared, or at least went their way in their rows, if they were used
    shifts: tuple[float, ...]  # whole rows
    explained: tuple[float, ...]  # share of the motion at changes that actions explain at each shift; empty if not measured

    @property
    def measured(self) -> bool:
        """Whether the camera moved and actions changed often enough to compare them."""
        return bool(self._answers)

    @property
    def lag_rows(self) -> float:
        """The greater of both lags; NaN if one cannot be told."""
        lags = [answer.lag_rows for answer in self._answers]
        return max(lags, key=abs) if lags and np.isfinite(lags).all() else float("nan")

    @property
    def agreement(self) -> float:
        """The lesser of both; NaN if nothing was measured."""
        return min((answer.agreement for answer in self._answers), default=float("nan"))

    @property
    def _answers(self) -> list[Answer]:
        return [answer for answer in (self.keys, self.mouse) if answer is not None]


@dataclass(frozen=True)
class _Part:
    """Walking or turning: what each row did (N, 2), what its action wanted (N, 2), what went without saying (N, K, 2)."""

    did: Array
    wanted: Array
    given: Array
    rows: NDArray[np.int64]  # that gains are learned from
    judged: NDArray[np.bool_]  # which of these rows lie at changes
    free: NDArray[np.bool_]  # rows in which nothing stood in the way
    still: float  # root mean square of what was done, of one who does not move

    @property
    def comparable(self) -> bool:
        """Whether there was motion, and what was wanted changed often enough."""
        return bool(self.judged.any() and np.sqrt((self.did[self.rows] ** 2).sum(-1).mean()) > self.still)

    def way(self, shift: int) -> float:
        """How far what was done went the way of what was wanted ``shift`` rows earlier, -1 to 1."""
        inner = slice(abs(shift), len(self.did) - abs(shift))
        free = self.free[inner]
        did, wanted = self.did[inner][free], np.roll(self.wanted, shift, 0)[inner][free]
        return float((did * wanted).sum() / max(np.linalg.norm(did) * np.linalg.norm(wanted), 1e-12))

    def goes_its_way(self, config: AgreementConfig) -> bool:
        """All that can be told where what was wanted hardly changed: that it was done, and not in any other row."""
        rows = range(1, config.most_shift + 1)
        elsewhere = max(self.way(shift) for row in rows for shift in (-row, row))
        return self.way(0) >= max(config.least_way, elsewhere - 1e-9)

    @functools.cached_property
    def unexplained(self) -> Array:
        """What is left on each axis (2,) of what was done in judged rows by what went without saying alone."""
        did, given = self.did[self.rows], self.given[self.rows]
        left = [did[:, axis] - given[..., axis] @ _fit(given[..., axis], did[:, axis]) for axis in (0, 1)]
        return np.asarray(np.abs(np.stack(left)[:, self.judged]).sum(1))


def measure_actions(frames: Frames, track: Array | None = None, config: AgreementConfig | None = None) -> ActionMeasure:
    """Compare actions with the motion between poses; row i's action ought to lead to frame i + 1.

    ``track`` (T, 4, 4) is what keys and mouse move where that is not the camera. Gains are fitted, so that no source's speed
    need be known; rows that a wall stopped are left out.
    """
    config = config or AgreementConfig()
    parts = _parts(frames, frames.c2w if track is None else track, config)
    shifts = np.arange(-config.most_shift, config.most_shift + 1)
    curves = [[_explained(part, float(shift)) for shift in shifts] if part.comparable else [] for part in parts]
    keys, mouse = (_answer(part, shifts, curve, config) if curve else None for part, curve in zip(parts, curves, strict=True))
    known = [curve for curve in curves if curve]
    return ActionMeasure(
        keys=keys,
        mouse=mouse,
        told=all(part.comparable or not part.wanted.any() or part.goes_its_way(config) for part in parts),
        shifts=tuple(map(float, shifts)) if known else (),
        explained=tuple(np.mean(known, axis=0).tolist()) if known else (),
    )


def _answer(part: _Part, shifts: NDArray[np.int64], curve: list[float], config: AgreementConfig) -> Answer:
    near = shifts[int(np.argmax(curve))] + np.arange(-0.9, 0.9 + _FINER / 2, _FINER)
    fine = [_explained(part, float(shift)) for shift in near]
    top = max(fine)
    lag = float(near[int(np.argmax(np.array(fine) >= top - _TIE))])  # the first: see ``_TIE``
    beside = max(_explained(part, lag - 1), _explained(part, lag + 1))
    clear = top - beside >= config.least_contrast
    return Answer(round(lag, 2) + 0.0 if clear else float("nan"), round(_agreement(part, lag, config), 4))


def _parts(frames: Frames, poses: Array, config: AgreementConfig) -> tuple[_Part, _Part]:
    """Walking and turning."""
    pitch, yaw = pitch_and_yaw(poses)
    turned = np.stack([np.diff(pitch), wrap_degrees(np.diff(yaw))], -1)
    world = np.diff(poses[:, [0, 2], 3], axis=0) / _pace(frames)[:, None]
    middle = np.radians(yaw[:-1] + turned[:, 1] / 2)
    walked, before = _in_view(world, middle), _in_view(np.roll(world, 1, 0), middle)
    wish = walk_direction(frames.keyboard)[:-1]
    mouse = turn(np.nan_to_num(frames.mouse), DynamicsConfig())[:-1]
    climbs = np.abs(np.diff(poses[:, 1, 3])) > config.most_climb
    free = ~frames.collided[1:] & ~_stuck(walked, wish, config) & ~climbs & ~np.roll(climbs, 1)
    lever = np.stack([turned[:, ::-1], turned], 1)
    given = np.concatenate([before[:, None], lever], 1)
    walking = _Part(walked, wish, given, *_at_changes(wish, free, config), free, config.still_metres)
    given = np.roll(turned, 1, 0)[:, None]
    always = np.ones_like(free)
    turning = _Part(turned, mouse, given, *_at_changes(mouse, always, config), always, config.still_degrees)
    return walking, turning


def _pace(frames: Frames) -> Array:
    """How long each row took, as a share of the usual: on the wall clock some take longer."""
    seconds = np.diff(frames.time).astype(np.float64)
    return np.clip(seconds / max(float(np.median(seconds)), 1.0), 0.25, 4.0) if len(seconds) else seconds


def _in_view(world: Array, yaw: Array) -> Array:
    """Steps (N, 2) along x and z as steps to the right and ahead of a view of ``yaw`` (N,) radians."""
    x, z = world.T
    return np.stack([x * np.cos(yaw) - z * np.sin(yaw), x * np.sin(yaw) + z * np.cos(yaw)], -1)


def _stuck(walked: Array, wish: Array, config: AgreementConfig) -> NDArray[np.bool_]:
    """Rows of a long run in which walking keys led nowhere: sources that report no collision have walls too."""
    length = np.linalg.norm(walked, axis=-1)
    asked: NDArray[np.bool_] = np.any(wish != 0, axis=-1)
    if not asked.any():
        return asked
    usual = float(np.median(length[asked]))
    nowhere = asked & (length < config.stuck_share * max(usual, float(np.percentile(length, 90))))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], nowhere.astype(np.int8), [0]])))
    stuck = np.zeros(len(walked), np.bool_)
    for start, stop in edges.reshape(-1, 2):
        stuck[start:stop] = stop - start >= config.stuck_rows
    return stuck


def _at_changes(wanted: Array, free: NDArray[np.bool_], config: AgreementConfig) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Rows around changes of what was wanted where nothing stood in the way, and which of them are judged: none if changes
    are too few."""
    changes = np.flatnonzero(np.any(np.diff(wanted, axis=0) != 0, axis=-1)) + 1
    inside = np.zeros(len(wanted), np.bool_)
    inside[config.most_shift + 1 : len(wanted) - config.most_shift - 1] = True
    good = inside & free
    distance = np.abs(np.arange(len(wanted))[:, None] - changes + 0.5).min(1, initial=np.inf)
    rows = np.flatnonzero(good & (distance < config.wide_reach))
    enough = good[changes].sum() >= config.least_changes
    return rows, enough & (distance < config.reach)[rows]


def _wanted(part: _Part, shift: float) -> Array:
    """What actions of ``shift`` rows earlier want of the rows that are looked at, (R, 2)."""
    at = np.clip(part.rows - shift, 0, len(part.wanted) - 1)
    low = np.floor(at).astype(np.int64)
    high, share = np.minimum(low + 1, len(part.wanted) - 1), (at - low)[:, None]
    wanted: Array = (1 - share) * part.wanted[low] + share * part.wanted[high]
    return wanted


def _explained(part: _Part, shift: float) -> float:
    """Share of what is not given that actions of ``shift`` rows earlier explain."""
    left, open_ = 0.0, float(part.unexplained.sum())
    for axis, wanted in enumerate(_wanted(part, shift).T):
        did, given = part.did[part.rows, axis], part.given[part.rows, :, axis]
        both = np.column_stack([wanted, given])
        gains = _fit(both, did)
        left += float(np.abs(did - both @ gains)[part.judged].sum()) if gains[0] > 0 else float(part.unexplained[axis])
    return 1 - left / open_ if open_ > 0 else 0.0


def _agreement(part: _Part, lag: float, config: AgreementConfig) -> float:
    """Share of changes that are answered after ``lag`` rows rather than a row sooner, or later, whichever share is less."""
    open_, gain = np.zeros((len(part.rows), 2)), np.zeros(2)
    for axis, wanted in enumerate(_wanted(part, lag).T):
        did, given = part.did[part.rows, axis], part.given[part.rows, :, axis]
        gains = _fit(np.column_stack([wanted, given]), did)
        gain[axis], open_[:, axis] = gains[0], did - given @ gains[1:]
    own, shares = gain * _wanted(part, lag), []
    for other in (lag - 1, lag + 1):
        instead = gain * _wanted(part, other)
        apart = np.linalg.norm(own - instead, axis=-1)
        right, wrong = (np.linalg.norm(open_ - answer, axis=-1) for answer in (own, instead))
        asked = part.judged & (apart > config.least_apart * max(float(np.max(apart)), 1e-9))
        told = asked & (np.minimum(right, wrong) < config.clear * apart)
        against = np.abs(own - instead)[:, gain < 0].sum(-1) > 0.5 * apart  # it goes where it was not sent
        enough = min(1.0, told.sum() / max(asked.sum() * config.least_told, 1.0))
        shares.append(enough * float((~against & (right < wrong))[told].mean()) if told.any() else 0.0)
    return min(shares)


def _fit(regressors: Array, values: Array) -> Array:
    """Gains (K,) of ``regressors`` (N, K) that leave the least absolute deviations of ``values`` (N,): rows in which
    something stood in the way are few and far off."""
    scale = max(float(np.abs(values).mean()), 1e-12)
    root: Array = np.ones(len(values))
    gains: Array = np.zeros(regressors.shape[1])
    for _ in range(_ROUNDS):
        gains = np.asarray(np.linalg.lstsq(regressors * root[:, None], values * root, rcond=None)[0], np.float64)
        root = 1 / np.sqrt(np.maximum(np.abs(values - regressors @ gains), 0.01 * scale))
    return gains
