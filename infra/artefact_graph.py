"""Artefacts as a graph: what the tables and manifests of a store say about each one, and which others it holds directly."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from infra.digest import sha256_of
from infra.episode_sets import read_set, set_digest
from infra.schema import Checkpoint
from infra.schema.release import ReleaseRow
from infra.schema.run import Run
from infra.store import MissingObjectError, Store
from infra.tables import read_records, read_rows

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_SETS: Final = ("collect", "annotate")  # stages whose output ``digest`` names a set of episodes
_EPISODE_COLUMNS: Final = ("episode_id", "source", "family", "walk", "split", "frames")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of one artefact."""

    kind: str  # bundle | checkpoint | dataset | episode | episodes (a set that no run put out) | stage | weights
    digest: str
    config_digest: str = ""  # of the config that made it, empty where there was none
    code_commit: str = ""
    note: str = ""
    parents: tuple[str, ...] = ()  # digests of what it holds, and of the runs that made its rows
    needs: str = ""  # the object without which it is gone


class ArtefactGraph:
    """Every artefact that a store names. Reads tables at once, manifests as they are asked for."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.checkpoints: dict[str, list[Checkpoint]] = defaultdict(list)  # the same weights may have come about twice
        for row in read_records(store, "checkpoints", Checkpoint):
            self.checkpoints[row.digest].append(row)
        self._rows = sorted(read_records(store, "runs", Run), key=lambda run: run.started)
        self.runs = {run.key: run for run in self._rows}
        self.releases = sorted(read_records(store, "releases", ReleaseRow), key=lambda row: (row.number, row.decided))
        self.bundles = {row.bundle for row in self.releases}
        datasets = read_rows(store, "datasets")
        self.datasets: set[str] = set(datasets["version"].to_pylist()) if datasets.num_rows else set()
        self.makers: dict[str, Run] = {}  # digest to the run that put it out first; never one that was given it
        self.plans: dict[str, Run] = {}  # digest of a request to the run that fulfilled it last
        for run in self._rows:
            self._learn(run, json.loads(run.inputs), json.loads(run.outputs))
        self._facts: dict[str, Facts] = {}
        self._in_clips: set[str] = set()  # episodes of the manifests that were read, whether or not their rows are here

    def _learn(self, run: Run, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        if run.stage == "collect" and "collection" in inputs:
            self.plans[inputs["collection"]] = run
        for name, value in outputs.items():
            if not isinstance(value, str) or not _DIGEST.fullmatch(value):
                continue
            if name == "dataset":
                self.datasets.add(value)
            if name == "bundle":
                self.bundles.add(value)
                if run.stage == "release":  # what it judges it has put together
                    self.makers.setdefault(value, run)
            elif value not in inputs.values():
                self.makers.setdefault(value, run)

    @cached_property
    def episodes(self) -> dict[str, Mapping[str, Any]]:
        """The episodes' rows by id, few columns of them."""
        rows = read_rows(self.store, "episodes", columns=_EPISODE_COLUMNS)
        return {row["episode_id"]: row for row in rows.to_pylist()}

    @cached_property
    def recorders(self) -> dict[str, Run]:
        """Which run of collect finished first with an episode."""
        found: dict[str, Run] = {}
        jobs: dict[str, set[str]] | None = None
        for run in (run for run in self._rows if run.stage == "collect"):
            ids = self._set_of(run)
            if ids is None and (collection := json.loads(run.inputs).get("collection")):  # of an earlier version
                jobs = self._jobs() if jobs is None else jobs
                ids = self.episodes.keys() & jobs[collection]
            for episode_id in ids or ():
                found.setdefault(episode_id, run)
        return found

    def _jobs(self) -> dict[str, set[str]]:
        jobs: dict[str, set[str]] = defaultdict(set)
        for row in read_rows(self.store, "jobs", columns=("collection", "job_id")).to_pylist():
            jobs[row["collection"]].add(row["job_id"])
        return jobs

    def _set_of(self, run: Run) -> Iterable[str] | None:
        """The episodes that a run put out as a set; None where it does not say."""
        digest = json.loads(run.outputs).get("digest", "") if run.stage in _SETS else ""
        try:
            return read_set(self.store, digest) if digest else None
        except MissingObjectError:  # earlier versions kept no sets; the one of all episodes can be told by its digest
            return self.episodes.keys() if set_digest(self.episodes) == digest else None

    def names(self) -> dict[str, str]:
        """Every digest that can be asked for, to the artefact that it stands for."""
        own = {*self.checkpoints, *self.runs, *self.datasets, *self.bundles, *self.episodes}
        told = {digest: run.key for digest, run in {**self.plans, **self.makers}.items()}
        return told | {digest: digest for digest in own}

    def artefacts(self) -> Iterator[str]:
        """Digests of all that can hold episodes, in the order in which they come about."""
        yield from sorted(self.datasets)
        yield from self.checkpoints
        yield from sorted(self.bundles)

    def facts(self, digest: str) -> Facts:
        """What is known of an artefact. A stage's parents are left out: it may have worked on more than an artefact holds.

        Raises:
            MissingObjectError: nothing here is called so.
        """
        if digest not in self._facts:
            self._facts[digest] = self._find(digest)
        return self._facts[digest]

    def _find(self, digest: str) -> Facts:
        if rows := self.checkpoints.get(digest):
            return self._checkpoint(digest, rows)
        if digest in self.episodes or digest in self._in_clips:
            return self._episode(digest)
        if run := self.runs.get(digest):
            return self._stage(run)
        listed = digest in self.datasets or digest in self.bundles
        if listed or (digest not in self.makers and self.store.exists(f"{digest}.json")):
            return self._manifest(digest)
        if self.store.exists(f"{digest}.safetensors"):
            return Facts(kind="weights", digest=digest, note="shipped with the repository", needs=f"{digest}.safetensors")
        if run := self.makers.get(digest) or self.plans.get(digest):
            return self._stage(run)
        raise MissingObjectError(
            f"{digest} is named as a parent but is not in store {self.store.uri}; it was deleted, restore it"
        )

    def _checkpoint(self, digest: str, rows: list[Checkpoint]) -> Facts:
        row = rows[-1]
        parents = dict.fromkeys(parent for one in rows for parent in one.parents if parent)
        return Facts(
            kind="checkpoint",
            digest=digest,
            config_digest=sha256_of(row.config.encode()),
            code_commit=row.code_commit,
            note=f"{row.kind}, {row.steps} steps, started from {row.origin}{', stopped early' if row.stopped_early else ''}",
            parents=tuple(parents),
            needs=row.weights_object,
        )

    def _episode(self, digest: str) -> Facts:
        row, run = self.episodes.get(digest), self.recorders.get(digest)
        what = "{source} {family} {walk} {split}, {frames} frames".format_map(row) if row else "its row is not in this store"
        if run is None:
            return Facts(kind="episode", digest=digest, note=f"{what}, collected by no finished stage that is known")
        return Facts(
            kind="episode",
            digest=digest,
            config_digest=run.config_digest,
            code_commit=run.code_commit,
            note=f"{what}, collected by {run.key[:12]}",
            parents=(run.key,),
        )

    def _stage(self, run: Run) -> Facts:
        note = f"{run.stage} in {run.seconds:.1f} s{', stopped early' if run.stopped_early else ''}"
        return Facts(kind="stage", digest=run.key, config_digest=run.config_digest, code_commit=run.code_commit, note=note)

    def _manifest(self, digest: str) -> Facts:
        maker = self.makers.get(digest)
        kind, note, parents = self._content(digest)
        if kind == "dataset" and maker:
            parents = [*parents, maker.key]
        return Facts(
            kind=kind,
            digest=digest,
            config_digest=maker.config_digest if maker else "",
            code_commit=maker.code_commit if maker else "",
            note=note,
            parents=tuple(dict.fromkeys(filter(None, parents))),
            needs=f"{digest}.json",
        )

    def _content(self, digest: str) -> tuple[str, str, list[str]]:
        """Kind, note and parents of what a JSON object holds."""
        try:
            values: Any = json.loads(self.store.get_bytes(f"{digest}.json"))
        except MissingObjectError:
            if digest in self.datasets:
                return "dataset", "manifest deleted", self._accepted(digest)
            return "bundle", "deleted: what it held is not known", []
        if isinstance(values, list):
            return "episodes", "a set that no finished stage put out", []
        if "denoiser" in values:
            parts = [values[part] for part in ("dataset", "autoencoder", "denoiser", "denoiser_int8")]
            return "bundle", f"{values['name']}, profile {values['profile']}", [*parts, *values["parents"]]
        held = dict.fromkeys(clip["episode_id"] for clip in values["clips"])
        self._in_clips |= held.keys()
        return "dataset", f"{values['name']}, {len(values['clips'])} clips of {len(held)} episodes", [*held, *values["parents"]]

    def _accepted(self, dataset: str) -> list[str]:
        """Episodes of a version by table ``clips``, for one whose manifest is gone."""
        rows = read_rows(self.store, "clips", equal={"dataset": dataset}).to_pylist()
        held = sorted({row["episode_id"] for row in rows if row["accepted"]})
        self._in_clips.update(held)
        return held

    def taken_by(self, run: Run) -> list[str]:
        """What a run was given, and the episodes that it worked on, where it says which."""
        values = [value for value in json.loads(run.inputs).values() if isinstance(value, str)]
        given = [*values, json.loads(run.outputs).get("digest", "")]
        workers = [self.makers[value] for value in given if value in self.makers]
        sets = [self._set_of(worker) or () for worker in workers if worker.stage == "annotate"]
        known = self.names()
        taken = [episode_id for ids in sets for episode_id in ids]
        return [one for one in dict.fromkeys([*taken, *(known[value] for value in values if value in known)]) if one != run.key]
