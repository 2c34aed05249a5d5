"""Norm and rotary turn of queries and keys with one pass each: complex numbers, in place, in float32."""

import torch
import torch.nn.functional as F
from torch import Tensor

from modeling.denoiser_blocks import Norm


def complex_table(table: tuple[Tensor, Tensor]) -> Tensor:
    """Cosines and sines as one complex tensor."""
    return torch.complex(*table)


def norm_and_turn(x: Tensor, norm: Norm, heads: int, table: Tensor) -> Tensor:
    """Normalise x (B, L, D) over the whole width, split it into heads and turn them: (B, L, H, d) in x's type."""
    normed = F.rms_norm(x.float(), (x.shape[-1],), norm.weight.float(), norm.eps)
    split = normed.unflatten(-1, (heads, -1))
    turn_(split, table)
    return split.to(x.dtype)


def unit_and_turn(x: Tensor, table: Tensor, pairs: int) -> Tensor:
    """Scale the last axis of x to root mean square 1 and turn its first ``pairs`` channel pairs; in x's type."""
    normed = F.rms_norm(x.float(), (x.shape[-1],), eps=1e-6)
    turn_(normed[..., : 2 * pairs], table[..., :pairs])
    return normed.to(x.dtype)


def turn_(x: Tensor, table: Tensor) -> None:
    """Turn neighbouring channel pairs of float32 x in place."""
    torch.view_as_complex(x.unflatten(-1, (-1, 2))).mul_(table)
