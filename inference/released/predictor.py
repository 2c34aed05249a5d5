"""Asking the denoiser about one clip: by its clean path, or by the fast one that prepares what a clip fixes.

Legend: B = 1 batch, C channels, P clean past latents in front, N noisy ones, F = P + N, M memory latents, h w cells.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from inference.fast.denoiser import FastDenoiser, SegmentInputs
from inference.fast.prompt import prepare_prompt
from inference.released.plan import ClipPlan
from modeling.action_module import Actions
from modeling.denoiser import Denoiser, Memory


@dataclass(frozen=True, kw_only=True)
class ClipInputs:
    """Everything that a clip's denoising is given but the noise."""

    plan: ClipPlan
    past: Tensor  # (1, C, P, h, w) clean latents
    rays: Tensor  # (1, R, M + F, h, w), memory first
    actions: Actions
    memory: Memory | None

    def unconditional(self) -> "ClipInputs":
        """The same clip for the call that guidance leads away from: no memory, and actions that say nothing."""
        keyboard, mouse = self.actions.keyboard, self.actions.mouse
        return replace(
            self,
            rays=self.rays[:, :, self.rays.shape[2] - len(self.plan.latents) :],
            actions=Actions(keyboard=-torch.ones_like(keyboard), mouse=torch.ones_like(mouse)),
            memory=None,
        )


Predict = Callable[[Tensor, float], Tensor]
"""Noisy latents (1, C, N, h, w) at a time of 0 to 1000 to the predicted flow of the same shape."""


class Predictor(Protocol):
    """A denoiser with a prompt."""

    def prepare(self, inputs: ClipInputs) -> Predict:
        """Get ready for the steps of one clip."""
        ...


class PlainPredictor:
    """The clean path: every step sees the whole clip anew."""

    def __init__(self, denoiser: Callable[..., Tensor], text: Tensor) -> None:
        self.denoiser, self.text = denoiser, text

    def prepare(self, inputs: ClipInputs) -> Predict:
        past = inputs.past.shape[2]

        def predict(noisy: Tensor, time: float) -> Tensor:
            x = torch.cat([inputs.past, noisy], 2).to(self.text.dtype)
            times = torch.tensor([[0.0] * past + [time] * noisy.shape[2]], dtype=x.dtype, device=x.device)
            numbers = torch.arange(inputs.plan.latents.start, inputs.plan.latents.stop)
            output = self.denoiser(
                x, times, self.text, rays=inputs.rays, actions=inputs.actions, memory=inputs.memory, positions=numbers
            )
            return output[:, :, past:].float()

        return predict


class FastPredictor:
    """The fast path: camera, actions, text and tables are computed once a clip or once a prompt."""

    def __init__(self, denoiser: Denoiser, text: Tensor) -> None:
        self.fast, self.prompt, self.dtype = FastDenoiser(denoiser), prepare_prompt(denoiser, text), text.dtype

    def prepare(self, inputs: ClipInputs) -> Predict:
        cache = self.fast.prepare(
            SegmentInputs(
                noisy=len(inputs.plan.latents) - inputs.plan.clean,
                height=inputs.past.shape[3],
                width=inputs.past.shape[4],
                past=inputs.past,
                memory=inputs.memory,
                rays=inputs.rays,
                actions=inputs.actions,
                positions=torch.arange(inputs.plan.latents.start, inputs.plan.latents.stop),
            ),
            self.prompt,
        )

        def predict(noisy: Tensor, time: float) -> Tensor:
            times = torch.tensor([time], device=noisy.device, dtype=self.dtype).float()  # rounded as the model's type is
            return self.fast.step(noisy.to(self.dtype), times, cache).float()

        return predict
