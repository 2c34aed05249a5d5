"""The denoiser's benchmark: a steady segment on the clean path and on the fast one, in turn, on the same inputs."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from inference.bench.cases import Case, Size, make_case, run_plainly
from inference.bench.gpu import measure_gpu
from inference.bench.measure import Flops, Times, count_flops, describe_machine, interleave
from inference.fast.cpu_kernels import torch_kernels
from inference.fast.denoiser import FastDenoiser
from inference.fast.frozen import Frozen
from inference.fast.prompt import PromptCache, prepare_prompt
from infra.errors import WorldloomError
from modeling.sampler import noise_levels


@dataclass(frozen=True, kw_only=True)
class DenoiserBenchConfig:
    """How to measure."""

    device: str = "cpu"
    repeats: int = 3  # segments of each kind that count
    steps: int = 3  # of a segment
    shift: float = 5.0  # of the noise schedule


@torch.no_grad()
def bench_denoiser(name: str, size: Size, config: DenoiserBenchConfig, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure one size; figures as JSON values, lines for people through ``say``.

    Raises:
        WorldloomError: the device is not there, or the size needs another one.
    """
    device = _check_device(name, config.device)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    case = make_case(size, device, dtype)
    run = _Run(case, config)
    say(f"{name}: width {size.denoiser.width}, {size.denoiser.layers} layers, {_tokens(case, size):,} tokens, {_type(dtype)}")
    flops = run.count()
    times = interleave(run.variants(), config.repeats, device)
    result = {
        "size": name,
        "machine": describe_machine(device),
        "type": _type(dtype),
        "tokens": _tokens(case, size),
        "parameters": sum(parameter.numel() for parameter in case.model.parameters()),
        "steps": config.steps,
        "seconds": {kind: vars(taken) for kind, taken in times.items()},
        "flops": {kind: counted.as_json() for kind, counted in flops.items()},
        "ratio": _ratios(times, flops),
        **run.compare(),
    }
    for line in _lines(result):
        say(f"  {line}")
    if device.type == "cuda":
        result["gpu"] = measure_gpu(run.fast, case, run.segment, flops, config.steps, say)
    return result


def _check_device(name: str, device: str) -> torch.device:
    if device == "cuda" and not torch.cuda.is_available():
        raise WorldloomError("no CUDA device here; pass --device cpu")
    if name == "5b" and device == "cpu":
        raise WorldloomError("size 5b needs a CUDA device (26 GB of weights in float32); use tiny or wide")
    return torch.device(device)


class _Run:
    """The same segment, several ways."""

    def __init__(self, case: Case, config: DenoiserBenchConfig) -> None:
        self.case, self.fast = case, FastDenoiser(case.model)
        self.levels = noise_levels(config.steps, config.shift)
        self.prompt: PromptCache = prepare_prompt(case.model, case.text)
        self.latents: dict[str, Tensor] = {}  # what each kind gave last

    def segment(self, frozen: Frozen | None = None) -> Tensor:
        """The fast path, everything of a segment but its prompt: new latents."""
        cache = self.fast.prepare(self.case.inputs, self.prompt)
        return self._denoise(lambda x, time: self.fast.step(x, time, cache, frozen))

    def plain_segment(self) -> Tensor:
        return self._denoise(functools.partial(run_plainly, self.case.model, self.case.inputs, self.case.text))

    def variants(self) -> dict[str, Callable[[], object]]:
        """What is timed. On a CPU also the fast path with the clean path's kernels, to tell what is due to which."""
        kinds = {"plain": self.plain_segment, "fast": self.segment, "frozen": lambda: self.segment(Frozen())}
        if self.case.noise.device.type == "cpu":
            kinds["hoisted"] = self._hoisted
        return {kind: functools.partial(self._keep, kind, work) for kind, work in kinds.items()}

    def _keep(self, kind: str, work: Callable[[], Tensor]) -> None:
        self.latents[kind] = work()

    def count(self) -> dict[str, Flops]:
        """Operations of a segment on both paths, and of a prompt."""
        case, time = self.case, self._time(self.levels[0])
        cache = self.fast.prepare(case.inputs, self.prompt)
        steps = len(self.levels) - 1
        with torch_kernels():  # those of oneDNN are not counted
            prepared = count_flops(lambda: self.fast.prepare(case.inputs, self.prompt))
            stepped = count_flops(lambda: self.fast.step(case.noise, time, cache))
            plain = count_flops(lambda: run_plainly(case.model, case.inputs, case.text, case.noise, time))
            prompt = count_flops(lambda: prepare_prompt(case.model, case.text))
        counted = {"plain": plain * steps, "fast": prepared + stepped * steps, "prompt": prompt}
        return {**counted, "plain_step": plain, "fast_step": stepped}

    def compare(self) -> dict[str, float]:
        """How far the fast path's last latents are from the clean path's, and the approximate mode's from the fast one's."""
        plain, fast, frozen = (self.latents[kind].float() for kind in ("plain", "fast", "frozen"))
        error = (frozen - fast).square().mean().clamp(min=1e-30)
        return {
            "largest_difference": float((fast - plain).abs().max()),
            "relative_difference": float((fast - plain).norm() / plain.norm()),
            "frozen_psnr_db": float(10 * torch.log10((fast.max() - fast.min()).square() / error)),
        }

    def _hoisted(self) -> Tensor:
        with torch_kernels():
            return self.segment()

    def _denoise(self, predict: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        x = self.case.noise
        for level, following in pairwise(self.levels):
            x = x + (following - level) * predict(x, self._time(level))
        return x

    def _time(self, level: float) -> Tensor:
        return torch.full((1,), 1000 * level, device=self.case.noise.device)


def _ratios(times: dict[str, Times], flops: dict[str, Flops]) -> dict[str, float]:
    ratios = {"flops": flops["plain"].total / flops["fast"].total}
    for kind in times.keys() - {"plain"}:
        ratios[f"{kind}_median"] = times["plain"].median / times[kind].median
        ratios[f"{kind}_min"] = times["plain"].min / times[kind].min
        ratios[f"{kind}_cpu"] = times["plain"].cpu / times[kind].cpu
    return ratios


_SAYS = {
    "plain": "plain, the clean model",
    "hoisted": "fast, the plain path's kernels",
    "fast": "fast",
    "frozen": "approximate: clean tokens frozen",
}


def _lines(result: dict[str, Any]) -> list[str]:
    """The table for people."""
    head = f"a segment of {result['steps']} steps"
    lines = [f"{head:<32} {'median':>9} {'ratio':>7} {'min':>10} {'ratio':>7} {'CPU':>10} {'ratio':>7}"]
    for kind, says in _SAYS.items():
        if kind not in result["seconds"]:
            continue
        row = f"{says:<32}"
        for column in ("median", "min", "cpu"):
            ratio = f"{result['ratio'][f'{kind}_{column}']:.2f}x" if kind != "plain" else ""
            row += f" {result['seconds'][kind][column]:>8.3f} s {ratio:>6}"
        lines.append(row.rstrip())
    flops = {kind: counted["total"] / 1e9 for kind, counted in result["flops"].items()}
    lines.append(
        f"GFLOP a segment: plain {flops['plain']:,.1f}, fast {flops['fast']:,.1f} (and {flops['prompt']:,.1f} a prompt), "
        f"which alone implies {result['ratio']['flops']:.2f}x"
    )
    lines.append(f"fast against plain: largest difference {result['largest_difference']:.1e} of latents around 1")
    lines.append(f"frozen against fast: PSNR {result['frozen_psnr_db']:.1f} dB of the latents, random weights")
    machine = result["machine"]
    used = f"{machine['threads']} of {machine['cores']} cores used, load {machine['load']}"
    lines.append(f"{machine.get('gpu', machine['cpu'])}, {used}, torch {machine['torch']}")
    return lines


def _tokens(case: Case, size: Size) -> int:
    spots = size.height * size.width // size.denoiser.patch**2
    assert case.inputs.past is not None and case.inputs.memory is not None
    return spots * (case.inputs.past.shape[2] + case.inputs.memory.latents.shape[2] + case.inputs.noisy)


def _type(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
