"""Lists of what lies in a store: dataset versions, and decisions about releases; newest first"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.publish import published_dataset
from flows.releases import Check, ReleaseRow, playing_since, read_decisions
from infra.datasets import load_bundle, load_dataset
from infra.schema.run import Run
from infra.stage import finished_runs
from infra.store import MissingObjectError, Store
from infra.tables import read_records, read_rows


@dataclass(frozen=True, kw_only=True)
class ListedDataset:
    """A dataset version, as lists show it."""

    version: str
    name: str
    when: str  # ISO, local time at which curation began that made it first; empty if no finished run says
    published: bool  # what retraining takes
    size: str  # of its frames, "224x128 at 16 fps"; empty if the manifest was deleted
    clips: int  # cut, rejected ones among them
    accepted: int
    train_clips: int
    val_clips: int
    test_clips: int
    train_minutes: float  # overlapping clips count each
    parents: tuple[str, ...]  # what annotation put out before it was curated


@dataclass(frozen=True, kw_only=True)
class ListedRelease:
    """One decision about a release, as lists show it."""

    number: int
    action: str  # released | refused | rolled back | promoted
    bundle: str
    name: str  # empty, like what follows, if the bundle's object was deleted
    when: str  # ISO, local time of the decision; empty where neither its row nor a run of the gate says
    current: bool  # what plays now
    size: str
    dataset: str
    student: str
    evaluation: str  # key of the evaluation that the gate read
    checks: tuple[Check, ...]


def list_datasets(store: Store) -> list[ListedDataset]:
    """Every dataset version."""
    times: dict[str, str] = {}
    for run, when in finished_runs(store):
        if run.stage == "curate":
            times.setdefault(run.outputs["dataset"], when.isoformat(timespec="seconds"))
    published = published_dataset(store)
    unique = {row["version"]: row for row in read_rows(store, "datasets").to_pylist()}  # one may have been curated twice
    rows = sorted(unique.values(), key=lambda row: times.get(row["version"], ""), reverse=True)
    return [_listed_dataset(store, row, times.get(row["version"], ""), row["version"] == published) for row in rows]


def _listed_dataset(store: Store, row: Mapping[str, Any], when: str, published: bool) -> ListedDataset:
    facts = {name: value for name, value in row.items() if name in ListedDataset.__dataclass_fields__}
    facts["parents"] = tuple(row["parents"])
    return ListedDataset(when=when, published=published, size=_size_of_dataset(store, row["version"]), **facts)


def list_releases(store: Store, action: str | None = None) -> list[ListedRelease]:
    """Every decision about a release, or those with that action."""
    rows = read_decisions(store)
    times, since = _times(store, rows), playing_since(store)
    return [
        _listed_release(store, row, when, current=row == since)
        for row, when in zip(rows, times, strict=True)
        if action in (None, row.action)
    ]


def _times(store: Store, rows: Sequence[ReleaseRow]) -> list[str]:
    """When each decision was made. Rows of earlier versions have no time: theirs is the end of the gate's run, in order."""
    runs: dict[tuple[str, str], list[float]] = defaultdict(list)
    if any(not row.decided for row in rows):
        for run in sorted(read_records(store, "runs", Run), key=lambda run: run.started):
            if run.stage == "release" and {"bundle", "evaluation"} <= (inputs := json.loads(run.inputs)).keys():
                runs[inputs["bundle"], inputs["evaluation"]].append(run.started + run.seconds)
    times = []
    for row in reversed(rows):  # oldest first
        of_gate = runs[row.bundle, row.evaluation]
        when = row.decided or (of_gate.pop(0) if of_gate else 0.0)
        times.append(datetime.fromtimestamp(when).isoformat(timespec="seconds") if when else "")
    return times[::-1]


def _listed_release(store: Store, row: ReleaseRow, when: str, *, current: bool) -> ListedRelease:
    try:
        bundle = load_bundle(store, row.bundle)
    except MissingObjectError:
        bundle = None
    return ListedRelease(
        number=row.number,
        action=row.action,
        bundle=row.bundle,
        name=bundle.name if bundle else "",
        when=when,
        current=current,
        size=f"{bundle.width}x{bundle.height} at {bundle.fps:g} fps" if bundle else "",
        dataset=bundle.dataset if bundle else "",
        student=bundle.denoiser if bundle else "",
        evaluation=row.evaluation,
        checks=tuple(Check(**line) for line in json.loads(row.checks)),
    )


def _size_of_dataset(store: Store, version: str) -> str:
    try:
        manifest = load_dataset(store, version)
    except MissingObjectError:
        return ""
    return f"{manifest.width}x{manifest.height} at {manifest.fps:g} fps"
