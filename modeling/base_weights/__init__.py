"""The weights that ship with the repository, and the record of how they were trained (``record.json``)."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from safetensors.torch import load as load_safetensors
from torch import nn

from infra.digest import canonical_json, sha256_of
from infra.store import Store

Part = Literal["autoencoder", "base", "student"]
FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class BaseWeights:
    """One shipped file and what its record says of it."""

    part: Part
    digest: str  # sha256 of the file
    data: bytes
    config: dict[str, Any]  # of the model that the weights fit

    def load_into(self, model: nn.Module, config: dict[str, Any]) -> None:
        """Put the weights into ``model``.

        Raises:
            ValueError: the model has another configuration than the weights.
        """
        if canonical_json(config) != canonical_json(self.config):
            differing = sorted(
                k for k in {*config, *self.config} if canonical_json(config.get(k)) != canonical_json(self.config.get(k))
            )
            raise ValueError(
                f"the shipped {self.part} weights are of another model (differs in {', '.join(differing)}); "
                "set train.start = 'random' (--from-scratch) to train without them"
            )
        tensors = load_safetensors(self.data)
        wanted = model.state_dict()
        model.load_state_dict({name: value.to(wanted[name].dtype) for name, value in tensors.items()})

    def keep(self, store: Store) -> str:
        """Keep the file as an object of ``store``, so that lineage can name it; returns its digest."""
        store.put_bytes(self.data, ".safetensors")
        return self.digest


def read_record() -> dict[str, Any]:
    """How the shipped weights were trained: command, dataset digest, hardware, time, figures, configurations.

    Raises:
        ValueError: the repository has no base weights.
    """
    path = FOLDER / "record.json"
    if not path.exists():
        raise ValueError("this checkout has no base weights; set train.start = 'random' (--from-scratch)")
    return json.loads(path.read_text())


@cache
def load_base_weights(part: Part) -> BaseWeights:
    """Read one shipped file.

    Raises:
        ValueError: the file is missing or is not the one that the record names.
    """
    entry = read_record()["parts"][part]
    path = FOLDER / f"{part}.safetensors"
    if not path.exists():
        raise ValueError(f"{path.name} is missing from modeling/base_weights; check the repository out again")
    data = path.read_bytes()
    if sha256_of(data) != entry["digest"]:
        raise ValueError(f"{path.name} is damaged: its sha256 is not the recorded one; check the repository out again")
    return BaseWeights(part=part, digest=entry["digest"], data=data, config=entry["config"])
