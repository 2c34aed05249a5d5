"""8-bit linear layers: the release's per-row scheme, rounded correctly, or cut as the release's kernel cuts.

Weights are quantised once, a scale an output row; activations as they come, a scale a token. The release converts q,
k, v and o of self- and cross-attention; feed-forward and camera layers can be added.
Legend: N tokens, K width in, O width out.
"""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modeling.denoiser import Denoiser

Rounding = Literal["nearest", "truncate"]
Kernel = Literal["integer", "dequantised"]

ATTENTION_LAYERS: Final = tuple(f"{attention}.{name}" for attention in ("self_attn", "cross_attn") for name in "qkvo")
FFN_LAYERS: Final = ("ffn.0", "ffn.2")
CAMERA_LAYERS: Final = ("cam_injector_layer1", "cam_injector_layer2", "cam_scale_layer", "cam_shift_layer")
SMALLEST_SCALE: Final = 1e-12  # of rows that are all zero
CUDA_ROWS: Final = 17  # the fewest that CUDA's integer product takes
EXACT_WIDTH: Final = 1024  # products of int8 whose sum float32 holds exactly, below 2**24
MEASURED_ROWS: Final = 112  # tokens of a segment of the small model


@dataclass(frozen=True, kw_only=True)
class Int8Config:
    """Which layers of a block become 8-bit, and how activations become integers."""

    rounding: Rounding = "nearest"  # "truncate" gives the release's numbers, its bfloat16 output included
    ffn: bool = False
    camera: bool = False


class Int8Linear(nn.Module):
    """A linear layer with int8 weights; it takes and gives floating point."""

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, width_in: int, width_out: int, bias: bool, rounding: Rounding = "nearest") -> None:
        super().__init__()
        self.rounding: Rounding = rounding
        self.register_buffer("weight", torch.zeros(width_out, width_in, dtype=torch.int8))
        self.register_buffer("scale", torch.ones(width_out))
        self.register_buffer("bias", torch.zeros(width_out) if bias else None)

    @classmethod
    def from_linear(cls, linear: nn.Linear, rounding: Rounding = "nearest") -> "Int8Linear":
        """Quantise a linear layer's weights, which are rounded whatever becomes of activations."""
        layer = cls(linear.in_features, linear.out_features, linear.bias is not None, rounding)
        layer.weight, layer.scale = quantise_rows(linear.weight.detach().float())
        if linear.bias is not None:
            layer.bias = linear.bias.detach().float().clone()
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., K) to (..., O) in x's type, by the kernel that x's device has."""
        flat = x.reshape(-1, x.shape[-1])
        if choose_kernel(flat.device, *self.weight.shape) == "integer":
            output = self.multiply_integers(flat)
        else:
            output = self.multiply_floats(flat)
        return output.view(*x.shape[:-1], -1).to(x.dtype)

    def multiply_floats(self, x: Tensor) -> Tensor:
        """Map (N, K) to (N, O) by weights turned back to x's type, as the release does without its kernel."""
        weight = self.weight.to(x.dtype) * self.scale.to(x.dtype)[:, None]
        return F.linear(x, weight, None if self.bias is None else self.bias.to(x.dtype))

    def multiply_integers(self, x: Tensor) -> Tensor:
        """Map (N, K) to (N, O) by integer products; scales and bias are applied in float32, or as ``rounding`` says."""
        values, scale = quantise_rows(x.float(), self.rounding)
        product = integer_matmul(values, self.weight).float() * scale[:, None] * self.scale
        if self.rounding == "truncate":
            product = product.bfloat16()
        return product if self.bias is None else product + self.bias.to(product.dtype)


def quantise_rows(x: Tensor, rounding: Rounding = "nearest") -> tuple[Tensor, Tensor]:
    """Rows (N, K) to int8 by their largest magnitude; returns values and scales (N,)."""
    scale = (x.abs().amax(1) / 127).clamp(min=SMALLEST_SCALE)
    scaled = x / scale[:, None]
    whole = scaled.round() if rounding == "nearest" else scaled.trunc()
    return whole.clamp(-127, 127).to(torch.int8), scale


@functools.cache
def choose_kernel(device: torch.device, width_out: int, width_in: int) -> Kernel:
    """Integer products where the device has them for these widths; elsewhere weights are turned back to floats.

    Processors differ: with instructions for 8-bit products these are twice as fast as float ones, without them ten times
    slower. So a CPU is asked by measuring, once a process for each pair of widths.
    """
    if device.type == "cpu":
        return _measure_kernels(width_out, width_in)
    fits = device.type == "cuda" and width_in % 8 == 0 and width_out % 8 == 0
    return "integer" if fits and torch.cuda.get_device_capability(device) >= (7, 5) else "dequantised"


def _measure_kernels(width_out: int, width_in: int) -> Kernel:
    layer, x = Int8Linear(width_in, width_out, bias=True), torch.ones(MEASURED_ROWS, width_in)
    integer, floats = (_fastest(run, x) for run in (layer.multiply_integers, layer.multiply_floats))
    return "integer" if integer < floats else "dequantised"


def _fastest(run: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """Seconds of the fastest of some calls: what else the machine does makes a call slower, never faster."""
    seconds = []
    for _ in range(8):
        began = time.perf_counter()
        run(x)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def integer_matmul(x: Tensor, weight: Tensor) -> Tensor:
    """Exact integer product (N, O) of int8 x (N, K) and weight (O, K)."""
    if x.device.type == "cpu" and not _cpu_sums_exactly():
        return float_matmul(x, weight)
    rows = len(x)
    if x.is_cuda and rows < CUDA_ROWS:
        x = F.pad(x, (0, 0, 0, CUDA_ROWS - rows))
    return torch._int_mm(x, weight.t())[:rows]


@functools.cache
def _cpu_sums_exactly() -> bool:
    """Whether PyTorch's integer product may be used: without VNNI instructions it cuts sums of two products to 16 bits."""
    largest = torch.full((CUDA_ROWS, 64), 127, dtype=torch.int8)
    return all(bool((torch._int_mm(one, largest.t()) == 64 * 127 * int(one[0, 0])).all()) for one in (largest, -largest))


def float_matmul(x: Tensor, weight: Tensor) -> Tensor:
    """The same in float32, whose sums of so few products are exact."""
    total = torch.zeros(len(x), len(weight), dtype=torch.int32, device=x.device)
    with torch.autocast(x.device.type, enabled=False):
        for start in range(0, x.shape[1], EXACT_WIDTH):
            part = slice(start, start + EXACT_WIDTH)
            total += (x[:, part].float() @ weight[:, part].float().t()).int()
    return total


def converted_layers(denoiser: Denoiser, config: Int8Config = Int8Config()) -> list[str]:
    """Names of the layers that ``quantise_linears`` replaces, in the order of the blocks."""
    names = (*ATTENTION_LAYERS, *(FFN_LAYERS if config.ffn else ()), *(CAMERA_LAYERS if config.camera else ()))
    return [f"blocks.{block}.{name}" for block in range(len(denoiser.blocks)) for name in names]


def quantise_linears(denoiser: Denoiser, config: Int8Config = Int8Config()) -> None:
    """Replace layers of ``denoiser`` by 8-bit ones, in place, one at a time."""
    for name in converted_layers(denoiser, config):
        linear = denoiser.get_submodule(name)
        assert isinstance(linear, nn.Linear)
        denoiser.set_submodule(name, Int8Linear.from_linear(linear, config.rounding))
