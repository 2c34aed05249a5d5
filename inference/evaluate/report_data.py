"""The report's sections about training, data and time."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from PIL import Image

from inference.evaluate.plots import plot_bars, plot_curves
from inference.evaluate.report_source import ReportSource
from inference.evaluate.report_tables import Cell, Row, Table
from inference.evaluate.section import Picture, Plot, Section

_PLOTS: Final = {
    "actions": "Actions in the training set, recorded and as sampled.",
    "families": "Where the clips are from.",
    "scores": "Scores of all clips; lines are the thresholds.",
    "paths": "Paths of the training walks, from above.",
    "accepted": "Accepted clips, spread over the training set.",
}


def training_section(source: ReportSource) -> Section:
    """Loss curves and held-out figures of the checkpoints that this run made."""
    rows: list[Row] = []
    curves: dict[str, list[tuple[float, float]]] = {}
    for checkpoint in source.checkpoints():
        metrics = json.loads(checkpoint.metrics)
        curves[checkpoint.kind] = [(float(step), float(loss)) for step, loss in metrics.get("curve", [])]
        known = {name.replace("_", " "): value for name, value in metrics.items() if isinstance(value, int | float)}
        figures = ", ".join(f"{name} {value:.4g}" for name, value in known.items())
        cells = (checkpoint.origin, f"{checkpoint.steps}", _duration(checkpoint.seconds), figures or "–", checkpoint.digest[:12])
        rows.append(Row(title=checkpoint.kind, cells=tuple(Cell(main=text) for text in cells)))
    head = ("checkpoint", "started from", "steps", "time", "held-out figures", "digest")
    caption = "Checkpoints of this run. Held-out figures are on scenes of the validation split."
    plot = plot_curves(curves, "step", "loss")
    return Section(
        title="Training",
        tables=(Table(caption=caption, head=head, rows=tuple(rows)),) if rows else (),
        plots=(Plot(svg=plot, caption="Training loss."),) if plot else (),
    )


def curation_sections(source: ReportSource) -> list[Section]:
    """Statistics of the dataset, and what was rejected, with pictures."""
    outputs = source.outputs("curate")
    if not outputs:
        return []
    return [_dataset(source, outputs), _rejected(source, outputs)]


def timing_section(source: ReportSource) -> Section:
    """How long each stage took, and whether a time cap cut it short."""
    runs = source.runs
    rows = [
        Row(title=stage, cells=(Cell(main=_duration(run.seconds)), Cell(main="yes" if run.stopped_early else "no")))
        for stage, run in runs.items()
    ]
    if not rows:
        return Section(title="Stage timings")
    total = sum(run.seconds for run in runs.values())
    rows.append(Row(title="together", cells=(Cell(main=_duration(total)), Cell(main=""))))
    host = ", ".join(sorted({run.host for run in runs.values()}))
    return Section(
        title="Stage timings",
        tables=(Table(caption=f"Wall time of each stage on {host}.", head=("stage", "time", "stopped early"), rows=tuple(rows)),),
        plots=(Plot(svg=plot_bars({stage: run.seconds for stage, run in runs.items()}, "seconds"), caption="Seconds by stage."),),
    )


def _dataset(source: ReportSource, outputs: Mapping[str, Any]) -> Section:
    collected = source.outputs("collect")
    sentence = (
        f"{outputs['accepted']} of {outputs['clips']} clips were accepted: "
        + ", ".join(f"{count} {split}" for split, count in outputs["by_split"].items())
        + f"; {outputs['train_minutes']:.1f} minutes of training video (overlapping clips count each)."
    )
    recorded = f"{collected['episodes']} episodes were recorded. " if "episodes" in collected else ""
    names = [name for name in _PLOTS if name in outputs["plots"]]
    pictures = tuple(_picture(source, outputs["plots"][name], _PLOTS[name]) for name in names)
    return Section(title="Dataset", paragraphs=(recorded + sentence,), pictures=pictures)


def _rejected(source: ReportSource, outputs: Mapping[str, Any]) -> Section:
    reasons: Mapping[str, int] = outputs["rejected"]
    if not reasons:
        return Section(title="Rejected clips", paragraphs=("No clip was rejected.",))
    rows = [Row(title=reason.replace("_", " "), cells=(Cell(main=str(count)),)) for reason, count in reasons.items()]
    table = Table(caption="Rejected clips by first reason.", head=("reason", "clips"), rows=tuple(rows))
    sheets: Sequence[str] = [outputs["plots"]["rejected"]] if "rejected" in outputs["plots"] else []
    pictures = tuple(_picture(source, name, "Rejected clips, a row for each reason: the middle frame.") for name in sheets)
    return Section(title="Rejected clips", tables=(table,), pictures=pictures)


def _picture(source: ReportSource, name: str, caption: str) -> Picture:
    """Inline a stored PNG; photographs are inlined as JPEG, which is a tenth of the size."""
    data = source.store.get_bytes(name)
    with Image.open(io.BytesIO(data)) as image:
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=82, optimize=True)
    small = len(data) <= len(buffer.getvalue())
    kind = "image/png" if small else "image/jpeg"
    return Picture(data=base64.b64encode(data if small else buffer.getvalue()).decode(), kind=kind, caption=caption)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 100 else f"{seconds:.1f} s"
