"""Flow-matching noise levels and the few-step sampler of the small models.

x_t = (1 - t) x + t noise; t runs from 1 (noise) to 0 (clean).
"""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor


def noise_levels(steps: int, shift: float) -> list[float]:
    """Levels from 1 to 0, ``steps`` + 1 of them; a larger shift stays longer at high noise."""
    even = [1 - i / steps for i in range(steps + 1)]
    return [shift * t / (1 + (shift - 1) * t) for t in even]


def draw_levels(batch: int, shift: float, full_share: float, generator: torch.Generator) -> Tensor:
    """Training levels (B,) under the shifted uniform law; ``full_share`` of them are 1, where sampling starts."""
    t = torch.rand(batch, generator=generator)
    t = shift * t / (1 + (shift - 1) * t)
    full = torch.rand(batch, generator=generator) < full_share
    return torch.where(full, torch.ones_like(t), t)


def sample(predict: Callable[[Tensor, Tensor], Tensor], noise: Tensor, levels: list[float]) -> Tensor:
    """Go from ``noise`` (B, ...) down the levels by Euler steps; ``predict(x, t)`` estimates the clean sample."""
    x = noise
    for t, following in itertools.pairwise(levels):
        clean = predict(x, torch.full((len(x),), t, device=x.device))
        x = clean + following / t * (x - clean)
    return x
