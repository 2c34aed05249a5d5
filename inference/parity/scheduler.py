"""Parity of the sampler: timesteps, noise levels, and the latent after every step for given model outputs."""

from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from inference.parity.fixture import Fixture, compare
from inference.parity.result import CaseResult
from modeling.scheduler import TRAINING_STEPS, UniPC

CASES: Final = "scheduler.safetensors"
# What our sampler does, in the words of the reference's configuration; it knows no other way.
KNOWN: Final[dict[str, Any]] = {
    "num_train_timesteps": TRAINING_STEPS,
    "solver_order": 2,
    "prediction_type": "flow_prediction",
    "shift": 1.0,
    "use_dynamic_shifting": False,
    "thresholding": False,
    "predict_x0": True,
    "solver_type": "bh2",
    "lower_order_final": True,
    "disable_corrector": [],
    "solver_p": None,
    "timestep_spacing": "linspace",
    "steps_offset": 0,
    "final_sigmas_type": "zero",
}


@torch.no_grad()
def run(folder: Path, meta: dict[str, Any]) -> list[CaseResult]:
    """Every schedule of ``scheduler``, by the steps and the shift in its name."""
    cases = Fixture(folder, CASES, meta)
    configured = cases.about["scheduler_config"]
    off = sorted(name for name, value in KNOWN.items() if configured.get(name) != value)
    results = [CaseResult(name="scheduler configuration", worst=float(len(off)), tolerance=0.0, note=", ".join(off))]
    for match in cases.names(r"(steps(\d+)\.shift([\d.]+))\.timesteps"):
        results += _schedule(cases, match[1], int(match[2]), float(match[3]))
    return results + _types(cases) + cases.unused()


def _schedule(cases: Fixture, name: str, steps: int, shift: float) -> list[CaseResult]:
    schedule = UniPC(steps, shift).schedule
    label, times = f"scheduler {name}", torch.tensor(schedule.timesteps)
    results = [
        compare(f"{label} timesteps", times, cases[f"{name}.timesteps"], 0.0),
        _close(cases, f"{label} noise levels", torch.tensor(schedule.noise_levels), cases[f"{name}.sigmas"]),
        _close(cases, label, _sample(cases, steps, shift, clamp=False), cases[f"{name}.latent_after_step"]),
        _close(
            cases,
            f"{label} first latent kept",
            _sample(cases, steps, shift, clamp=True),
            cases[f"{name}.clamped_first_latent.after_step"],
        ),
    ]
    listed = cases.about["timesteps"].get(name)
    if isinstance(listed, list):
        results.append(compare(f"{label} timesteps as listed", times, torch.tensor(listed), 0.0))
    rounded = cases.get(f"{name}.timesteps_as_bfloat16")
    if rounded is not None:
        seen = torch.tensor(schedule.as_seen_in_bfloat16())
        results.append(compare(f"{label} timesteps in bfloat16", seen, rounded, 0.0))
    return results


def _sample(cases: Fixture, steps: int, shift: float, *, clamp: bool) -> Tensor:
    """Latents (steps, C, F, h, w) after each step; with ``clamp`` the first latent is put back every time."""
    scheduler, start, outputs = UniPC(steps, shift), cases["initial_latent"], cases["model_outputs"]
    x, after = start, []
    for output in outputs[:steps]:
        x = scheduler.step(output[None], x)
        if clamp:
            x = torch.cat([start[:, :, :1], x[:, :, 1:]], 2)
        after.append(x)
    return torch.cat(after)


def _types(cases: Fixture) -> list[CaseResult]:
    """``bf16 sample, f32 output``: which type a step returns for inputs of two types."""
    types = {"bf16": torch.bfloat16, "f32": torch.float32}
    results = []
    for case, expected in cases.about["output_dtypes"].items():
        sample, output = (types[part.split()[0]] for part in case.split(", "))
        found = UniPC(3, 5.0).step(cases["model_outputs"][:1].to(output), cases["initial_latent"].to(sample))
        worst = float(str(found.dtype) != expected)
        results.append(CaseResult(name=f"scheduler {case}", worst=worst, tolerance=0.0, note=str(found.dtype)))
    return results


def _close(cases: Fixture, name: str, found: Tensor, expected: Tensor) -> CaseResult:
    """The error in units of what is allowed at each element: an absolute and a relative part."""
    if found.shape != expected.shape:
        return compare(name, found, expected, 1.0)
    allowed = cases.stated(r"atol ([\d.e+-]+)") + cases.stated(r"rtol ([\d.e+-]+)") * expected.abs()
    worst = float(((found - expected).abs() / allowed).max())
    return CaseResult(name=name, worst=worst, tolerance=1.0, note="of the absolute and relative error allowed")
