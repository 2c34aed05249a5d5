"""How fast does it play? Wall time of segments at batch 1, with the machine that it was measured on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from inference.evaluate.rollouts import Playback
from infra.allowance import cores
from modeling.device import describe_processor


@dataclass(frozen=True, kw_only=True)
class StepTime:
    """Milliseconds a segment that one step of the model takes."""

    median: float
    p95: float


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Generated frames a second, median over segments, and what each step costs; the first segment of a walk is left out."""

    fps: float
    segment: StepTime
    steps: dict[str, StepTime]
    segments: int  # how many were timed
    threads: int
    hardware: str


def summarise_speed(playbacks: Sequence[Playback], block: int) -> Speed:
    """Summarise walks played at batch 1 in segments of ``block`` frames.

    Raises:
        ValueError: no walk has a second segment; the first alone says nothing about a running game.
    """
    seconds = [s for playback in playbacks for s in playback.segment_seconds[1:]]
    timings = [t for playback in playbacks for t in playback.step_seconds[1:]]
    if not seconds:
        raise ValueError("no walk has a second segment, so there is no speed to state; play longer walks")
    names = sorted({name for timing in timings for name in timing})
    return Speed(
        fps=block / float(np.median(seconds)),
        segment=_step_time(seconds),
        steps={name: _step_time([t[name] for t in timings if name in t]) for name in names},
        segments=len(seconds),
        threads=torch.get_num_threads(),
        hardware=describe_hardware(),
    )


def describe_hardware() -> str:
    """The processor and how it computes, its usable cores, and the accelerator if torch sees one."""
    accelerator = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ", no accelerator"
    return f"{describe_processor()}, {cores()} cores{accelerator}"


def _step_time(seconds: Sequence[float]) -> StepTime:
    median, p95 = np.percentile(np.asarray(seconds) * 1000, [50, 95])
    return StepTime(median=float(median), p95=float(p95))
