"""A small denoiser whose every weight counts, and clips to run it on."""

from dataclasses import replace

import torch
from torch import Tensor

from inference.fast.denoiser import SegmentInputs
from modeling.action_module import ActionConfig, Actions
from modeling.denoiser import Denoiser, DenoiserConfig, Memory

ACTION = ActionConfig(blocks=(0, 1), heads=4, key_width=16, mouse_width=32, keyboard_width=32, rope_widths=(4, 2, 2))
SIZES = DenoiserConfig(
    width=64, ffn_width=96, heads=4, layers=3, text_tokens=24, text_width=20, time_width=32, ray_channels=24, action=ACTION
)
CELLS = (4, 6)


def random_denoiser(seed: int = 0, **changes: object) -> Denoiser:
    """Every parameter is random, those that start at zero or one in training too."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Denoiser(replace(SIZES, **changes)).eval()  # type: ignore[arg-type]  # the tests name real fields
        for parameter in model.parameters():
            fan = parameter[0].numel() if parameter.ndim > 1 else 4
            parameter.data = torch.randn_like(parameter) / fan**0.5 + (1 if parameter.ndim == 1 else 0)
    return model


def random_segment(
    batch: int = 1, *, past: int = 2, noisy: int = 3, memory: int = 2, seed: int = 1, extra: int = 0, rays: bool = True
) -> tuple[SegmentInputs, Tensor]:
    """A segment and its text (B, 10, 20), whose last rows are zero."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    clip = past + noisy
    inputs = SegmentInputs(
        noisy=noisy,
        height=CELLS[0],
        width=CELLS[1],
        past=draw(batch, 48, past, *CELLS) if past else None,
        memory=Memory(latents=draw(batch, 48, memory, *CELLS), positions=torch.arange(memory) * 3) if memory else None,
        rays=draw(batch, 24, memory + clip, *CELLS) if rays else None,
        actions=Actions(
            keyboard=draw(batch, 4 * clip, 6).sign().clamp(min=0),
            mouse=draw(batch, 4 * clip, 2),
            memory_keyboard=draw(batch, memory, 6) if memory else None,
            memory_mouse=draw(batch, memory, 2) if memory else None,
        ),
        positions=torch.arange(20, 20 + clip),
        extra=draw(batch, extra, clip, *CELLS) if extra else None,
    )
    text = draw(batch, 10, 20)
    text[:, 7:] = 0
    return inputs, text
