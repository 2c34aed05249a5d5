"""8-bit attention projections: the release's per-row scheme with correct rounding.

Weights are quantised once, a scale an output row; activations as they come, a scale a token. The release converts q,
k, v and o of self- and cross-attention and leaves the rest alone.
"""

import torch
from torch import Tensor, nn

from modeling.denoiser import Denoiser

CONVERTED = ("q", "k", "v", "o")


class Int8Linear(nn.Module):
    """A linear layer with int8 weights; it takes and gives floating point."""

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, width_in: int, width_out: int, bias: bool) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(width_out, width_in, dtype=torch.int8))
        self.register_buffer("scale", torch.ones(width_out))
        self.register_buffer("bias", torch.zeros(width_out) if bias else None)

    @classmethod
    def from_linear(cls, linear: nn.Linear) -> "Int8Linear":
        """Quantise a linear layer's weights."""
        layer = cls(linear.in_features, linear.out_features, linear.bias is not None)
        layer.weight, layer.scale = quantise_rows(linear.weight.detach().float())
        if linear.bias is not None:
            layer.bias = linear.bias.detach().float().clone()
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in) to (..., out) in x's type."""
        flat = x.reshape(-1, x.shape[-1])
        quantised, scale = quantise_rows(flat.float())
        sums = integer_matmul(quantised, self.weight)
        output = sums.float() * scale[:, None] * self.scale
        if self.bias is not None:
            output = output + self.bias
        return output.view(*x.shape[:-1], -1).to(x.dtype)


def quantise_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (N, K) to int8 by their largest magnitude, rounded to nearest; returns values and scales (N,)."""
    scale = x.abs().amax(1).clamp(min=1e-8) / 127
    return (x / scale[:, None]).round().clamp(-127, 127).to(torch.int8), scale


def integer_matmul(x: Tensor, weight: Tensor) -> Tensor:
    """Exact integer product (N, O) of int8 x (N, K) and weight (O, K)."""
    return torch._int_mm(x, weight.t().contiguous())


def quantise_linears(denoiser: Denoiser) -> None:
    """Replace the attention projections of ``denoiser`` by 8-bit ones, in place."""
    for block in denoiser.blocks:
        for layer in (block.self_attn, block.cross_attn):
            for name in CONVERTED:
                setattr(layer, name, Int8Linear.from_linear(getattr(layer, name)))
