"""The one training loop: autoencoder, denoiser and student all run through it.

Batches are drawn from (seed, step), so a run that was killed and resumed sees the same batches and ends in the same
weights as one that was not.
"""

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from modeling.device import device_of, type_name
from modeling.finite import NotFiniteError

LossFunction = Callable[[int, torch.Generator], tuple[Tensor, dict[str, float]]]


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig:
    """AdamW with linear warm-up, cosine decay and an exponential moving average of the weights."""

    steps: int = 1000
    learning_rate: float = 8e-4
    warmup: int = 50
    floor: float = 0.05  # last learning rate, as a share of the largest
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    clip_norm: float = 1.0
    average: float = 0.998  # of the moving average; shorter in the first steps
    save_every: float = 60.0  # seconds between saved states
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class TrainingLog:
    """What a run did: loss and named figures at every logged step."""

    steps: int
    seconds: float
    stopped_early: bool
    curve: tuple[tuple[int, float], ...]  # (step, loss averaged since the last entry)
    precision: str = ""  # of its products: "bfloat16" or "float32"; empty where nothing was trained


NO_TRAINING: Final = TrainingLog(steps=0, seconds=0.0, stopped_early=False, curve=())


class Trainer:
    """Trains ``model`` on ``loss_function(step, generator)``; ``averaged`` is what should be kept."""

    def __init__(self, model: nn.Module, loss_function: LossFunction, config: OptimiserConfig, folder: Path) -> None:
        self.model, self.loss_function, self.config, self.folder = model, loss_function, config, folder
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        groups = [p for p in self.parameters.values() if p.ndim > 1], [p for p in self.parameters.values() if p.ndim <= 1]
        decay = {"params": groups[0], "weight_decay": config.weight_decay}
        self.optimiser = torch.optim.AdamW(
            [decay, {"params": groups[1], "weight_decay": 0.0}], lr=config.learning_rate, betas=config.betas
        )
        self.average = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.step, self.seconds = 0, 0.0
        self.curve: list[tuple[int, float]] = []
        self.pending: list[float] = []  # losses since the last entry of the curve

    def run(self, report: Callable[[int, int, str], None], out_of_time: Callable[[], bool]) -> TrainingLog:
        """Train to the last step, or until ``out_of_time``; goes on from the folder's state where there is one.

        Raises:
            NotFiniteError: the loss is not finite; the last saved state stays.
        """
        self.resume()
        started, saved = time.monotonic() - self.seconds, time.monotonic()
        stopped = False
        report(self.step, self.config.steps, "first step")  # it may take minutes
        while self.step < self.config.steps and not (stopped := out_of_time()):
            loss, figures = self.take_step()
            self.pending.append(loss)
            if len(self.pending) == 20 or self.step == self.config.steps:
                self.curve.append((self.step, sum(self.pending) / len(self.pending)))
                self.pending = []
            known = {"loss": self.curve[-1][1] if self.curve else loss} | figures
            report(self.step, self.config.steps, " ".join(f"{name} {value:.4f}" for name, value in known.items()))
            self.seconds = time.monotonic() - started
            if time.monotonic() - saved > self.config.save_every:
                self.save()
                saved = time.monotonic()
        self.save()
        return TrainingLog(
            steps=self.step,
            seconds=self.seconds,
            stopped_early=stopped,
            curve=tuple(self.curve),
            precision=type_name(device_of(self.model)),
        )

    def take_step(self) -> tuple[float, dict[str, float]]:
        """One optimiser step; returns the loss and the figures that came with it."""
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate * schedule(self.step, self.config)
        loss, figures = self.loss_function(self.step, generator)
        if not torch.isfinite(loss):
            raise NotFiniteError(f"loss is {loss.item()} at step {self.step}; lower the learning rate and start again")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters.values(), self.config.clip_norm)
        self.optimiser.step()
        self.step += 1
        keep = min(self.config.average, self.step / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(self.parameters.values()), 1 - keep)
        return loss.item(), figures

    def adopt_average(self) -> None:
        """Put the averaged weights into the model: the end of training."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(self.average[name])

    def save(self) -> None:
        """Write weights, average and optimiser state so that a kill at any moment leaves the old or the new state."""
        self.folder.mkdir(parents=True, exist_ok=True)
        tensors: dict[str, Tensor] = {}
        for name, parameter in self.parameters.items():
            tensors[f"weight.{name}"] = parameter.detach().cpu().contiguous()
            tensors[f"average.{name}"] = self.average[name].cpu().contiguous()
            for part, value in self.optimiser.state.get(parameter, {}).items():
                tensors[f"{part}.{name}"] = torch.as_tensor(value).cpu().contiguous()
        tensors |= {f"buffer.{name}": buffer.cpu().contiguous() for name, buffer in self.model.named_buffers()}
        metadata = {"step": self.step, "seconds": self.seconds, "curve": self.curve, "pending": self.pending}
        temporary = self.folder / "state.part"
        save_file(tensors, temporary, {"state": json.dumps(metadata)})
        os.replace(temporary, self.folder / "state.safetensors")

    def resume(self) -> None:
        """Go on from the folder's state, if there is one."""
        path = self.folder / "state.safetensors"
        if not path.exists():
            return
        tensors = load_file(path)
        with torch.no_grad():
            for name, buffer in self.model.named_buffers():
                buffer.copy_(tensors[f"buffer.{name}"])
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[f"weight.{name}"])
                self.average[name].copy_(tensors[f"average.{name}"])
                if f"step.{name}" in tensors:
                    parts = {
                        part: tensors[f"{part}.{name}"].to(parameter.device, copy=True) for part in ("exp_avg", "exp_avg_sq")
                    }
                    self.optimiser.state[parameter] = parts | {"step": tensors[f"step.{name}"].clone()}  # AdamW counts on the CPU
        metadata = read_metadata(path)
        self.step, self.seconds = metadata["step"], metadata["seconds"]
        self.pending = metadata["pending"]
        self.curve = [(int(step), float(loss)) for step, loss in metadata["curve"]]


def read_metadata(path: Path) -> Any:
    """The JSON that ``Trainer.save`` wrote into the state file's header."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        return json.loads(json.loads(file.read(size))["__metadata__"]["state"])


def schedule(step: int, config: OptimiserConfig) -> float:
    """Learning rate at ``step`` as a share of the largest."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    progress = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.floor + (1 - config.floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
