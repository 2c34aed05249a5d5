"""Parity of the denoiser in mixed precision: products in bfloat16, the stream and what it is normed with in float32."""

from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from inference.parity.denoiser import CONFIG, INPUTS, WEIGHTS, Calls, build_denoiser
from inference.parity.fixture import Fixture
from inference.parity.result import CaseResult
from modeling.released.denoiser import read_config
from modeling.weights import read_json

CASES: Final = "dit_outputs_mixed_precision.safetensors"
SAME_DISTANCE: Final = 1e-4  # float32 rounding moves a distance of about 0.006 by less


class Rounded:
    """Inputs as a bfloat16 pipeline hands them over."""

    def __init__(self, inputs: Fixture) -> None:
        self.inputs = inputs

    def __getitem__(self, name: str) -> Tensor:
        value = self.inputs[name]
        return value.bfloat16().float() if value.is_floating_point() else value

    def get(self, name: str) -> Tensor | None:
        return None if self.inputs.get(name) is None else self[name]


@torch.no_grad()
def run(folder: Path, meta: dict[str, Any]) -> list[CaseResult]:
    """Every tensor of ``dit_outputs_mixed_precision``, by relative root mean square.

    How far the reference's own mixed precision is from float32 is compared too, with our float32.
    """
    cases, weights, inputs = (Fixture(folder, file, meta) for file in (CASES, WEIGHTS, INPUTS))
    config = read_config(read_json(folder / CONFIG), weights.all(), folder)
    model = build_denoiser(config, weights, folder)
    exact, mixed = Calls(model, inputs), Calls(model, Rounded(inputs))
    results, tolerance = [], cases.stated(r"below ([\d.e+-]+)")
    for match in cases.names(r"(\w+)\.sp"):
        with torch.autocast("cpu", torch.bfloat16):
            found = mixed.run(match[1])
        plain = exact.run(match[1])
        if found is None or plain is None:
            continue  # it stays unused, which is a failed row
        expected, name = cases[match[0]], f"{match[0]}.rel_rms_vs_float32"
        worst = _distance(found, expected)
        results.append(CaseResult(name=f"dit mixed precision {match[0]}", worst=worst, tolerance=tolerance))
        moved = abs(_distance(expected, plain) - float(cases[name]))
        results.append(CaseResult(name=f"dit mixed precision {name}", worst=moved, tolerance=SAME_DISTANCE))
    return results + cases.unused()


def _distance(found: Tensor, expected: Tensor) -> float:
    if found.shape != expected.shape:
        return float("inf")
    return float((found.double() - expected.double()).norm() / expected.double().norm())
