"""Plots of a dataset version as PNG bytes: the only door to matplotlib in this package."""

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from curation.balance import CLASSES, shares
from curation.decide import Decision, Path, count_reasons

Array = NDArray[np.float64]

BLUE, ORANGE, GREY, RED = "#2f6fb0", "#e08a2c", "#9aa3ab", "#c04a3c"
WALK_COLOURS = ("#2f6fb0", "#e08a2c", "#3f9a6b", "#b0509a", "#c04a3c", "#6b6f3a", "#4ab0c0")
MOST_SCENES = 6  # of a path plot


def plot_actions(decisions: Sequence[Decision]) -> bytes:
    """Share of each action class among accepted training clips, as recorded and as sampled."""
    chosen = [one for one in decisions if one.accepted and one.split == "train"]
    counts = [one.actions for one in chosen]
    weights = np.array([one.weight for one in chosen])
    before, after = shares(counts, np.ones(len(chosen))), shares(counts, weights)
    shown = [k for k in range(len(CLASSES)) if before[k] > 0] or [0]
    figure = Figure(figsize=(7.2, 0.6 + 0.27 * len(shown)))
    axes = figure.subplots()
    rows = np.arange(len(shown))
    axes.barh(rows - 0.2, before[shown] * 100, 0.38, color=GREY, label="recorded")
    axes.barh(rows + 0.2, after[shown] * 100, 0.38, color=BLUE, label="as sampled")
    axes.set_yticks(rows, [CLASSES[k] for k in shown])
    axes.invert_yaxis()
    axes.set_xlabel("share of actions, %")
    axes.legend(frameon=False)
    return _png(figure)


def plot_rejects(decisions: Sequence[Decision]) -> bytes:
    """Rejected clips by their first reason."""
    reasons = count_reasons(decisions)
    rejected = sum(reasons.values())
    figure = Figure(figsize=(7.2, 1.1 + 0.3 * max(1, len(reasons))))
    axes = figure.subplots()
    axes.barh(list(reasons), list(reasons.values()), color=RED)
    axes.invert_yaxis()
    for row, count in enumerate(reasons.values()):
        axes.text(count, row, f" {count}", va="center")
    if not reasons:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no clip was rejected", transform=axes.transAxes, ha="center")
    axes.set_xlabel(f"clips; {rejected} of {len(decisions)} rejected ({100 * rejected / max(len(decisions), 1):.1f} %)")
    return _png(figure)


def plot_families(decisions: Sequence[Decision]) -> bytes:
    """Minutes of accepted video by scene family and split."""
    minutes: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for one in decisions:
        if one.accepted:
            minutes[one.episode.family][one.split] += (one.scores.stop - one.scores.start) / one.episode.fps / 60
    figure = Figure(figsize=(7.2, 1.2 + 0.4 * max(1, len(minutes))))
    axes = figure.subplots()
    left = np.zeros(len(minutes))
    for split, colour in (("train", BLUE), ("val", ORANGE), ("test", GREY)):
        values = np.array([by_split[split] for by_split in minutes.values()])
        axes.barh(list(minutes), values, left=left, color=colour, label=split)
        left = left + values
    axes.set_xlabel("minutes; overlapping clips count each")
    axes.legend(frameon=False)
    return _png(figure)


def plot_scores(decisions: Sequence[Decision], thresholds: Mapping[str, float]) -> bytes:
    """Histograms of the raw scores that have a threshold, accepted and rejected clips apart."""
    figure = Figure(figsize=(9.6, 2.1 * -(-len(thresholds) // 3)))
    grid = figure.subplots(-(-len(thresholds) // 3), 3, squeeze=False).reshape(-1)
    for axes, (name, threshold) in zip(grid, thresholds.items(), strict=False):
        values = np.array([getattr(one.scores, name) for one in decisions], np.float64)
        accepted = np.array([one.accepted for one in decisions], np.bool_)
        finite = np.isfinite(values)
        edges = np.histogram_bin_edges(np.append(values[finite], threshold), 24)
        axes.hist([values[finite & accepted], values[finite & ~accepted]], edges, stacked=True, color=[BLUE, RED])
        axes.axvline(threshold, color="black", linewidth=1)
        axes.set_title(name.replace("_", " "), fontsize=9)
        axes.set_yscale("symlog")
    for axes in grid[len(thresholds) :]:
        axes.set_axis_off()
    return _png(figure)


def plot_paths(paths: Sequence[Path]) -> bytes:
    """Top-down paths, one panel a scene, those with most kinds of walk first."""
    kinds = {scene: len({walk for of, walk, _ in paths if of == scene}) for scene, _, _ in paths}
    scenes = sorted(kinds, key=lambda scene: (-kinds[scene], scene))[:MOST_SCENES]
    walks = sorted({walk for _, walk, _ in paths})
    figure = Figure(figsize=(9.6, 3.4 * max(1, -(-len(scenes) // 3))))
    grid = figure.subplots(max(1, -(-len(scenes) // 3)), 3, squeeze=False).reshape(-1)
    for axes, scene in zip(grid, scenes, strict=False):
        for of, walk, positions in paths:
            if of == scene:
                colour = WALK_COLOURS[walks.index(walk) % len(WALK_COLOURS)]
                axes.plot(positions[:, 0], positions[:, 2], color=colour, linewidth=1.2, label=walk)
                axes.plot(*positions[0, [0, 2]], "o", color=colour, markersize=3)
        axes.set_title(scene, fontsize=8)
        axes.set_aspect("equal", adjustable="datalim")
        by_walk = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        axes.legend(by_walk.values(), by_walk.keys(), frameon=False, fontsize=7)
    for axes in grid[len(scenes) :]:
        axes.set_axis_off()
    figure.supxlabel("x, metres", fontsize=9)
    figure.supylabel("z, metres", fontsize=9)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    """The same figure gives the same bytes: nothing in them names a time or a version."""
    with matplotlib.rc_context({"svg.hashsalt": "worldloom"}):
        figure.tight_layout()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()
