"""Lists of what lies in a store: dataset versions, and decisions about releases; newest first"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flows.publish import published_dataset
from flows.releases import Check, ReleaseRow, read_current
from infra.datasets import load_bundle, load_dataset
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
    parents: tuple[str, ...]  # keys of the stages whose rows it was built from


@dataclass(frozen=True, kw_only=True)
class ListedRelease:
    """One decision about a release, as lists show it."""

    number: int
    action: str  # released | refused | rolled back
    bundle: str
    name: str  # empty, like what follows, if the bundle's object was deleted
    when: str  # ISO, local time at which the gate began; empty for a rollback
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
    rows = sorted(read_rows(store, "datasets").to_pylist(), key=lambda row: times.get(row["version"], ""), reverse=True)
    return [_listed_dataset(store, row, times.get(row["version"], ""), row["version"] == published) for row in rows]


def _listed_dataset(store: Store, row: Mapping[str, Any], when: str, published: bool) -> ListedDataset:
    facts = {name: value for name, value in row.items() if name in ListedDataset.__dataclass_fields__}
    facts["parents"] = tuple(row["parents"])
    return ListedDataset(when=when, published=published, size=_size_of_dataset(store, row["version"]), **facts)


def list_releases(store: Store, action: str | None = None) -> list[ListedRelease]:
    """Every decision about a release, or those with that action."""
    runs = finished_runs(store)
    times = {run.outputs["bundle"]: when.isoformat(timespec="seconds") for run, when in runs if run.stage == "release"}
    rows = sorted(read_records(store, "releases", ReleaseRow), key=lambda row: -row.number)
    now = read_current(store)
    made_current = next((row.number for row in rows if now and row.bundle == now.bundle and row.action != "refused"), None)
    return [
        _listed_release(store, row, times, current=row.number == made_current) for row in rows if action in (None, row.action)
    ]


def _listed_release(store: Store, row: ReleaseRow, times: Mapping[str, str], *, current: bool) -> ListedRelease:
    try:
        bundle = load_bundle(store, row.bundle)
    except MissingObjectError:
        bundle = None
    return ListedRelease(
        number=row.number,
        action=row.action,
        bundle=row.bundle,
        name=bundle.name if bundle else "",
        when=times.get(row.bundle, "") if row.evaluation else "",
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
