"""Running a stage once: its key says what it would do; a finished run with that key is its result."""

import io
import json
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.digest import canonical_json, sha256_of
from infra.lineage import code_commit
from infra.progress import Observer, Progress
from infra.schema.run import Run
from infra.store import Store
from infra.tables import append_rows, read_records, read_rows, records_from, rows_from

OBSERVERS: list[Observer] = []  # told of every stage's progress; flows adds its own


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """What a stage left behind. ``outputs`` names rows and objects, never holds frames or tensors."""

    stage: str
    key: str
    outputs: Mapping[str, Any]
    seconds: float
    reused: bool
    stopped_early: bool


class StageContext:
    """What the work of a stage is given."""

    def __init__(self, stage: str, key: str, store: Store, max_seconds: float | None, *, silent: bool = False) -> None:
        self.stage, self.key = stage, key
        self.progress = Progress(stage, (), io.StringIO()) if silent else Progress(stage, tuple(OBSERVERS))
        self.stopped_early = False
        self.scratch = store.home / "work" / key  # survives a kill; a stage continues from it
        self._deadline = None if max_seconds is None else time.monotonic() + max_seconds

    def out_of_time(self) -> bool:
        """Whether the stage's time cap is over; asking then notes that the stage was stopped early."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            self.stopped_early = True
        return self.stopped_early


def stage_key(name: str, version: int, inputs: Mapping[str, str], config: Any) -> str:
    """sha256 of the stage's name, version, inputs and config section."""
    return sha256_of(canonical_json({"stage": name, "version": version, "inputs": dict(inputs), "config": config}))


def run_stage(
    store: Store,
    *,
    name: str,
    version: int,
    inputs: Mapping[str, str],
    config: Any,
    work: Callable[[StageContext], Mapping[str, Any]],
    fresh: bool = False,
    silent: bool = False,
    keeps: Collection[str] = (),
) -> StageResult:
    """Do ``work`` unless a run with the same key is finished; its row in table ``runs`` is written last.

    ``fresh`` forgets what an earlier run began and adds a newer row. A config field ``max_seconds`` is the time cap
    behind ``context.out_of_time()``. What ``work`` raises goes through, and nothing is recorded then. ``silent`` is for
    parts of a stage, whose progress the whole tells. Of a finished stage's scratch folder only what it ``keeps`` stays,
    for a later stage that then drops it.
    """
    key = stage_key(name, version, inputs, config)
    if not fresh and (found := find_run(store, key)) is not None:
        drop_scratch(store, key, keeps)  # of one that was killed between its row and this
        return found
    context = StageContext(name, key, store, vars(config).get("max_seconds"), silent=silent)
    started, began = time.time(), time.monotonic()
    outputs = _do(work, context, fresh)
    run = Run(
        key=key,
        stage=name,
        version=version,
        inputs=canonical_json(dict(inputs)).decode(),
        config=(section := canonical_json(config)).decode(),
        config_digest=sha256_of(section),
        outputs=canonical_json(outputs).decode(),
        code_commit=code_commit(),
        host=socket.gethostname(),
        started=started,
        seconds=time.monotonic() - began,
        stopped_early=context.stopped_early or outputs.get("stopped_early") is True,
    )
    append_rows(store, "runs", rows_from([run]), transaction=f"{key}-{uuid.uuid4().hex}")
    drop_scratch(store, key, keeps)
    return _result(run, reused=False)


def _do(work: Callable[[StageContext], Mapping[str, Any]], context: StageContext, fresh: bool) -> dict[str, Any]:
    if fresh:
        shutil.rmtree(context.scratch, ignore_errors=True)
    with context.progress:
        return dict(work(context))


def drop_scratch(store: Store, key: str, keeps: Collection[str] = ()) -> None:
    """Delete what a finished stage worked with, but for entries that it ``keeps``."""
    folder = store.home / "work" / key
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.name in keeps:
            continue
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    with suppress(OSError):  # it keeps something, or is not there
        folder.rmdir()


def find_run(store: Store, key: str) -> StageResult | None:
    """The newest finished run with ``key``."""
    runs = records_from(read_rows(store, "runs", equal={"key": key}), Run)
    return _result(max(runs, key=lambda run: run.started), reused=True) if runs else None


def finished_runs(store: Store) -> list[tuple[StageResult, datetime]]:
    """Every finished run with the time at which it began, oldest first."""
    runs = sorted(read_records(store, "runs", Run), key=lambda run: run.started)
    return [(_result(run, reused=False), datetime.fromtimestamp(run.started)) for run in runs]


def _result(run: Run, *, reused: bool) -> StageResult:
    return StageResult(
        stage=run.stage,
        key=run.key,
        outputs=json.loads(run.outputs),
        seconds=run.seconds,
        reused=reused,
        stopped_early=run.stopped_early,
    )
