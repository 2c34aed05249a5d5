"""How inferred keys hold up when poses are noisy, frames are dropped or added, and the scale is not known."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from annotation.wsad import Wsad, WsadConfig, infer_wsad
from annotation.wsad_score import WsadTally, infer_fixed_rule, macro_f1, score_wsad, tally_wsad
from infra.directions import DIRECTIONS, directions_of
from infra.dynamics import camera_to_world, pitch_and_yaw
from infra.schema import Frames
from infra.schema.action import UNKNOWN_KEY

Array = NDArray[np.float64]
Rule = Literal["ours", "fixed"]

RULES: Final[tuple[Rule, ...]] = ("ours", "fixed")


@dataclass(frozen=True, kw_only=True)
class Track:
    """One recorded walk: what moved, (T, 4, 4), and the keys and mouse that moved it."""

    source: str
    family: str
    scene: str  # tracks of one scene are drawn together by the bootstrap
    walk: str
    c2w: Array
    frames: Frames
    body: Array | None = None  # (T, 4, 4) where that is not the camera: which frames moved is read from it


@dataclass(frozen=True, kw_only=True)
class CurveConfig:
    """Where the curves are measured, and how their intervals are drawn."""

    noise_steps: tuple[float, ...] = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5)  # sigma of each coordinate, as a share of a step
    noise_degrees: tuple[float, ...] = (0.0, 0.1, 0.5)  # sigma of the turn about each axis
    scales: tuple[float, ...] = (0.01, 0.1, 1.0, 10.0, 100.0)
    resamples: int = 1000  # of the bootstrap over scenes
    seed: int = 0
    wsad: WsadConfig = field(default_factory=WsadConfig)


@dataclass(frozen=True, kw_only=True)
class _Case:
    """A track as an estimator would give it, and what is true of it."""

    c2w: Array
    truth: Frames
    moved: NDArray[np.bool_]  # (T,) read from the exact poses, so that noise cannot choose which frames count


def tallies_of(track: Track, c2w: Array, truth: Frames, moved: NDArray[np.bool_], config: WsadConfig) -> dict[Rule, WsadTally]:
    """Both rules' tallies of one track; ``moved`` (T,) says which frames count as moved."""
    ours = dataclasses.replace(infer_wsad(c2w, config), moved=moved)
    keyboard, mouse = infer_fixed_rule(c2w)
    fixed = Wsad(keyboard=keyboard, mouse=mouse, confidence=ours.confidence, moved=moved, step=ours.step)
    return {rule: tally_wsad(one, truth, config.degrees_per_mouse_unit) for rule, one in zip(RULES, (ours, fixed), strict=True)}


def exact_tallies(track: Track, config: WsadConfig) -> dict[Rule, WsadTally]:
    """Both rules' tallies on the track's own poses."""
    moved = infer_wsad(track.c2w if track.body is None else track.body, config).moved
    return tallies_of(track, track.c2w, track.frames, moved, config)


def measure_curves(tracks: Sequence[Track], config: CurveConfig, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row a point and rule: curve, value, figures and 95 % intervals of macro-F1 over scenes."""
    exact = [infer_wsad(track.c2w, config.wsad) for track in tracks]
    rows: list[dict[str, Any]] = []
    for curve, point, change in _points(config):
        found: dict[Rule, list[WsadTally]] = {rule: [] for rule in RULES}
        left_out, total = 0, 0
        for number, (track, known) in enumerate(zip(tracks, exact, strict=True)):
            case = change(track, known, np.random.default_rng([config.seed, number]))
            left_out += int((directions_of(case.truth.keyboard)[:-1] < 0).sum())
            total += len(case.truth) - 1
            for rule, tally in tallies_of(track, case.c2w, case.truth, case.moved, config.wsad).items():
                found[rule].append(tally)
        for rule, tallies in found.items():
            figures = summarise([track.scene for track in tracks], tallies, config)
            rows.append({"curve": curve, **point, "rule": rule, "keys_changed_share": left_out / max(total, 1)} | figures)
        ours, fixed = (row["macro_f1_moved"] for row in rows[-2:])
        say(f"{curve:11} {' '.join(f'{key} {value:g}' for key, value in point.items()):26} ours {ours:.4f}  fixed {fixed:.4f}")
    return rows


def summarise(scenes: Sequence[str], tallies: Sequence[WsadTally], config: CurveConfig) -> dict[str, Any]:
    """Figures of all tallies together, and ``*_interval`` (low, high) at 95 %, resampling whole scenes."""
    total = tallies[0]
    for tally in tallies[1:]:
        total = total + tally
    names = sorted(set(scenes))
    shape = (len(names), len(DIRECTIONS), len(DIRECTIONS) + 1)
    moved, stopped = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for scene, tally in zip(scenes, tallies, strict=True):
        moved[names.index(scene)] += np.reshape(tally.moved, shape[1:])
        stopped[names.index(scene)] += np.reshape(tally.stopped, shape[1:])
    draws = np.random.default_rng(config.seed).integers(len(names), size=(config.resamples, len(names)))
    return score_wsad(total) | {
        "scenes": len(names),
        "macro_f1_moved_interval": _interval(macro_f1(moved[draws].sum(1))),
        "macro_f1_all_interval": _interval(macro_f1((moved + stopped)[draws].sum(1))),
    }


def _interval(resampled: Array) -> tuple[float, float]:
    known = resampled[np.isfinite(resampled)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


_Change = Callable[[Track, Wsad, np.random.Generator], _Case]


def _points(config: CurveConfig) -> Iterator[tuple[str, dict[str, float], _Change]]:
    """Every point of every curve: its name, its values, and what it does to a track."""
    for degrees in config.noise_degrees:
        for share in config.noise_steps:
            yield "noise", {"steps": share, "degrees": degrees}, _noisy(share, degrees)
    for scale in config.scales:
        yield "scale", {"scale": scale}, _scaled(scale)
    yield "frame rate", {"rate": 0.5}, lambda track, known, rng: halved(track, config.wsad)
    yield "frame rate", {"rate": 1.0}, _scaled(1.0)
    yield "frame rate", {"rate": 2.0}, lambda track, known, rng: doubled(track, config.wsad)


def _noisy(share: float, degrees: float) -> _Change:
    def change(track: Track, known: Wsad, rng: np.random.Generator) -> _Case:
        count = len(track.c2w)
        c2w = track.c2w.copy()
        c2w[:, :3, 3] += rng.normal(0, 1, (count, 3)) * share * known.step
        c2w[:, :3, :3] = c2w[:, :3, :3] @ _rotations(np.radians(rng.normal(0, 1, (count, 3)) * degrees))
        return _Case(c2w=c2w, truth=track.frames, moved=known.moved)

    return change


def _scaled(scale: float) -> _Change:
    def change(track: Track, known: Wsad, rng: np.random.Generator) -> _Case:
        c2w = track.c2w.copy()
        c2w[:, :3, 3] *= scale
        return _Case(c2w=c2w, truth=track.frames, moved=known.moved)

    return change


def halved(track: Track, config: WsadConfig) -> _Case:
    """Every second frame. Where keys changed between the two rows none is right: unknown in the truth, and not scored."""
    count = len(track.frames) // 2 * 2
    frames = track.frames.slice(0, count)
    first, second = directions_of(frames.keyboard[::2]), directions_of(frames.keyboard[1::2])
    keyboard = frames.keyboard[::2].copy()
    keyboard[first != second] = UNKNOWN_KEY
    truth = dataclasses.replace(_rows(frames, np.arange(0, count, 2)), keyboard=keyboard)
    truth = dataclasses.replace(truth, mouse=frames.mouse[::2] + frames.mouse[1::2])
    c2w = track.c2w[:count:2]
    return _Case(c2w=c2w, truth=truth, moved=infer_wsad(c2w, config).moved)


def doubled(track: Track, config: WsadConfig) -> _Case:
    """A pose half way between each two: positions and angles are interpolated, each row's keys held for both halves."""
    pitch, yaw = pitch_and_yaw(track.c2w)
    at = np.arange(2 * len(yaw) - 1) / 2
    place = np.stack([np.interp(at, np.arange(len(yaw)), column) for column in track.c2w[:, :3, 3].T], -1)
    angles = [np.interp(at, np.arange(len(yaw)), np.degrees(np.unwrap(np.radians(angle)))) for angle in (pitch, yaw)]
    truth = _rows(track.frames, np.floor(at).astype(int))
    truth = dataclasses.replace(truth, mouse=truth.mouse / np.float32(2))
    c2w = camera_to_world(place, *angles)
    return _Case(c2w=c2w, truth=truth, moved=infer_wsad(c2w, config).moved)


def _rows(frames: Frames, index: NDArray[np.int64]) -> Frames:
    columns = {one.name: getattr(frames, one.name) for one in dataclasses.fields(frames)}
    hashes = [frames.rgb_sha256[row] for row in index]
    return Frames(**{name: column[index] for name, column in columns.items() if name != "rgb_sha256"}, rgb_sha256=hashes)


def _rotations(turns: Array) -> Array:
    """Matrices (T, 3, 3) of small turns (T, 3) in radians about the axes, by Rodrigues' formula."""
    angle = np.linalg.norm(turns, axis=-1)[:, None, None]
    x, y, z = turns.T
    zero = np.zeros_like(x)
    cross = np.stack([np.stack([zero, -z, y], -1), np.stack([z, zero, -x], -1), np.stack([-y, x, zero], -1)], -2)
    safe = np.maximum(angle, 1e-12)
    turned: Array = np.eye(3) + np.sin(angle) / safe * cross + (1 - np.cos(angle)) / safe**2 * (cross @ cross)
    return turned


def plot_curves(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Macro-F1 on frames that moved against noise, scale and frame rate; bands are 95 % intervals over scenes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 3, sharey=True)
    kinds = (("noise", "steps"), ("scale", "scale"), ("frame rate", "rate"))
    titles = ("position noise, steps (brighter: more rotation noise)", "scale of the track", "frames kept a recorded frame")
    for panel, (curve, key), title in zip(panels, kinds, titles, strict=True):
        for rule, colour in (("ours", "#d1495b"), ("fixed", "#30638e")):
            own = [row for row in rows if row["curve"] == curve and row["rule"] == rule]
            turns = sorted({row.get("degrees", 0.0) for row in own})
            for number, degrees in enumerate(turns):
                line = [row for row in own if row.get("degrees", 0.0) == degrees]
                label = f"{rule}, {degrees:g}° noise" if curve == "noise" else rule
                low, high = zip(*(row["macro_f1_moved_interval"] for row in line), strict=True)
                at, look = [row[key] for row in line], {"color": colour, "alpha": 1 - 0.75 * number / max(len(turns) - 1, 1)}
                panel.plot(at, [row["macro_f1_moved"] for row in line], marker="o", markersize=3, label=label, **look)
                panel.fill_between(at, low, high, color=colour, alpha=0.08, linewidth=0)
        panel.set_xscale("linear" if curve == "noise" else "log")
        if curve == "frame rate":
            panel.minorticks_off()
            panel.set_xticks([0.5, 1, 2], ["1/2", "1", "2"])
        panel.set(title=title, ylim=(0, 1.02))
        panel.title.set_fontsize(10)
        panel.grid(alpha=0.2)
        panel.legend(fontsize=7)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("macro-F1, frames that moved")
    figure.savefig(path, dpi=110)
