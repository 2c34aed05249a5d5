"""What an episode keeps of its sync self-test; rows of games on the wall clock are put in order by it."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.agreement import ActionMeasure, Answer, measure_actions
from engine.job import Source
from engine.sync import SyncMeasure, SyncMeter
from infra.schema import Frames
from infra.schema.episode import UNKNOWN_AGREEMENT

EXACT_DEPTH: Final[tuple[Source, ...]] = ("embedded", "unreal")  # coarse depth is worse than none for telling time
MOST_LAG: Final = 0.5  # frames; more is another row
LEAST_AGREEMENT: Final = 0.75  # of the changes of actions; neighbouring rows swapped leave two thirds at most
STILL: Final = 0.02  # metres, and as much of a turn, within which ends that lie beyond the recording count as standing


@dataclass(frozen=True, kw_only=True)
class Synced:
    """Rows whose pixels, poses and actions belong together, and how that is known."""

    frames: Frames
    lag_frames: float  # by which pixels trail the pose, what is left; 0 where it could not be told
    action_lag_frames: float  # by which motion trails its action, what is left; 0 where it could not be told
    action_agreement: float  # share of changes of actions that the poses answer in their rows; -1 where nothing tells
    checked: bool  # pixels and poses were measured and agree; so do poses and all actions that were used
    curve: dict[str, Any]  # for people to look at, JSON values


def settle_sync(
    frames: Frames,
    meter: SyncMeter,
    sync: Literal["exact", "measured"],
    track: NDArray[np.float64] | None = None,
) -> Synced:
    """Measure both lags; where rows were not in lock-step by construction, correct them and measure again.

    First poses go to their pixels, then keys and mouse, each by whole rows, to the motion that they led to. Rows of a
    lock-step source are left as they are, whatever is measured: a lag there is a fault, which curation rejects. ``track``
    (T, 4, 4) is the body's in third person.
    """
    measure, moved, shifted, known = meter.result(), 0.0, 0, True
    if sync == "measured" and measure.decided:
        moved = measure.lag_frames
        known = abs(moved) <= MOST_LAG or _stands(frames.c2w, moved)
        frames = dataclasses.replace(
            frames,
            c2w=meter.correct(moved),
            intrinsics=_between(frames.intrinsics, moved),  # read along with the pose
            collided=_later(frames.collided, round(moved)),
        )
        measure = meter.result()
    actions = measure_actions(frames, track)
    if sync == "measured" and actions.measured:
        keys, mouse = _rows_off(actions.keys or actions.mouse), _rows_off(actions.mouse or actions.keys)
        shifted = max(keys, mouse, key=abs)
        frames = dataclasses.replace(frames, keyboard=_later(frames.keyboard, keys), mouse=_later(frames.mouse, mouse))
        actions = measure_actions(frames, track) if shifted else actions
    doubt = _doubt(known, measure, actions)
    return Synced(
        frames=frames,
        lag_frames=measure.lag_frames if measure.decided else 0.0,
        action_lag_frames=actions.lag_rows if math.isfinite(actions.lag_rows) else 0.0,
        action_agreement=actions.agreement if actions.measured else UNKNOWN_AGREEMENT,
        checked=not doubt,
        curve=_curve(measure, moved) | {"actions": _action_curve(actions, shifted), "doubt": doubt},
    )


def _doubt(known: bool, measure: SyncMeasure, actions: ActionMeasure) -> str:
    """Why rows do not count as checked, in words; empty where pixels, poses and actions were shown to belong together."""
    if not known:
        return "poses were moved to their pixels from where nobody recorded them"
    if not measure.decided:
        return "the camera moved too little or too evenly for its pixels to tell"
    if abs(measure.lag_frames) > MOST_LAG:
        return "pixels and poses are more than half a frame apart"
    if not actions.told:
        return "keys or mouse changed too seldom to compare, and the motion does not plainly follow them"
    return "" if _agrees(actions) else "motion does not answer keys and mouse in their rows"


def _rows_off(answer: Answer | None) -> int:
    """By how many whole rows an action has to be moved; 0 where that is not clear."""
    known = answer is not None and math.isfinite(answer.lag_rows) and answer.agreement >= LEAST_AGREEMENT
    return round(answer.lag_rows) if answer is not None and known else 0


def _agrees(actions: ActionMeasure) -> bool:
    """Whether actions stand in their own rows as far as that was measured; NaN is no."""
    return not actions.measured or (abs(actions.lag_rows) < MOST_LAG and actions.agreement >= LEAST_AGREEMENT)


def _stands(c2w: NDArray[np.float64], lag: float) -> bool:
    """Whether the camera stood at the end to which poses moved by ``lag`` are drawn out: else where it was is not known."""
    rows = math.ceil(abs(lag)) + 1
    end = c2w[:rows] if lag > 0 else c2w[-rows:]
    return bool(np.abs(end[:, :3] - end[:1, :3]).max() < STILL)


def _between(column: NDArray[np.float64], rows: float) -> NDArray[np.float64]:
    """The column (T, N) ``rows`` later, between its rows; its ends are drawn out."""
    here = np.arange(len(column), dtype=np.float64)
    return np.stack([np.interp(here - rows, here, values) for values in column.T], axis=1)


def _later(column: NDArray[Any], rows: int) -> NDArray[Any]:
    """The column ``rows`` later; nothing happened in what comes in at the end."""
    moved = np.roll(column, rows, axis=0)
    if rows > 0:
        moved[:rows] = 0
    elif rows < 0:
        moved[rows:] = 0
    return moved


def _curve(measure: SyncMeasure, moved: float) -> dict[str, Any]:
    return {
        "shifts": list(measure.shifts),
        "residual_px": [round(value, 4) for value in measure.residual_px],
        "lag_frames": measure.lag_frames if measure.decided else None,
        "corrected_frames": moved,
        "pairs": measure.pairs,
    }


def _action_curve(actions: ActionMeasure, shifted: int) -> dict[str, Any]:
    return {
        "shifts": list(actions.shifts),
        "explained": [round(value, 4) for value in actions.explained],
        "lag_frames": actions.lag_rows if math.isfinite(actions.lag_rows) else None,
        "corrected_frames": shifted,
        "agreement": actions.agreement if actions.measured else None,
    }
