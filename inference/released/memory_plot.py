"""A plot of what memory recalled: for each segment the frames that it was given, and where they lie in the video."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from inference.released.plan import ClipPlan


@dataclass(frozen=True, kw_only=True)
class Recall:
    """The memory frames that a clip was given; none for the first."""

    plan: ClipPlan
    frames: tuple[int, ...]


def plot_recalls(recalls: Sequence[Recall], path: Path) -> None:
    """Write a PNG: recalled frames over the frames that each segment made; the sink apart from what was selected."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    last = recalls[-1].plan.new_frames.stop
    axes.plot([0, last], [0, last], color="#888888", linewidth=1, label="the video itself")
    for recall in recalls:
        made = recall.plan.new_frames
        axes.axvspan(made.start, made.stop, color="#888888", alpha=0.12 if recall.plan.number % 2 else 0.04, linewidth=0)
    points = [(_place(recall, slot), frame) for recall in recalls for slot, frame in enumerate(recall.frames[:-1])]
    sinks = [(_place(recall, len(recall.frames) - 1), recall.frames[-1]) for recall in recalls if recall.frames]
    if points:
        axes.scatter(
            [x for x, _ in points], [y for _, y in points], s=22, color="#e8820c", label="recalled for the view there", zorder=3
        )
        axes.scatter([x for x, _ in sinks], [y for _, y in sinks], s=22, color="#2f80ed", marker="v", label="sink", zorder=3)
    axes.set(xlabel="frame that is made", ylabel="frame that memory gives", xlim=(0, last), ylim=(-0.02 * last, last))
    axes.set_title(f"Memory of {len(recalls)} segments, {last} frames")
    axes.legend(loc="upper left", frameon=False)
    figure.savefig(path, dpi=120, format="png")


def _place(recall: Recall, slot: int) -> int:
    """The frame whose view a slot was selected for."""
    return recall.plan.queries[slot]
