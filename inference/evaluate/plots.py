"""Plots as inline SVG whose ink is the page's own colour, so that they fit light and dark pages."""

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inference.evaluate.report_tables import TITLES
from inference.evaluate.verdict import Scores

_INK: Final = "#010203"  # replaced by the page's colour
_COLOURS: Final = {
    "candidate": "#e8820c",
    "candidate_no_geometry": "#2f80ed",
    "base": "#8e5bd0",
    "base_no_geometry": "#5aa9b8",
    "random": "#b04a5a",
    "random_no_geometry": "#c98a92",
    "random_denoiser": "#9a6b3f",
    "repeat_last": "#888888",
    "autoencoder": "#3c9d5d",
    "warp": "#b5a100",
    "int8": "#d6569a",
    "memory_off": "#5b7083",
    "memory_wrong_scene": "#b04a5a",
    "memory_off_no_geometry": "#7fb3d5",
}
_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": _INK,
    "grid.alpha": 0.12,
    "legend.frameon": False,
}


def plot_by_frame(scores: Scores, metric: str, arms: Sequence[str], label: str) -> str:
    """A metric by frame, one line an arm, its interval as a band; empty if nothing was measured."""
    lines = {arm: sorted((h, s) for (a, m, h), s in scores.items() if (a, m) == (arm, metric)) for arm in arms}
    lines = {arm: points for arm, points in lines.items() if points}
    if not lines:
        return ""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(7.6, 4.4), layout="constrained")
        axes = figure.subplots()
        for arm, points in lines.items():
            frames = [h for h, _ in points]
            colour = _COLOURS[arm]
            dashes = "--" if arm in ("repeat_last", "autoencoder", "warp") else "-"
            axes.plot(frames, [s.value for _, s in points], dashes, color=colour, lw=1.8, label=TITLES[arm])
            axes.fill_between(frames, [s.low for _, s in points], [s.high for _, s in points], color=colour, alpha=0.13, lw=0)
        axes.set_xlabel("frame")
        axes.set_ylabel(label)
        figure.legend(loc="outside lower center", ncols=2, fontsize=9)
        return _svg(figure, f"{metric}-{'-'.join(lines)}")


def plot_curves(curves: Mapping[str, Sequence[tuple[float, float]]], xlabel: str, ylabel: str) -> str:
    """Loss curves, one panel each; empty if there are none."""
    curves = {name: points for name, points in curves.items() if len(points) > 1}
    if not curves:
        return ""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(3.4 * len(curves), 2.6), layout="constrained")
        panels = figure.subplots(1, len(curves), squeeze=False)[0]
        for axes, (name, points) in zip(panels, curves.items(), strict=True):
            axes.plot(*zip(*points, strict=True), color=_COLOURS["candidate_no_geometry"], lw=1.4)
            axes.set_title(name, fontsize=10)
            axes.set_xlabel(xlabel)
            axes.set_ylabel(ylabel)
        return _svg(figure, f"curves-{'-'.join(curves)}")


def plot_bars(values: Mapping[str, float], label: str) -> str:
    """Horizontal bars with their figures; empty if there are none."""
    if not values:
        return ""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(7.6, 0.5 + 0.3 * len(values)), layout="constrained")
        axes: Axes = figure.subplots()
        names = list(values)
        bars = axes.barh(names, [values[name] for name in names], color=_COLOURS["candidate_no_geometry"], height=0.62)
        axes.bar_label(bars, fmt="%.4g", padding=4, fontsize=9, color=_INK)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(label)
        axes.margins(x=0.12)
        return _svg(figure, f"bars-{label}-{'-'.join(names)}")


def _svg(figure: Figure, salt: str) -> str:
    """The figure as an <svg> element; ``salt`` keeps ids apart between plots and equal between runs."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :].replace(_INK, "currentColor")
