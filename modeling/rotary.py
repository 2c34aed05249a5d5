"""Rotary position embedding over (time, height, width), with the head-wise perturbed base of Matrix-Game 3.0.

Head h turns with base ``theta (1 + sigma e_h)``, e_h evenly from -1 to 1, so that the heads do not fall into the
same period and far latent numbers do not alias. Legend: L tokens, H heads, D head width.
"""

import torch
from torch import Tensor


def rotary_table(
    positions: Tensor, head_width: int, *, heads: int = 1, sigma: float = 0.0, theta: float = 10000.0
) -> tuple[Tensor, Tensor]:
    """Cosines and sines (L, H, D/2) float32 for integer ``positions`` (L, 3) = (time, height, width).

    A third of the width turns with each axis, the remainder goes to time. H is 1 where ``sigma`` is 0.
    """
    side = 2 * (head_width // 6)
    spread = torch.linspace(-1, 1, heads, dtype=torch.float64) if sigma else torch.zeros(1, dtype=torch.float64)
    base = theta * (1 + sigma * spread)  # (H,)
    angles = []
    for axis, width in enumerate((head_width - 2 * side, side, side)):
        exponent = torch.arange(0, width, 2, dtype=torch.float64) / width
        frequency = (base[:, None] ** -exponent).to(positions.device)  # (H, width/2)
        angles.append(positions[:, axis, None, None].double() * frequency)
    angle = torch.cat(angles, -1)
    return angle.cos().float(), angle.sin().float()


def time_rotary_table(frames: int, widths: tuple[int, int, int], theta: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines (frames, 1, D/2) that turn only the first ``widths[0]`` of sum(widths) channels, by time."""
    exponent = torch.arange(0, widths[0], 2, device=device).float() / widths[0]
    angle = torch.arange(frames, device=device).float()[:, None] * theta**-exponent
    angle = torch.nn.functional.pad(angle, (0, (widths[1] + widths[2]) // 2))
    return angle.cos()[:, None], angle.sin()[:, None]


def rotate(x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Turn neighbouring channel pairs of x (B, L, H, D) by the table; computed in float32, returned in x's type."""
    cos, sin = table
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2).to(x.dtype)
