"""Running a stage once: its key says what it would do; a finished run with that key is its result."""

import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from infra.digest import canonical_json, sha256_of
from infra.lineage import code_commit
from infra.progress import Observer, Progress
from infra.store import Store
from infra.tables import append_rows, read_rows

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

    def __init__(self, stage: str, key: str, store: Store, max_seconds: float | None) -> None:
        self.stage, self.key = stage, key
        self.progress = Progress(stage, tuple(OBSERVERS))
        self.stopped_early = False
        self._deadline = None if max_seconds is None else time.monotonic() + max_seconds
        self.scratch = store.home / "work" / key  # survives a kill; a stage continues from it

    def out_of_time(self) -> bool:
        """Whether the stage's time cap is over; asking notes that the stage was stopped early."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            self.stopped_early = True
        return self.stopped_early


def stage_key(name: str, version: int, inputs: Mapping[str, str], config: Any) -> str:
    """sha256 of the stage's name, version, inputs and configuration."""
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
) -> StageResult:
    """Do ``work`` unless a run with the same key is finished; its row in table ``runs`` is written last.

    ``fresh`` works again and adds a newer row. A config field ``max_seconds`` is the stage's time cap.
    """
    key = stage_key(name, version, inputs, config)
    if not fresh and (found := find_run(store, key)) is not None:
        return found
    context = StageContext(name, key, store, getattr(config, "max_seconds", None))
    started, wall = time.monotonic(), time.time()
    try:
        outputs = dict(work(context))
    finally:
        context.progress.close()
    seconds = time.monotonic() - started
    row = {
        "key": key,
        "stage": name,
        "version": version,
        "inputs": canonical_json(dict(inputs)).decode(),
        "config": canonical_json(config).decode(),
        "config_digest": sha256_of(canonical_json(config)),
        "outputs": canonical_json(outputs).decode(),
        "code_commit": code_commit(),
        "host": socket.gethostname(),
        "started": wall,
        "seconds": seconds,
        "stopped_early": context.stopped_early,
    }
    append_rows(store, "runs", pa.Table.from_pylist([row]), transaction=f"{key}-{wall}")
    return StageResult(stage=name, key=key, outputs=outputs, seconds=seconds, reused=False, stopped_early=context.stopped_early)


def find_run(store: Store, key: str) -> StageResult | None:
    """The newest finished run with ``key``."""
    rows = [row for row in read_rows(store, "runs").to_pylist() if row["key"] == key]
    if not rows:
        return None
    row = max(rows, key=lambda candidate: float(candidate["started"]))
    return StageResult(
        stage=row["stage"],
        key=key,
        outputs=json.loads(row["outputs"]),
        seconds=row["seconds"],
        reused=True,
        stopped_early=row["stopped_early"],
    )
