"""Attention kernels and 8-bit matrix products side by side, in the shapes of one step. Legend: M tokens, K in, N out."""

from collections.abc import Callable
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from inference.bench.cases import Case
from inference.bench.measure import time_often
from modeling.attention import flash_attn_func
from modeling.int8 import integer_matmul, quantise_rows

REPEATS: Final = 10
_BACKENDS: Final = {
    "SDPA flash": SDPBackend.FLASH_ATTENTION,
    "SDPA cuDNN": SDPBackend.CUDNN_ATTENTION,
    "SDPA memory-efficient": SDPBackend.EFFICIENT_ATTENTION,
}
_FP8: Final = torch.float8_e4m3fn
_FP8_MOST: Final = torch.finfo(_FP8).max

Say = Callable[[str], None]


def compare_attention(case: Case, say: Say) -> dict[str, Any]:
    """Self-attention of all tokens, and of the noisy ones alone, by every kernel that is here."""
    config, span = case.model.config, _tokens(case)
    heads, width = config.heads, config.width // config.heads
    results = {}
    for queries, keys in ((span[0], span[0]), (span[1], span[0])):
        shape = f"{heads} heads of {width}, {queries} on {keys}"
        drawn = [torch.randn(1, n, heads, width, device=case.noise.device, dtype=case.noise.dtype) for n in (queries, keys, keys)]
        flops = 4 * queries * keys * heads * width
        results[shape] = {name: _measure(name, shape, work, flops, case, say) for name, work in _attention(*drawn).items()}
    return results


def _attention(query: Tensor, key: Tensor, value: Tensor) -> dict[str, Callable[[], Tensor] | None]:
    swapped = query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)

    def by(backend: SDPBackend) -> Callable[[], Tensor]:
        def work() -> Tensor:
            with sdpa_kernel(backend):
                return F.scaled_dot_product_attention(*swapped)

        return work

    kernels: dict[str, Callable[[], Tensor] | None] = {name: by(backend) for name, backend in _BACKENDS.items()}
    flash = flash_attn_func
    return {**kernels, "flash-attn": None if flash is None else lambda: flash(query, key, value)}


def compare_products(case: Case, say: Say) -> dict[str, Any]:
    """The four shapes of a block's linear layers, in the model's type and in 8 bits, with and without quantising."""
    config, tokens = case.model.config, _tokens(case)[0]
    width, ffn = config.width, config.ffn_width
    results = {}
    for outputs, inputs in ((width, width), (3 * width, width), (ffn, width), (width, ffn)):
        shape = f"{tokens} x {inputs} -> {outputs}"
        x = torch.randn(tokens, inputs, device=case.noise.device, dtype=case.noise.dtype)
        weight = torch.randn(outputs, inputs, device=x.device, dtype=x.dtype)
        flops = 2 * tokens * inputs * outputs
        results[shape] = {name: _measure(name, shape, work, flops, case, say) for name, work in _products(x, weight).items()}
    return results


def _products(x: Tensor, weight: Tensor) -> dict[str, Callable[[], Tensor]]:
    values, _ = quantise_rows(x.float())
    whole, _ = quantise_rows(weight.float())
    eight, scale = _to_fp8(x, 1)
    eight_weight, weight_scale = _to_fp8(weight, 1)
    one, one_weight = scale.new_ones(()), scale.new_ones(())

    def by_rows(x8: Tensor, x_scale: Tensor) -> Tensor:
        return _scaled(x8, eight_weight, x_scale, weight_scale.t().contiguous())

    return {
        str(x.dtype).removeprefix("torch."): lambda: F.linear(x, weight),
        "int8, product alone": lambda: integer_matmul(values, whole),
        "int8, with quantising": lambda: integer_matmul(quantise_rows(x.float())[0], whole),
        "fp8 by tensor, product alone": lambda: _scaled(eight, eight_weight, one, one_weight),
        "fp8 by row, product alone": lambda: by_rows(eight, scale),
        "fp8 by row, with quantising": lambda: by_rows(*_to_fp8(x, 1)),
    }


def _to_fp8(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Values and float32 scales (rows, 1)."""
    scale = (x.abs().amax(axis, keepdim=True).float() / _FP8_MOST).clamp(min=1e-12)
    return (x / scale).clamp(-_FP8_MOST, _FP8_MOST).to(_FP8), scale


def _scaled(x: Tensor, weight: Tensor, scale: Tensor, weight_scale: Tensor) -> Tensor:
    product: Tensor = torch._scaled_mm(
        x, weight.t(), scale_a=scale, scale_b=weight_scale, out_dtype=torch.bfloat16, use_fast_accum=True
    )
    return product


def _measure(
    name: str, shape: str, work: Callable[[], Tensor] | None, flops: int, case: Case, say: Say
) -> dict[str, float | str]:
    if work is None:
        say(f"  {shape}, {name}: not installed")
        return {"did_not_run": "not installed"}
    try:
        taken = time_often(work, case.noise.device, REPEATS)
    except (RuntimeError, NotImplementedError) as error:
        reason = str(error).splitlines()[0][:120]
        say(f"  {shape}, {name}: did not run: {reason}")
        return {"did_not_run": reason}
    rate = flops / taken.median / 1e12
    say(f"  {shape}, {name:<30} {1e3 * taken.median:>9.3f} ms {rate:>8.1f} TFLOP/s")
    return {"median": taken.median, "min": taken.min, "tflops": rate}


def _tokens(case: Case) -> tuple[int, int]:
    """All tokens and the noisy ones."""
    inputs, patch = case.inputs, case.model.config.patch
    spots = inputs.height * inputs.width // patch**2
    assert inputs.past is not None and inputs.memory is not None
    return spots * (inputs.past.shape[2] + inputs.memory.latents.shape[2] + inputs.noisy), spots * inputs.noisy
