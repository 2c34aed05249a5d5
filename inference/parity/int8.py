"""Parity of the 8-bit linear layer: what is quantised, the integers, their sums and the output."""

from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from inference.parity.fixture import Fixture, compare
from inference.parity.result import CaseResult
from modeling.denoiser import Denoiser
from modeling.int8 import Int8Linear, Rounding, converted_layers, integer_matmul, quantise_linears, quantise_rows
from modeling.released.denoiser import read_config
from modeling.weights import read_json

CASES: Final = "int8.safetensors"
DENOISER: Final = "dit_weights.safetensors"
BFLOAT16_STEP: Final = 2.0**-7  # from one bfloat16 to the next, at most, relative


@torch.no_grad()
def run(folder: Path, meta: dict[str, Any]) -> list[CaseResult]:
    """Every tensor of ``int8``, in the compatibility mode and, where the file says so, rounded to nearest."""
    cases = Fixture(folder, CASES, meta)
    weight, scales = quantise_rows(cases["weight"])
    results = [
        compare("int8 weight", weight, cases["weight_int8"], 0.0),
        _relative("int8 weight scales", scales, cases["weight_scales"], 0.0),
        *_activations(cases, "truncate", "x_int8"),
        *_activations(cases, "nearest", "x_int8_if_rounded_to_nearest"),
        *_outputs(cases),
        *_converted(folder, meta, cases),
    ]
    return results + cases.unused()


def _activations(cases: Fixture, rounding: Rounding, name: str) -> list[CaseResult]:
    """Integers are exact, but for values so close to a step that the rounding of a division decides."""
    x, expected = cases["x"], cases[name]
    found, scales = quantise_rows(x, rounding)
    margin = cases.stated(r"within ([\d.e+-]+) of an integer")
    scaled = x.double() / scales.double()[:, None] - (0.5 if rounding == "nearest" else 0.0)
    near = (scaled - scaled.round()).abs() <= margin
    off = (found.int() - expected.int()).abs()
    worst = torch.where(near, (off - 1).clamp(min=0), off).max()
    results = [CaseResult(name=f"int8 x {rounding}", worst=float(worst), tolerance=0.0, note=f"{int(off.sum())} near a step")]
    rtol = cases.stated(r"x_scales rtol ([\d.e+-]+)")
    return [*results, _relative(f"int8 x scales {rounding}", scales, cases["x_scales"], rtol)]


def _outputs(cases: Fixture) -> list[CaseResult]:
    """Sums are exact; the output goes through two bfloat16 roundings, each of which may fall to either neighbour."""
    sums = integer_matmul(cases.raw("x_int8"), cases.raw("weight_int8"))
    bare, full = (_layer(cases, bias).multiply_integers(cases["x"]) for bias in (False, True))  # whatever is faster here
    allowed = BFLOAT16_STEP * (cases["out_no_bias_bf16"].abs() + cases["out"].abs()) + _moved_by_steps(cases)
    return [
        compare("int8 sums", sums, cases.raw("accumulator_int32"), 0.0),
        _within("int8 output without bias", bare, cases["out_no_bias_bf16"], allowed),
        _within("int8 output", full, cases["out"], allowed),
        *_float_outputs(cases),
    ]


def _moved_by_steps(cases: Fixture) -> Tensor:
    """What activations that fell to the other side of a step, as they may, move the output by."""
    found, scales = quantise_rows(cases["x"], "truncate")
    off = (found.int() - cases.raw("x_int8").int()).abs().clamp(max=1).float()
    return (off @ cases["weight_int8"].float().abs().T) * scales[:, None] * cases["weight_scales"]


def _float_outputs(cases: Fixture) -> list[CaseResult]:
    """The layer before it is converted, and converted but with weights turned back to floats."""
    x, weight, layer = cases["x"], cases["weight"], _layer(cases, bias=True)
    magnitude = nn.functional.linear(x.abs(), weight.abs(), cases["bias"].abs())
    noise = x.shape[1] * torch.finfo(torch.float32).eps * magnitude
    halved, half = layer.multiply_floats(x.bfloat16()).float(), cases["out_fallback_bf16"]
    return [
        _within("int8 float output", nn.functional.linear(x, weight, cases["bias"]), cases["out_float_reference"], noise),
        _within("int8 weights turned back", layer.multiply_floats(x), cases["out_fallback_f32"], noise),
        _within("int8 weights turned back bf16", halved, half, BFLOAT16_STEP * half.abs() + noise),
    ]


def _layer(cases: Fixture, bias: bool) -> Int8Linear:
    linear = nn.Linear(cases["weight"].shape[1], cases["weight"].shape[0], bias)
    linear.weight.data = cases["weight"]
    if bias:
        linear.bias.data = cases["bias"]
    return Int8Linear.from_linear(linear, "truncate")


def _converted(folder: Path, meta: dict[str, Any], cases: Fixture) -> list[CaseResult]:
    """The denoiser's layers that become 8-bit, and one of them: ``converted.block0_self_attn_q.weight_int8``."""
    tensors = Fixture(folder, DENOISER, meta).all()
    config = read_config(read_json(folder / "dit_config.json"), tensors, folder)
    model = Denoiser(config)
    model.load_state_dict(tensors)
    linears = sum(isinstance(layer, nn.Linear) for layer in model.modules())
    stated, names = cases.about["converted_modules"], converted_layers(model)
    results = [
        CaseResult(name="int8 layers converted", worst=float(len(set(stated) ^ set(names))), tolerance=0.0),
        CaseResult(name="int8 layers in all", worst=float(abs(linears - cases.about["linear_modules_total"])), tolerance=0.0),
    ]
    quantise_linears(model)
    for match in cases.names(r"converted\.block(\d+)_(self_attn|cross_attn)_(\w)\.(weight_int8|weight_scales)"):
        layer = model.get_submodule(f"blocks.{match[1]}.{match[2]}.{match[3]}")
        found = layer.weight if match[4] == "weight_int8" else layer.scale
        assert isinstance(found, Tensor)
        results.append(compare(f"int8 {match[0]}", found, cases.raw(match[0]), 0.0))
    return results


def _relative(name: str, found: Tensor, expected: Tensor, tolerance: float) -> CaseResult:
    worst = ((found - expected).abs() / expected.abs()).max() if found.shape == expected.shape else float("inf")
    return CaseResult(name=name, worst=float(worst), tolerance=tolerance)


def _within(name: str, found: Tensor, expected: Tensor, allowed: Tensor) -> CaseResult:
    """The error in units of what is allowed at each element."""
    if found.shape != expected.shape:
        return compare(name, found, expected, 1.0)
    ratio = (found.double() - expected.double()).abs() / allowed.double().clamp(min=1e-12)
    return CaseResult(name=name, worst=float(ratio.max()), tolerance=1.0, note="of what rounding allows")
