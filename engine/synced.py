"""What an episode keeps of its sync self-test; poses of games on the wall clock are moved to their pixels."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Final, Literal

from engine.job import Source
from engine.sync import SyncMeasure, SyncMeter
from infra.schema import Frames

EXACT_DEPTH: Final[tuple[Source, ...]] = ("embedded", "unreal")  # coarse depth is worse than none for telling time


@dataclass(frozen=True, kw_only=True)
class Synced:
    """Rows whose poses belong to their pixels, and how that is known."""

    frames: Frames
    lag_frames: float  # that is left; 0 where it could not be told
    checked: bool  # it was measured: enough moved
    curve: dict[str, Any]  # for people to look at, JSON values


def settle_sync(frames: Frames, meter: SyncMeter, sync: Literal["exact", "measured"]) -> Synced:
    """Measure the lag; where rows were not in lock-step by construction, move the poses by it and measure again.

    Rows of a lock-step source are left as they are, whatever is measured: a lag there is a fault, which curation rejects.
    """
    measure, moved = meter.result(), 0.0
    if sync == "measured" and measure.decided:
        moved = measure.lag_frames
        frames = dataclasses.replace(frames, c2w=meter.correct(moved))
        measure = meter.result()
    return Synced(
        frames=frames,
        lag_frames=measure.lag_frames if measure.decided else 0.0,
        checked=measure.decided,
        curve=_curve(measure, moved),
    )


def _curve(measure: SyncMeasure, moved: float) -> dict[str, Any]:
    return {
        "shifts": list(measure.shifts),
        "residual_px": [round(value, 4) for value in measure.residual_px],
        "lag_frames": measure.lag_frames if measure.decided else None,
        "corrected_frames": moved,
        "pairs": measure.pairs,
    }
