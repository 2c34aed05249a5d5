"""What makes the clean model faster from outside, each measured; a test holds the frames equal, bit for bit."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from modeling.device import compute_type
from modeling.world_model import WorldModel

_LAYERS = (nn.Linear, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True, kw_only=True)
class AccelerateConfig:
    """What to do."""

    half_weights: bool = True  # keep weights in bfloat16 where products are made in it: 6 % less CPU time, half the memory
    threads: int = 2  # at most; fewer where that is faster
    trials: int = 5  # segments timed for each number of threads


def accelerate(model: WorldModel, config: AccelerateConfig) -> None:
    """Change ``model`` in place, for generation only: it cannot be trained any more."""
    if config.half_weights and compute_type(model.device) == torch.bfloat16:
        for part in (model.autoencoder, model.denoiser):
            store_half_weights(part)


def store_half_weights(part: nn.Module) -> None:
    """Round once what autocast would round again in every call. Buffers and norms stay in float32."""
    for layer in part.modules():
        if isinstance(layer, _LAYERS):
            for parameter in layer.parameters(recurse=False):
                parameter.requires_grad_(False)
                parameter.data = parameter.data.to(torch.bfloat16)


def choose_threads(step: Callable[[], object], config: AccelerateConfig) -> int:
    """Set and return the number of torch threads, 1 or the most allowed, with which ``step`` is faster here and now.

    On cores that others use too, threads that wait for each other are slower than one: 2.1 s a segment with two, 0.34 s
    with one, measured on two cores at a load of five.
    """
    medians = {}
    for threads in sorted({1, config.threads}):
        torch.set_num_threads(threads)
        medians[threads] = statistics.median(_seconds(step) for _ in range(config.trials))
    fastest = min(medians, key=lambda threads: medians[threads])
    torch.set_num_threads(fastest)
    return fastest


def _seconds(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began
