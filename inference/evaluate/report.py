"""One self-contained HTML page: verdict first, then pictures, tables, plots, and where everything came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from inference.evaluate.report_sections import collect_sections, key_figures
from inference.evaluate.report_source import ReportSource
from inference.evaluate.section import Section
from infra.store import Store

FILE_NAME: Final = "report.html"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the template lays out."""

    name: str
    subtitle: str
    verdict: list[dict[str, str]]  # text, tone
    figures: list[dict[str, str]]  # value, label
    sections: list[Section]
    lineage: list[tuple[str, str]]


def write_report(store: Store, home: Path, keys: Mapping[str, str]) -> Path:
    """Write ``report.html`` into ``home`` from finished stages, ``keys`` by stage name; returns its path.

    Stages without a key are left out, so that a partial run has a report too.

    Raises:
        MissingObjectError: a key names no finished run, or an object that a run names is gone.
    """
    source = ReportSource(store, keys)
    page = _environment().get_template("report.html.j2").render(report=build_report(source))
    home.mkdir(parents=True, exist_ok=True)
    path = home / FILE_NAME
    path.write_text(page, encoding="utf-8")
    return path


def build_report(source: ReportSource) -> Report:
    """Gather what the page shows."""
    evaluation = source.outputs("evaluate")
    verdict: list[dict[str, str]] = evaluation.get("verdict", [])
    if not verdict:
        verdict = [
            {"text": "Not evaluated yet: this run has no finished evaluate stage, so nothing is claimed.", "tone": "plain"}
        ]
    return Report(
        name=source.dataset[:12] or "unfinished run",
        subtitle=_subtitle(source),
        verdict=verdict,
        figures=key_figures(evaluation),
        sections=collect_sections(source),
        lineage=source.lineage(),
    )


def _subtitle(source: ReportSource) -> str:
    parts = [f"dataset {source.dataset[:12]}"] if source.dataset else []
    evaluation: Mapping[str, Any] = source.outputs("evaluate")
    if evaluation:
        parts.append(f"test starts {evaluation['starts']}, in unseen scenes {evaluation['scenes']}")
    return " · ".join([*parts, f"code {source.commit[:12]}", source.finished])


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("inference.evaluate"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
