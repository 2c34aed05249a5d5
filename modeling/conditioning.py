"""What a window of generation knows, and how the denoiser is asked with it.

A window predicts N new latents from P past ones. The release gives past and memory latents as clean tokens of the
same sequence; on a small budget past latents and warped frames as input channels learn far faster
(``past="channels"``, ``memory="geometric"``). Both forms run through the one denoiser.
Legend: B batch, C channels, P past, N new, M memory latents, h w latent cells.
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from infra.geometry import plucker_rays, relative_pose
from infra.schema import TINY_SEGMENTS, SegmentConfig
from modeling.action_module import ActionConfig, Actions
from modeling.denoiser import Denoiser, DenoiserConfig, Memory
from modeling.text import MINILM_WIDTH

FRAMES = 4  # of a latent


@dataclass(frozen=True, kw_only=True)
class WorldConfig:
    """The world model around the denoiser; the defaults are the release's."""

    denoiser: DenoiserConfig = DenoiserConfig()
    segments: SegmentConfig = SegmentConfig()
    past: Literal["tokens", "channels"] = "tokens"
    memory: Literal["latents", "geometric", "both"] = "latents"
    prediction: Literal["velocity", "residual"] = "velocity"
    shift: float = 5.0  # of the noise schedule: more of it at high noise

    @property
    def warps(self) -> bool:
        return self.memory in ("geometric", "both")


def tiny_denoiser(latent_channels: int = 32, past_latents: int = 4) -> DenoiserConfig:
    """The size that a laptop trains: under 10 M parameters, past and warped frames as channels."""
    return DenoiserConfig(
        width=256,
        ffn_width=288,
        heads=4,
        layers=5,
        latent_channels=latent_channels,
        text_tokens=32,
        text_width=MINILM_WIDTH,
        ray_channels=6 * FRAMES,
        extra_channels=extra_channels(latent_channels, past_latents),
        action=ActionConfig(blocks=(0, 1), heads=4, key_width=16, mouse_width=64, keyboard_width=64, rope_widths=(8, 4, 4)),
    )


def extra_channels(latent_channels: int, past_latents: int) -> int:
    """Past latents and whether each is known, the warped latent, and which of its frames' pixels are valid."""
    return past_latents * (latent_channels + 1) + latent_channels + FRAMES


TINY_WORLD = WorldConfig(
    denoiser=tiny_denoiser(), segments=TINY_SEGMENTS, past="channels", memory="geometric", prediction="residual", shift=2.0
)


@dataclass(frozen=True, kw_only=True)
class Window:
    """Everything but the noise."""

    past: Tensor  # (B, C, P, h, w) clean latents, newest last; zero where not known
    past_known: Tensor  # (B, P) 0 or 1
    warp: Tensor  # (B, C, N, h, w) encoded warped frames; zero where there is no geometry
    warp_valid: Tensor  # (B, 4, N, h, w) share of valid pixels of each frame in each cell
    warp_known: Tensor  # (B,) 0 or 1
    rays: Tensor  # (B, R, N, h, w)
    keyboard: Tensor  # (B, 4 N, 6)
    mouse: Tensor  # (B, 4 N, 2)
    text: Tensor  # (B, K, W)
    memory: Memory | None = None

    def without_geometry(self) -> "Window":
        """The same window as if nothing had been warped."""
        return replace(
            self,
            warp=torch.zeros_like(self.warp),
            warp_valid=torch.zeros_like(self.warp_valid),
            warp_known=torch.zeros_like(self.warp_known),
        )


def anchor_of(window: Window) -> Tensor:
    """What the new latents are predicted as a change of, (B, C, N, h, w): the warp, else the last past latent."""
    known = window.warp_known.view(-1, 1, 1, 1, 1)
    return known * window.warp + (1 - known) * window.past[:, :, -1:]


def predict_clean(denoiser: Denoiser, config: WorldConfig, noisy: Tensor, time: Tensor, window: Window) -> Tensor:
    """Estimate the clean new latents (B, C, N, h, w) from ``noisy`` ones at noise level ``time`` (B,) in 0..1."""
    new = noisy.shape[2]
    actions = Actions(keyboard=window.keyboard, mouse=window.mouse)
    if config.past == "channels":
        output = denoiser(
            noisy, time * 1000, window.text, rays=window.rays, actions=actions, extra=channels_of(window), memory=window.memory
        )
    else:
        clip = torch.cat([window.past.to(noisy), noisy], 2)
        times = torch.cat([time.new_zeros(len(time), window.past.shape[2]), time[:, None].expand(-1, new)], 1)
        output = denoiser(clip, times * 1000, window.text, memory=window.memory)[:, :, -new:]
    if config.prediction == "residual":
        return anchor_of(window) + output.float()
    return noisy - time.view(-1, 1, 1, 1, 1) * output.float()


def channels_of(window: Window) -> Tensor:
    """Past latents, their presence, warp and its validity as channels (B, E, N, h, w)."""
    batch, _, new, height, width = window.warp.shape
    past = window.past.transpose(1, 2).flatten(1, 2)  # (B, P C, h, w)
    known = window.past_known.view(batch, -1, 1, 1).expand(-1, -1, height, width)
    shared = torch.cat([past, known.to(past)], 1)[:, :, None].expand(-1, -1, new, -1, -1)
    return torch.cat([shared, window.warp.to(past), window.warp_valid.to(past)], 1)


def window_rays(c2w: Tensor, reference: Tensor, intrinsics: Tensor, width: int, height: int, stride: int) -> Tensor:
    """Rays (24, N, h, w) of 4 N frame poses (4 N, 4, 4) in the frame of ``reference`` (4, 4), in metres."""
    rays = plucker_rays(relative_pose(c2w, reference).float(), intrinsics.float(), width, height, stride)
    rays = rays.unflatten(0, (-1, FRAMES)).flatten(1, 2)  # (N, 4 * 6, h, w)
    return rays.transpose(0, 1)


def pool_valid(valid: Tensor, stride: int) -> Tensor:
    """Validity (4 N, 1, H, W) to the share of each cell, (4, N, h, w)."""
    pooled = torch.nn.functional.avg_pool2d(valid, stride)[:, 0]
    return pooled.unflatten(0, (-1, FRAMES)).transpose(0, 1)
