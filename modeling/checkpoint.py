"""Writing and finding checkpoints: a safetensors object and a row that says where it came from."""

import json
from typing import Any

import torch
from safetensors.torch import save as save_safetensors
from torch import nn

from infra.lineage import code_commit
from infra.schema import Checkpoint
from infra.schema.artefact import CheckpointKind
from infra.store import MissingObjectError, Store
from infra.tables import append_rows, read_rows, records_from, rows_from
from modeling.finite import check_weights
from modeling.loop import TrainingLog


def save_checkpoint(
    store: Store,
    model: nn.Module,
    *,
    kind: CheckpointKind,
    config: str,
    parents: tuple[str, ...],
    origin: str,
    log: TrainingLog,
    metrics: dict[str, Any],
) -> Checkpoint:
    """Write the model's weights (floats as float16) as an object, then its row; the same weights give the same row once.

    Raises:
        NotFiniteError: a weight is not finite, or too large for float16; nothing is written.
    """
    weights = {name: _stored(value) for name, value in model.state_dict().items()}
    check_weights(weights, f"the trained {kind}")
    name = store.put_bytes(save_safetensors(weights), ".safetensors")
    row = Checkpoint(
        digest=name.split(".")[0],
        kind=kind,
        weights_object=name,
        config=config,
        parents=parents,
        origin=origin,  # type: ignore[arg-type]
        steps=log.steps,
        seconds=log.seconds,
        stopped_early=log.stopped_early,
        metrics=json.dumps(metrics | {"curve": log.curve}, sort_keys=True),
        code_commit=code_commit(),
        precision=log.precision,
    )
    append_rows(store, "checkpoints", rows_from([row]), transaction=f"{kind}-{row.digest}-{'-'.join(parents)}")
    return row


def find_checkpoint(store: Store, digest: str) -> Checkpoint:
    """The row of a checkpoint.

    Raises:
        MissingObjectError: no such checkpoint is known in this store.
    """
    for row in records_from(read_rows(store, "checkpoints"), Checkpoint):
        if row.digest == digest:
            return row
    raise MissingObjectError(f"checkpoint {digest[:12]} is not in store {store.uri}; train it again or use another store")


def _stored(value: torch.Tensor) -> torch.Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if value.dtype == torch.float32 and value.ndim > 1 else value
