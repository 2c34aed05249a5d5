"""How well inferred input agrees with recorded input: tallies that add up over episodes, and the figures read from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from annotation.wsad import Wsad
from annotation.wsad_track import turned_degrees
from infra.directions import DIRECTIONS, directions_of
from infra.dynamics import DynamicsConfig, turn
from infra.schema.action import KEYS, UNKNOWN_KEY, Keyboard, Mouse
from infra.schema.episode import Frames

LEAST_SUPPORT: Final = 10  # frames; a direction recorded less often says nothing about the rule
UNKNOWN_COLUMN: Final = len(DIRECTIONS)  # last column of a confusion table: nothing was inferred


@dataclass(frozen=True, kw_only=True)
class WsadTally:
    """Counts of one episode or of many; tallies of different episodes may be added."""

    moved: tuple[int, ...]  # 9 x 10 row by row: recorded direction, inferred direction or unknown; frames that moved
    stopped: tuple[int, ...]  # the same for frames that did not
    mouse_error: float  # sum of absolute errors in degrees, both axes
    mouse_worst: float  # largest absolute error in degrees
    mouse_values: int  # how many errors were summed

    def __add__(self, other: "WsadTally") -> "WsadTally":
        return WsadTally(
            moved=tuple(a + b for a, b in zip(self.moved, other.moved, strict=True)),
            stopped=tuple(a + b for a, b in zip(self.stopped, other.stopped, strict=True)),
            mouse_error=self.mouse_error + other.mouse_error,
            mouse_worst=max(self.mouse_worst, other.mouse_worst),
            mouse_values=self.mouse_values + other.mouse_values,
        )


def tally_wsad(inferred: Wsad, recorded: Frames, degrees_per_mouse_unit: float = 15.0) -> WsadTally:
    """Compare one episode's inferred rows with its recorded ones; the last action leads nowhere and is left out.

    Mouse errors are in degrees turned: a recorded motion within the dead zone turned nothing.
    """
    truth, guess = directions_of(recorded.keyboard)[:-1], directions_of(inferred.keyboard)[:-1]
    turned = turn(recorded.mouse, DynamicsConfig(degrees_per_mouse_unit=degrees_per_mouse_unit))
    turned = np.where(np.isnan(recorded.mouse), np.nan, turned)
    error = np.abs(inferred.mouse * degrees_per_mouse_unit - turned)[:-1]
    known = error[np.isfinite(error)]
    moved = inferred.moved[:-1]
    return WsadTally(
        moved=_confusion(truth[moved], guess[moved]),
        stopped=_confusion(truth[~moved], guess[~moved]),
        mouse_error=float(known.sum()),
        mouse_worst=float(known.max(initial=0.0)),
        mouse_values=int(known.size),
    )


def score_wsad(tally: WsadTally) -> dict[str, float]:
    """Figures of a tally. Macro-F1 is over the directions recorded at least ``LEAST_SUPPORT`` times; unknown counts as wrong.

    ``macro_f1_walked`` leaves out the frames that moved with no key down, as when others push: a track cannot tell that.
    ``coverage`` is the share of frames for which anything was inferred. Where nothing was recorded, a figure is NaN.
    """
    moved = np.array(tally.moved).reshape(len(DIRECTIONS), -1)
    everything = moved + np.array(tally.stopped).reshape(len(DIRECTIONS), -1)
    frames = int(everything.sum())
    return {
        "macro_f1_moved": float(macro_f1(moved)),
        "macro_f1_walked": float(macro_f1(np.concatenate([np.zeros_like(moved[:1]), moved[1:]]))),
        "macro_f1_all": float(macro_f1(everything)),
        "accuracy_moved": _accuracy(moved),
        "accuracy_all": _accuracy(everything),
        "coverage": 1 - float(everything[:, UNKNOWN_COLUMN].sum()) / frames if frames else float("nan"),
        "mouse_error_degrees": tally.mouse_error / tally.mouse_values if tally.mouse_values else float("nan"),
        "mouse_worst_degrees": tally.mouse_worst if tally.mouse_values else float("nan"),
        "frames_moved": int(moved.sum()),
        "frames": frames,
    }


def score_by_source(tallies: Sequence[tuple[str, WsadTally]]) -> Mapping[str, dict[str, Any]]:
    """Add up the tallies of each source and score them."""
    total: dict[str, WsadTally] = {}
    for source, tally in tallies:
        total[source] = total[source] + tally if source in total else tally
    return {source: score_wsad(tally) for source, tally in sorted(total.items())}


def macro_f1(tables: NDArray[np.int64]) -> NDArray[np.float64]:
    """Macro-F1 (...) of confusion tables (..., 9, 10); NaN where no direction was recorded often enough."""
    hits = np.diagonal(tables, axis1=-2, axis2=-1).astype(np.float64)
    recorded, inferred = tables.sum(-1), tables[..., : len(DIRECTIONS)].sum(-2)
    present = recorded >= LEAST_SUPPORT
    total = np.where(present, 2 * hits / np.maximum(recorded + inferred, 1), 0.0).sum(-1)
    return np.asarray(np.where(present.any(-1), total / np.maximum(present.sum(-1), 1), np.nan))


def infer_fixed_rule(c2w: NDArray[np.float64]) -> tuple[Keyboard, Mouse]:
    """The fixed-threshold rule that HY-WorldPlay publishes, as the control: keyboard (T, 6) and mouse (T, 2).

    A move of 0.01 or less in the track's unit is none; less than 60 degrees from +z is W, more than 120 S, the same to +x
    is D, A; it turns where yaw or pitch changes by more than 0.05 degrees. The move is read in the old camera's own frame.
    Published for steps between latent frames; here a step is a frame, which spares it keys that change within a step.
    """
    move = np.einsum("tji,tj->ti", c2w[:-1, :3, :3], np.diff(c2w[:, :3, 3], axis=0))
    length = np.linalg.norm(move, axis=-1)
    towards = move / np.maximum(length, 1e-12)[:, None]
    walks = (length > 0.01)[:, None]
    keys = np.stack([towards[:, 2] > 0.5, towards[:, 2] < -0.5, towards[:, 0] < -0.5, towards[:, 0] > 0.5], -1) & walks
    keyboard = np.full((len(c2w), len(KEYS)), UNKNOWN_KEY, np.int8)
    keyboard[:-1, :4] = keys
    turned = turned_degrees(c2w)
    mouse = np.full((len(c2w), 2), np.nan, np.float32)
    mouse[:-1] = np.where(np.abs(turned) > 0.05, np.sign(turned) * 0.1, 0.0)  # direction only; one unit of 1.5 degrees
    return keyboard, mouse


def _confusion(truth: NDArray[np.int64], guess: NDArray[np.int64]) -> tuple[int, ...]:
    table = np.zeros((len(DIRECTIONS), len(DIRECTIONS) + 1), np.int64)
    known = truth >= 0
    np.add.at(table, (truth[known], np.where(guess < 0, UNKNOWN_COLUMN, guess)[known]), 1)
    return tuple(table.reshape(-1).tolist())


def _accuracy(table: NDArray[np.int64]) -> float:
    return float(np.trace(table[:, : len(DIRECTIONS)])) / float(table.sum()) if table.any() else float("nan")
