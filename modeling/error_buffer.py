"""The error buffer: residuals of the model's own predictions, put back onto the past that it trains on.

Generation feeds on its own imperfect frames; a model that only ever saw perfect ones drifts. Matrix-Game 3.0 adds
past prediction errors, scaled by a random gamma, to history and memory latents: x + gamma * error.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class ErrorBufferConfig:
    """Sizes and chances; the release discloses none of them."""

    capacity: int = 512  # latents
    warmup: int = 64  # latents in the buffer before any is used
    probability: float = 0.5  # of a sample's past being disturbed
    gamma: float = 1.0  # largest scale


class ErrorBuffer(nn.Module):
    """A ring of residual latents (capacity, C, h, w). A module, so that it is saved and resumed with the training."""

    errors: Tensor
    count: Tensor

    def __init__(self, shape: tuple[int, int, int], config: ErrorBufferConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("errors", torch.zeros(config.capacity, *shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def add(self, residuals: Tensor) -> None:
        """Keep residuals (N, C, h, w); the oldest make room. Non-finite ones are dropped."""
        residuals = residuals[residuals.isfinite().flatten(1).all(1)].detach()
        places = (self.count + torch.arange(len(residuals), device=self.count.device)) % self.config.capacity
        self.errors[places] = residuals.to(self.errors.dtype)
        self.count += len(residuals)

    @torch.no_grad()
    def disturb(self, past: Tensor, generator: torch.Generator) -> Tensor:
        """Return past latents (B, C, P, h, w) with errors added in a share of the samples."""
        held = min(int(self.count), self.config.capacity)
        if held < self.config.warmup:
            return past
        batch, _, latents = past.shape[:3]
        picks = torch.randint(held, (batch, latents), generator=generator).to(self.errors.device)
        chosen = torch.rand(batch, 1, generator=generator) < self.config.probability
        gamma = torch.rand(batch, latents, generator=generator) * self.config.gamma * chosen
        errors = self.errors[picks].transpose(1, 2)  # (B, C, P, h, w)
        return past + gamma.to(past)[:, None, :, None, None] * errors.to(past)
