"""Parity of the denoiser: every call that the reference made, with and without the rotary perturbation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

import torch
from torch import Tensor, nn

from inference.parity.activations import compare_activations
from inference.parity.fixture import Fixture, FixtureError, compare
from inference.parity.result import CaseResult
from modeling.action_module import Actions
from modeling.denoiser import Denoiser, DenoiserConfig, Memory
from modeling.released.denoiser import read_config
from modeling.rotary import rotary_table
from modeling.weights import load_exactly, read_json

WEIGHTS: Final = "dit_weights.safetensors"
CONFIG: Final = "dit_config.json"
INPUTS: Final = "dit_inputs.safetensors"
OUTPUTS: Final = "dit_outputs.safetensors"
DEBUG: Final = "dit_debug.safetensors"


class Inputs(Protocol):
    """Tensors by name: a fixture file, or one whose tensors were changed."""

    def __getitem__(self, name: str) -> Tensor: ...

    def get(self, name: str) -> Tensor | None: ...


class Calls:
    """The reference's calls by their names in ``dit_outputs``."""

    def __init__(self, model: Denoiser, inputs: Inputs) -> None:
        self.model, self.inputs = model, inputs

    def run(self, name: str) -> Tensor | None:
        """The prediction (B, C, F, h, w) of a call, or None where no such call is known.

        Raises:
            FixtureError: the inputs of the call do not fit together.
        """
        calls: dict[str, Callable[[], Tensor]] = {
            "first": lambda: self._clip("first", "ctx", "first.t"),
            "first_short_context": lambda: self._clip("first", "ctx_short", "first.t"),
            "later": lambda: self._later(default_numbers=False),
            "later_exact_seq": lambda: self._later(default_numbers=False),  # no padding here: both are one call
            "later_default_idx": lambda: self._later(default_numbers=True),
            "null": self._unconditional,
            "small": lambda: self._clip("small", "ctx", "small.t"),
            "small_t1d": lambda: self._clip("small", "ctx", "small.t_1d"),
            "tiny": lambda: self._clip("tiny", "ctx", "tiny.t"),
        }
        try:
            return calls[name]() if name in calls else None
        except (RuntimeError, ValueError, IndexError) as error:
            reason = str(error).partition("\n")[0][:120]
            raise FixtureError(f"{INPUTS}: the inputs of call {name} do not fit together ({reason}); fetch it again") from None

    def _clip(self, clip: str, text: str, time: str) -> Tensor:
        rays = self.inputs.get(f"{clip}.plucker_emb")
        actions = Actions(keyboard=self.inputs[f"{clip}.keyboard_cond"], mouse=self.inputs[f"{clip}.mouse_cond"])
        x, numbers = self.inputs[f"{clip}.x"], self._numbers(clip)
        return self.model(x, self.inputs[time], self.inputs[text][None], rays=rays, actions=actions, positions=numbers)

    def _later(self, default_numbers: bool) -> Tensor:
        latents = self.inputs["later.x_memory"]
        numbers = torch.arange(latents.shape[2]) if default_numbers else self.inputs["later.memory_latent_idx"]
        actions = Actions(
            keyboard=self.inputs["later.keyboard_cond"],
            mouse=self.inputs["later.mouse_cond"],
            memory_keyboard=self.inputs["later.keyboard_cond_memory"],
            memory_mouse=self.inputs["later.mouse_cond_memory"],
        )
        return self.model(
            self.inputs["later.x"],
            self.inputs["later.t"],
            self.inputs["ctx"][None],
            rays=self.inputs["later.plucker_emb"],
            actions=actions,
            memory=Memory(latents=latents, positions=numbers, time=self.inputs["later.timestep_memory"]),
            positions=None if default_numbers else self._numbers("later"),
        )

    def _unconditional(self) -> Tensor:
        keyboard, mouse = self.inputs["later.keyboard_cond"], self.inputs["later.mouse_cond"]
        memory = int(self.inputs["later.plucker_emb_no_memory_offset"])
        return self.model(
            self.inputs["later.x"],
            self.inputs["later.t"],
            self.inputs["ctx_null"][None],
            rays=self.inputs["later.plucker_emb"][:, :, memory:],
            actions=Actions(keyboard=-torch.ones_like(keyboard), mouse=torch.ones_like(mouse)),
            positions=self._numbers("later"),
        )

    def _numbers(self, clip: str) -> Tensor | None:
        numbers = self.inputs.get(f"{clip}.predict_latent_idx")
        return None if numbers is None else torch.arange(*numbers.tolist())


@torch.no_grad()
def run(folder: Path, meta: dict[str, Any]) -> list[CaseResult]:
    """Every tensor of ``dit_outputs``, and of ``dit_debug`` where the folder has it."""
    weights, inputs = Fixture(folder, WEIGHTS, meta), Fixture(folder, INPUTS, meta)
    outputs = Fixture(folder, OUTPUTS, meta)
    config = read_config(read_json(folder / CONFIG), weights.all(), folder)
    results = [_config_agrees(config, weights, folder), *_sinusoid(build_denoiser(config, weights, folder), outputs)]
    for label, sigma in weights.about["sigma_theta_cases"].items():
        model = build_denoiser(replace(config, sigma_theta=sigma), weights, folder)
        results += _rotary(model.config, outputs, label) + _predictions(model, inputs, outputs, label)
    stated = {f"dit {name}" for name in outputs.about["cases"]}
    results += [_absent(name) for name in sorted(stated - {result.name for result in results})]
    results += outputs.unused() + inputs.unused()
    return results + (_debug(folder, meta, config, weights, inputs, outputs) if DEBUG in meta["files"] else [])


def build_denoiser(config: DenoiserConfig, weights: Fixture, folder: Path) -> Denoiser:
    """The fixtures' denoiser in float32, which holds their bfloat16 weights exactly."""
    with torch.device("meta"):
        model = Denoiser(config)
    load_exactly(model, weights.all(), folder / WEIGHTS, torch.float32)
    return model.eval()


def _config_agrees(config: DenoiserConfig, weights: Fixture, folder: Path) -> CaseResult:
    """The saved config, with what it leaves out filled in, says what meta.json says of the model."""
    stated = read_config(weights.about["dit_config"] | {"sigma_theta": config.sigma_theta}, weights.all(), folder)
    known = config.sigma_theta in weights.about["sigma_theta_cases"].values()
    return CaseResult(name="dit config", worst=float(stated != config) + float(not known), tolerance=0.0)


def _predictions(model: Denoiser, inputs: Fixture, outputs: Fixture, label: str) -> list[CaseResult]:
    calls, results = Calls(model, inputs), []
    for match in outputs.names(rf"(\w+?)(?:_return_memory\.(memory|predict))?\.{label}"):
        with kept_outputs(model.head) as kept:
            found = calls.run(match[1])
        if found is None:
            continue  # it stays unused, which is a failed row
        latents = found
        if match[2] == "memory":
            count = inputs["later.x_memory"].shape[2]
            spots = kept[-1].shape[1] // (count + found.shape[2])
            latents = model.join_patches(kept[-1][:, : count * spots], count, found.shape[3])
        expected = outputs[match[0]]
        found = latents[0] if match[2] else latents
        results.append(compare(f"dit {match[0]}", found, expected, outputs.stated()))
    return results


def _rotary(config: DenoiserConfig, outputs: Fixture, label: str) -> list[CaseResult]:
    """Rows of the table, which has heads first where each head has its own."""
    numbers = outputs["rope_table.positions"][:, None].expand(-1, 3)
    table = rotary_table(numbers, config.width // config.heads, heads=config.heads, sigma=config.sigma_theta)
    results = []
    for name, rows in zip(("cos", "sin"), table, strict=True):
        found = rows.transpose(0, 1).squeeze(0)
        results.append(compare(f"dit rotary {name}.{label}", found, outputs[f"rope_table.{name}.{label}"], outputs.stated()))
    return results


def _sinusoid(model: Denoiser, outputs: Fixture) -> list[CaseResult]:
    with kept_inputs(model.time_embedding) as kept:
        model.embed_time(outputs["timestep_sinusoid.t"][None])
    return [compare("dit timestep sinusoid", kept[0][0], outputs["timestep_sinusoid.emb"], outputs.stated())]


def _debug(
    folder: Path, meta: dict[str, Any], config: DenoiserConfig, weights: Fixture, inputs: Fixture, outputs: Fixture
) -> list[CaseResult]:
    activations = Fixture(folder, DEBUG, meta)
    sigma = weights.about["sigma_theta_cases"][activations.about["model"]]
    calls = Calls(build_denoiser(replace(config, sigma_theta=sigma), weights, folder), inputs)
    return compare_activations(calls.model, calls.run, activations, outputs.stated())


def _absent(name: str) -> CaseResult:
    return CaseResult(name=name, worst=float("inf"), tolerance=0.0, note="meta.json lists it and the file lacks it")


@contextmanager
def kept_outputs(module: nn.Module) -> Iterator[list[Tensor]]:
    """What a module gives while this lasts."""
    kept: list[Tensor] = []
    handle = module.register_forward_hook(lambda _, __, output: kept.append(output))
    try:
        yield kept
    finally:
        handle.remove()


@contextmanager
def kept_inputs(module: nn.Module) -> Iterator[list[Tensor]]:
    """What a module is first given while this lasts."""
    kept: list[Tensor] = []
    handle = module.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    try:
        yield kept
    finally:
        handle.remove()
