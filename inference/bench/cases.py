"""What the denoiser benchmark runs on: three sizes with random weights, and a steady segment of random inputs."""

from dataclasses import dataclass, replace
from typing import Final, Literal

import torch
from torch import Tensor, nn

from inference.fast.denoiser import SegmentInputs
from infra.schema import SegmentConfig
from modeling.action_module import ActionConfig, Actions
from modeling.conditioning import tiny_denoiser
from modeling.denoiser import Denoiser, DenoiserConfig, Memory

SizeName = Literal["tiny", "wide", "5b"]
PROMPT_TOKENS: Final = 96  # of the text rows that the model takes; the others are padding, as in a call of the release


@dataclass(frozen=True, kw_only=True)
class Size:
    """A denoiser and the picture that it runs on."""

    denoiser: DenoiserConfig
    height: int  # latent cells
    width: int


SIZES: Final[dict[SizeName, Size]] = {
    # The denoiser that a laptop trains, at its 224x128 pixels, with past and memory latents as tokens like the release.
    "tiny": Size(denoiser=replace(tiny_denoiser(), extra_channels=0), height=16, width=28),
    # A quarter of the release's width and layers; cells of 352x192 pixels, so that a CPU finishes in minutes.
    "wide": Size(
        denoiser=DenoiserConfig(
            width=768,
            ffn_width=3584,
            heads=12,
            layers=8,
            action=ActionConfig(
                blocks=(0, 1, 2, 3), heads=4, key_width=32, mouse_width=256, keyboard_width=256, rope_widths=(8, 28, 28)
            ),
        ),
        height=12,
        width=22,
    ),
    "5b": Size(denoiser=DenoiserConfig(), height=44, width=80),  # 1280x704 pixels
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model and one steady segment's inputs."""

    model: Denoiser
    inputs: SegmentInputs
    text: Tensor  # (1, K, text width)
    noise: Tensor  # (1, C, N, h, w)


def make_case(size: Size, device: torch.device, dtype: torch.dtype, seed: int = 0) -> Case:
    """Random weights and a random segment: 5 memory, 4 past and 10 new latents, no two latents with the same rays."""
    torch.manual_seed(seed)
    with device:
        torch.set_default_dtype(dtype)
        try:
            model = Denoiser(size.denoiser).eval().requires_grad_(False)
        finally:
            torch.set_default_dtype(torch.float32)
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv3d):  # the default's variance is a third of what keeps a signal's size
            layer.weight.normal_(0, layer.weight[0].numel() ** -0.5)
    return _draw_segment(model, size, SegmentConfig(), device, dtype)


def _draw_segment(model: Denoiser, size: Size, segments: SegmentConfig, device: torch.device, dtype: torch.dtype) -> Case:
    config, cells = size.denoiser, (size.height, size.width)
    clip, memory = segments.past_latents + segments.new_latents, segments.memory_latents

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, device=device, dtype=dtype)

    def keys(rows: int) -> Tensor:
        return draw(1, rows, 6).sign().clamp(min=0)

    text = draw(1, config.text_tokens, config.text_width)
    text[:, min(PROMPT_TOKENS, config.text_tokens * 3 // 4) :] = 0
    inputs = SegmentInputs(
        noisy=segments.new_latents,
        height=size.height,
        width=size.width,
        past=draw(1, config.latent_channels, segments.past_latents, *cells),
        memory=Memory(latents=draw(1, config.latent_channels, memory, *cells), positions=torch.arange(memory, device=device) * 4),
        rays=draw(1, config.ray_channels, memory + clip, *cells),
        actions=Actions(
            keyboard=keys(segments.frames_per_latent * clip),
            mouse=draw(1, segments.frames_per_latent * clip, 2),
            memory_keyboard=keys(memory),
            memory_mouse=draw(1, memory, 2),
        ),
        positions=torch.arange(31, 31 + clip, device=device),
    )
    noise = draw(1, config.latent_channels, segments.new_latents, *cells)
    return Case(model=model, inputs=inputs, text=text, noise=noise)


def run_plainly(model: Denoiser, inputs: SegmentInputs, text: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
    """The clean model's answer (B, C, N, h, w) to what ``FastDenoiser.step`` is asked."""
    past = noisy[:, :, :0] if inputs.past is None else inputs.past
    times = torch.cat([time.new_zeros(len(time), past.shape[2]), time[:, None].expand(-1, inputs.noisy)], 1)
    out: Tensor = model(
        torch.cat([past.to(noisy), noisy], 2),
        times,
        text,
        rays=inputs.rays,
        actions=inputs.actions,
        memory=inputs.memory,
        positions=inputs.positions,
        extra=inputs.extra,
    )
    return out[:, :, past.shape[2] :]
