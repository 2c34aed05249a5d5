"""Train the denoiser: flow matching on the new latents only, past and memory clean but for the error buffer's marks.

Four fifths of the samples know four past latents, one fifth starts from an image. Legend as in ``conditioning``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from modeling.conditioning import Window, WorldConfig, predict_clean
from modeling.denoiser import Denoiser
from modeling.device import computing, device_of
from modeling.error_buffer import ErrorBuffer, ErrorBufferConfig
from modeling.loop import OptimiserConfig, Trainer, TrainingLog
from modeling.sampler import draw_levels
from modeling.windows import WindowSet


@dataclass(frozen=True, kw_only=True)
class DenoiserTrainingConfig:
    """How the denoiser is trained."""

    optimiser: OptimiserConfig = OptimiserConfig()
    batch: int = 16
    image_share: float = 0.2  # windows that start from an image
    full_noise_share: float = 0.25  # samples at noise level 1, where few-step sampling starts
    drop_geometry: float = 0.35  # windows that see no warp, so that the model can do without
    drop_text: float = 0.1
    drop_actions: float = 0.1  # windows with unknown actions, for guidance
    past_noise: float = 0.15  # largest noise level of disturbed past and warp latents
    errors: ErrorBufferConfig = ErrorBufferConfig()


class DenoiserTask(nn.Module):
    """The denoiser and its error buffer, saved and resumed together."""

    def __init__(self, denoiser: Denoiser, world: WorldConfig, cells: tuple[int, int], config: DenoiserTrainingConfig) -> None:
        super().__init__()
        self.denoiser, self.world, self.config = denoiser, world, config
        self.errors = ErrorBuffer((world.denoiser.latent_channels, *cells), config.errors)

    def loss(self, windows: WindowSet, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Mean squared error of the clean estimate, and of the anchor beside it."""
        window, target = windows.draw(self.config.batch, self.config.image_share, generator)
        window = self.disturb(self.drop(window, generator), generator)
        time = draw_levels(len(target), self.world.shift, self.config.full_noise_share, generator).to(target.device)
        noise = torch.randn(target.shape, generator=generator).to(target.device)
        level = time.view(-1, 1, 1, 1, 1)
        with computing(target.device):
            clean = predict_clean(self.denoiser, self.world, (1 - level) * target + level * noise, time, window)
        error = clean.float() - target
        full = time >= 1
        if full.any():
            self.errors.add(error[full].transpose(1, 2).flatten(0, 1))
        if self.world.prediction == "velocity":
            error = error / level.clamp(min=0.05)
        return error.square().mean(), {}

    def drop(self, window: Window, generator: torch.Generator) -> Window:
        """Take away geometry, text or actions from some samples."""
        batch = len(window.past)
        keep = [torch.rand(batch, generator=generator) >= share for share in self._shares()]
        geometry, text, actions = (mask.float().to(window.past.device) for mask in keep)
        spread = geometry.view(-1, 1, 1, 1, 1)
        known = actions.view(-1, 1, 1)
        return replace(
            window,
            warp=window.warp * spread,
            warp_valid=window.warp_valid * spread,
            warp_known=window.warp_known * geometry,
            text=window.text * text.view(-1, 1, 1),
            keyboard=window.keyboard * known - (1 - known),  # the release's null input: keys -1, mouse 1
            mouse=window.mouse * known + (1 - known),
        )

    def disturb(self, window: Window, generator: torch.Generator) -> Window:
        """Mark past latents with the model's own errors, and past and warp with a little noise."""
        past = self.errors.disturb(window.past, generator)
        level = torch.rand(len(past), 1, 1, 1, 1, generator=generator).to(past.device) * self.config.past_noise
        known = window.past_known[:, None, :, None, None]
        past_noise = torch.randn(past.shape, generator=generator).to(past.device)
        warp_noise = torch.randn(window.warp.shape, generator=generator).to(past.device)
        past = (past + level * past_noise) * known
        warp = window.warp + level * warp_noise * window.warp_known.view(-1, 1, 1, 1, 1)
        return replace(window, past=past, warp=warp)

    def _shares(self) -> Sequence[float]:
        return self.config.drop_geometry, self.config.drop_text, self.config.drop_actions


def train_denoiser(
    windows: WindowSet,
    denoiser: Denoiser,
    world: WorldConfig,
    config: DenoiserTrainingConfig,
    folder: Path,
    report: Callable[[int, int, str], None],
    out_of_time: Callable[[], bool],
) -> TrainingLog:
    """Train ``denoiser`` in place; it ends with the averaged weights."""
    cells = windows.clips[0]["latents"].shape[-2:]
    task = DenoiserTask(denoiser, world, (int(cells[0]), int(cells[1])), config).to(device_of(denoiser))
    denoiser.train()
    trainer = Trainer(task, lambda step, generator: task.loss(windows, generator), config.optimiser, folder)
    log = trainer.run(report, out_of_time)
    trainer.adopt_average()
    denoiser.eval()
    return log


@torch.no_grad()
def validate(windows: WindowSet, denoiser: Denoiser, world: WorldConfig, geometry: bool, batches: int = 4) -> float:
    """Error of the clean estimate at full noise on held-out windows, as a share of the anchor's own error."""
    denoiser.eval()
    generator = torch.Generator().manual_seed(0)
    error, anchor = 0.0, 0.0
    for _ in range(batches):
        window, target = windows.draw(16, 0.2, generator)
        window = window if geometry else window.without_geometry()
        noise = torch.randn(target.shape, generator=generator).to(target.device)
        with computing(noise.device):
            clean = predict_clean(denoiser, world, noise, torch.ones(len(noise), device=noise.device), window)
        error += float((clean.float() - target).square().mean())
        anchor += float((window.past[:, :, -1:] - target).square().mean())
    return error / anchor
