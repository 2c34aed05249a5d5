"""Make a finished loop's weights the ones that ship: ``python -m modeling.base_weights.export --store runs/base/store``.

Run the loop with ``worldloom run --profile base`` first. The files and ``record.json`` are written into this folder;
commit them together.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from infra.digest import sha256_of
from infra.schema import Checkpoint
from infra.stage import find_run
from infra.store import Store, open_store
from modeling.base_weights import FOLDER, Part
from modeling.checkpoint import find_checkpoint
from modeling.device import describe_processor
from modeling.world_model import world_from_json

MAX_BYTES = 32_000_000  # of all shipped files


def export_base_weights(store: Store, train_key: str, distil_key: str, command: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Copy the checkpoints of a finished train and distil stage into ``folder`` and record where they came from.

    Raises:
        ValueError: a stage is not finished, or the files are larger than a repository should carry.
    """
    trained, distilled = find_run(store, train_key), find_run(store, distil_key)
    if trained is None or distilled is None:
        raise ValueError(f"stages {train_key[:12]} and {distil_key[:12]} are not both finished in {store.uri}")
    names: dict[Part, str] = {
        "autoencoder": trained.outputs["autoencoder"],
        "base": trained.outputs["base"],
        "student": distilled.outputs["student"],
    }
    rows = {part: find_checkpoint(store, digest) for part, digest in names.items()}
    return write_base_weights(
        {part: store.get_bytes(row.weights_object) for part, row in rows.items()},
        {part: model_config(row) for part, row in rows.items()},
        {
            "command": command,
            "dataset": trained.outputs["dataset"],
            "hardware": hardware(),
            "seconds": {"train": trained.seconds, "distil": distilled.seconds},
            "training": {part: json.loads(row.metrics) | {"steps": row.steps} for part, row in rows.items()},
        },
        folder,
    )


def write_base_weights(
    files: Mapping[Part, bytes], configs: Mapping[Part, dict[str, Any]], record: dict[str, Any], folder: Path = FOLDER
) -> dict[str, Any]:
    """Write safetensors files and their record into ``folder``; returns the record.

    Raises:
        ValueError: the files together are larger than ``MAX_BYTES``.
    """
    total = sum(len(data) for data in files.values())
    if total > MAX_BYTES:
        raise ValueError(f"base weights of {total} bytes: the repository carries at most {MAX_BYTES}; make the model smaller")
    parts = {part: {"digest": sha256_of(data), "config": configs[part], "bytes": len(data)} for part, data in files.items()}
    whole = record | {"parts": parts}
    for part, data in files.items():
        (folder / f"{part}.safetensors").write_bytes(data)
    (folder / "record.json").write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n")
    return whole


def model_config(row: Checkpoint) -> dict[str, Any]:
    """The configuration of the module that a checkpoint's tensors belong to."""
    if row.kind == "autoencoder":
        return json.loads(row.config)
    world, _ = world_from_json(row.config)
    return json.loads(json.dumps(world.denoiser, default=vars))


def hardware() -> str:
    """The machine in words."""
    if torch.cuda.is_available():
        return f"one {torch.cuda.get_device_name()}"
    return f"{torch.get_num_threads()} CPU threads, {describe_processor()}"


def main() -> None:
    """Export the newest finished loop of a store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", required=True, help="the run's store, such as runs/base/store")
    parser.add_argument("--train", required=True, help="key of the train stage, as `worldloom lineage` prints it")
    parser.add_argument("--distil", required=True, help="key of the distil stage")
    parser.add_argument("--command", required=True, help="the command that made them, for the record")
    arguments = parser.parse_args()
    record = export_base_weights(open_store(arguments.store), arguments.train, arguments.distil, arguments.command)
    print(json.dumps({part: entry["bytes"] for part, entry in record["parts"].items()}))


if __name__ == "__main__":
    main()
