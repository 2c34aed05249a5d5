"""The approximate mode: clean tokens run in a segment's first step only; later steps reuse their keys and values.

Not exact, since in the full model clean tokens also look at the noisy ones. Off unless a ``Frozen`` is passed to a step.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Kept:
    """Keys and values of clean tokens along axis 1, from the first step."""

    key: Tensor | None = None
    value: Tensor | None = None

    def keep_or_join(self, key: Tensor, value: Tensor, clean: int) -> tuple[Tensor, Tensor]:
        """Remember the first ``clean`` entries, or put those remembered in front of entries that lack them."""
        if self.key is None or self.value is None:
            self.key, self.value = key[:, :clean].clone(), value[:, :clean].clone()
            return key, value
        return torch.cat([self.key, key], 1), torch.cat([self.value, value], 1)


@dataclass
class Frozen:
    """What one segment keeps of its clean tokens; pass a new one with each segment."""

    tokens: dict[int, Kept] = field(default_factory=dict)  # by block
    mouse: dict[int, Kept] = field(default_factory=dict)

    @property
    def filled(self) -> bool:
        return bool(self.tokens)

    def of_tokens(self, block: int) -> Kept:
        return self.tokens.setdefault(block, Kept())

    def of_mouse(self, block: int) -> Kept:
        return self.mouse.setdefault(block, Kept())
