"""What a report is made from: finished runs of stages, and what their outputs name."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from infra.schema import Checkpoint
from infra.schema.run import Run
from infra.store import MissingObjectError, Store
from infra.tables import read_records


class ReportSource:
    """Finished runs by stage name, in the order in which they were given."""

    def __init__(self, store: Store, keys: Mapping[str, str]) -> None:
        self.store = store
        newest: dict[str, Run] = {}
        for run in sorted(read_records(store, "runs", Run), key=lambda run: run.started):
            newest[run.key] = run
        for stage, key in keys.items():
            if key not in newest:
                raise MissingObjectError(f"stage {stage}: no finished run {key[:12]} in store {store.uri}; run it first")
        self.runs = {stage: newest[key] for stage, key in keys.items()}

    def outputs(self, stage: str) -> dict[str, Any]:
        """Outputs of a stage; empty if it is not part of the report."""
        return json.loads(self.runs[stage].outputs) if stage in self.runs else {}

    def config(self, stage: str) -> dict[str, Any]:
        """The config that a stage ran with."""
        return json.loads(self.runs[stage].config)

    @property
    def dataset(self) -> str:
        """Version of the dataset, empty before curation."""
        return str(self.outputs("curate").get("dataset", "") or self.outputs("train").get("dataset", ""))

    @property
    def commit(self) -> str:
        return next(reversed(self.runs.values())).code_commit if self.runs else "unknown"

    @property
    def finished(self) -> str:
        """When the last stage ended, to the minute."""
        ends = [run.started + run.seconds for run in self.runs.values()]
        return datetime.fromtimestamp(max(ends), UTC).strftime("%Y-%m-%d %H:%M UTC") if ends else "not run"

    def json(self, name: str) -> Any:
        """A JSON object of the store."""
        return json.loads(self.store.get_bytes(name))

    def base64(self, name: str) -> str:
        """An object's bytes for a data address."""
        return base64.b64encode(self.store.get_bytes(name)).decode()

    def checkpoints(self) -> list[Checkpoint]:
        """Checkpoints that the runs of this report made, in the order of their stages."""
        rows = {row.digest: row for row in read_records(self.store, "checkpoints", Checkpoint)}
        named = [value for stage in self.runs for value in _strings(self.outputs(stage))]
        return [rows[digest] for digest in dict.fromkeys(named) if digest in rows]

    def lineage(self) -> list[tuple[str, str]]:
        """Names and digests: the dataset, every checkpoint, every stage's key."""
        found = [("dataset version", self.dataset)] if self.dataset else []
        found += [(f"{row.kind} checkpoint, {row.steps} steps from {row.origin}", row.digest) for row in self.checkpoints()]
        found += [(f"stage {stage}", run.key) for stage, run in self.runs.items()]
        return found


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in _strings(item)]
    return [text for item in value for text in _strings(item)] if isinstance(value, list) else []
