"""The policy as shipped: three small matrices in safetensors and a record of their training, run with numpy alone."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from engine.explore.observe import CHOICES, OBSERVED, Observation
from infra.errors import WorldloomError

SHIPPED: Final = Path(__file__).parent / "policy"
WEIGHTS: Final = "policy.safetensors"
RECORD: Final = "policy.json"


class PolicyError(WorldloomError):
    """A policy file does not fit this code."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A perceptron with tanh between its layers; ``layers`` are (weight (out, in), bias (out,))."""

    layers: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]

    def logits(self, observation: Observation) -> NDArray[np.float32]:
        """Preference (CHOICES,) of each choice, or (N, CHOICES) for N observations."""
        values = observation
        for number, (weight, bias) in enumerate(self.layers):
            values = values @ weight.T + bias
            if number < len(self.layers) - 1:
                values = np.tanh(values)
        return values

    def choose(self, observation: Observation, rng: np.random.Generator) -> int:
        """Draw a choice; the same generator state draws the same one."""
        logits = self.logits(observation).astype(np.float64)
        odds = np.exp(logits - logits.max())
        return int(np.searchsorted(np.cumsum(odds) / odds.sum(), rng.random(), side="right").clip(0, len(odds) - 1))


def save_policy(policy: Policy, folder: Path, record: dict[str, Any]) -> None:
    """Write the weights and the record of how they were made."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for number, (weight, bias) in enumerate(policy.layers):
        tensors[f"layers.{number}.weight"] = np.ascontiguousarray(weight)
        tensors[f"layers.{number}.bias"] = np.ascontiguousarray(bias)
    save_file(tensors, folder / WEIGHTS)
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


@functools.lru_cache(maxsize=4)
def load_policy(folder: Path = SHIPPED) -> Policy:
    """Read a policy.

    Raises:
        PolicyError: there is none in ``folder``, or it sees or does other things than this code.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise PolicyError(f"no policy at {path}; train one with: python -m engine.explore.train --out {folder}")
    tensors = load_file(path)
    count = len(tensors) // 2
    layers = tuple((tensors[f"layers.{n}.weight"], tensors[f"layers.{n}.bias"]) for n in range(count))
    sees, does = layers[0][0].shape[1], layers[-1][0].shape[0]
    if (sees, does) != (OBSERVED, CHOICES):
        raise PolicyError(f"{path} sees {sees} and chooses of {does}, not {OBSERVED} and {CHOICES}; train it again")
    return Policy(layers=layers)
