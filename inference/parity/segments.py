"""Parity of the clip loop: latents of whole videos, by the clean and by the fast path, and the bookkeeping of clips."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from inference.parity.denoiser import CONFIG, WEIGHTS, build_denoiser, kept_outputs
from inference.parity.fixture import Fixture, FixtureError, compare
from inference.parity.result import CaseResult
from inference.parity.segment_table import TIE, compare_tables
from inference.released.loop import Clip, ClipLoop, SamplingConfig
from inference.released.predictor import FastPredictor, PlainPredictor, Predictor
from modeling.denoiser import Denoiser
from modeling.released.denoiser import read_config
from modeling.weights import read_json

CLIPS: Final = "segment_e2e.safetensors"
TABLE: Final = "segment_table.json"

PATHS: Final[dict[str, Callable[[Denoiser, Tensor], Predictor]]] = {"": PlainPredictor, " fast": FastPredictor}


@torch.no_grad()
def run(folder: Path, meta: dict[str, Any]) -> list[CaseResult]:
    """Every clip of ``segment_e2e`` and every row of ``segment_table``."""
    clips, weights = Fixture(folder, CLIPS, meta), Fixture(folder, WEIGHTS, meta)
    config = read_config(read_json(folder / CONFIG), weights.all(), folder)
    label = re.search(r"sigma_theta case (\w+)", str(clips.about.get("model", "")))
    if label is None or label[1] not in weights.about["sigma_theta_cases"]:
        raise FixtureError(f"meta.json does not say with which sigma_theta case {CLIPS} was made; fetch it again")
    model = build_denoiser(replace(config, sigma_theta=weights.about["sigma_theta_cases"][label[1]]), weights, folder)
    stride = round((config.ray_channels / 6) ** 0.5)  # pixels of a cell
    results = []
    for name, says in clips.about["cases"].items():
        for path, predictor in PATHS.items():
            results += _Video(name=name, path=path, says=says, clips=clips, model=model, stride=stride).compare(predictor)
    table = read_json(folder / TABLE)
    return results + compare_tables(table, clips, stride, config.patch) + clips.unused()


@dataclass(frozen=True, kw_only=True)
class _Video:
    """One case: its clips one after another, each from the latents that the ones before it gave here."""

    name: str
    path: str  # of the denoiser, for the row's name
    says: str  # what meta.json says of the case
    clips: Fixture
    model: Denoiser
    stride: int

    def compare(self, predictor: Callable[[Denoiser, Tensor], Predictor]) -> list[CaseResult]:
        text, negative = self.clips["ctx"][None], self.clips["neg_ctx"][None]
        sampling = self._sampling()
        loop = ClipLoop(
            self.clips["image_latent"],
            predictor(self.model, text),
            predictor(self.model, negative) if sampling.guidance != 1 else None,
            sampling,
            stride=self.stride,
        )
        numbers = self.clips.names(rf"{self.name}\.clip(\d+)\.noise")
        results = []
        for number in sorted(int(match[1]) for match in numbers):
            results += self._clip(loop, number)
        return results

    def _sampling(self) -> SamplingConfig:
        steps, guidance = re.search(r"(\d+) steps", self.says), re.search(r"guidance ([\d.]+)", self.says)
        if steps is None:
            raise FixtureError(f"meta.json does not say how many steps case {self.name} of {CLIPS} has; fetch it again")
        scale = float(guidance[1]) if guidance else 1.0
        return SamplingConfig(steps=int(steps[1]), shift=float(self.clips.about["shift"]), guidance=scale)

    def _clip(self, loop: ClipLoop, number: int) -> list[CaseResult]:
        key, plan = f"{self.name}.clip{number}", loop.plan
        rows = slice(plan.new_frames.start, plan.new_frames.stop)
        keyboard, mouse = self.clips[f"{self.name}.keyboard"][rows], self.clips[f"{self.name}.mouse"][rows]
        stored = self.clips.get(f"{key}.memory_selected_frames")
        with kept_outputs(self.model) as kept:
            given = None if stored is None else tuple(stored.tolist())
            clip = loop.next(keyboard, mouse, self.clips[f"{key}.noise"][:, :, plan.clean :], given)
        found = _found(clip) | self._predictions(kept)
        results = [] if given is None else self._memory(clip, key, given)
        for match in self.clips.names(rf"{re.escape(key)}\.(\w+)"):
            if match[1] in found:
                expected = self.clips[match[0]]
                tolerance = self.clips.stated() if expected.is_floating_point() else 0.0
                results.append(compare(f"segment {match[0]}{self.path}", found[match[1]], expected, tolerance))
        return results

    def _predictions(self, kept: list[Tensor]) -> dict[str, Tensor]:
        """What the model first gave; with guidance the unconditional call comes first. The fast path never calls it whole."""
        names = ["model_out_step0"] if self._sampling().guidance == 1 else ["model_out_null_step0", "model_out_step0"]
        return dict(zip(names, kept, strict=False))

    def _memory(self, clip: Clip, key: str, stored: tuple[int, ...]) -> list[CaseResult]:
        """Memory may answer a little worse than the best; the last frame is always the sink."""
        worst = math.inf
        if clip.answer is not None and stored[-1] == clip.plan.segments.sink_frame:
            worst = clip.answer.shortfall(stored[:-1])
        name = f"segment {key}.memory_selected_frames{self.path}"
        return [CaseResult(name=name, worst=worst, tolerance=TIE, note="less overlap than the best")]


def _found(clip: Clip) -> dict[str, Tensor]:
    """What the loop made and gave the model, by the fixture's names."""
    rays, memory, latents = clip.inputs.rays, clip.inputs.memory, clip.plan.latents
    found = {
        "latents_out": clip.latents,
        "predict_latent_idx": torch.tensor([latents.start, latents.stop]),
        "plucker_mean_per_latent": rays.mean((1, 3, 4)),
    }
    if memory is None:
        return found
    return found | {
        "memory_latent_idx": memory.positions,
        "plucker_memory_corner": rays[:, :, : memory.latents.shape[2], :1, :1],
    }
