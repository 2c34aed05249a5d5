"""The sampler of the published models: UniPC, order 2, on flow-matching noise levels (Zhao et al., arXiv 2302.04867).

x_t = (1 - s) x_0 + s noise with noise level s; the model gives the velocity noise - x_0. The solver works on x_0 in the
time h = log((1 - s) / s), in the form B(h) = e^h - 1 of the paper, and corrects each sample once the model has seen it.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

TRAINING_STEPS: Final = 1000  # a timestep is the noise level in thousandths


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What the model is told and what the solver computes with; they differ, because the release cuts timesteps."""

    timesteps: tuple[int, ...]
    noise_levels: tuple[float, ...]  # one more than timesteps: the last is 0

    def as_seen_in_bfloat16(self) -> tuple[float, ...]:
        """The timesteps that a pipeline in bfloat16 passes on: from 256 on it cannot tell neighbours apart."""
        return tuple(torch.tensor(self.timesteps).bfloat16().tolist())


def flow_schedule(steps: int, shift: float) -> Schedule:
    """Levels that fall evenly from 0.999 to 0 before ``shift``, which holds them longer at high noise.

    Raises:
        ValueError: there are no steps, or as many as the model was trained with, or the shift is not positive.
    """
    if not 1 <= steps < TRAINING_STEPS or not 0 < shift < math.inf:
        raise ValueError(
            f"{steps} steps with shift {shift:g} cannot be; give 1 to {TRAINING_STEPS - 1} steps and a shift above 0"
        )
    highest = 1 - 1 / TRAINING_STEPS
    even = [highest * (1 - i / steps) for i in range(steps)]
    levels = [shift * level / (1 + (shift - 1) * level) for level in even]
    return Schedule(timesteps=tuple(int(level * TRAINING_STEPS) for level in levels), noise_levels=(*levels, 0.0))


class UniPC:
    """One sampling run: call ``step`` once for each of ``timesteps``. Its weights are numbers of the host: nothing waits."""

    def __init__(self, steps: int, shift: float) -> None:
        self.schedule = flow_schedule(steps, shift)
        self._clean: deque[Tensor] = deque(maxlen=2)  # the model's estimates of x_0, newest last
        self._before: Tensor | None = None  # the sample that the last step began with
        self._done = 0

    @property
    def timesteps(self) -> tuple[int, ...]:
        return self.schedule.timesteps

    def step(self, velocity: Tensor, sample: Tensor) -> Tensor:
        """From ``sample`` at the next timestep, and the model's ``velocity`` there, to the sample of the step after.

        Computed in float32, returned in the sample's type.

        Raises:
            ValueError: all steps have been taken.
        """
        i, levels = self._done, self.schedule.noise_levels
        if i == len(self.timesteps):
            raise ValueError(f"all {i} steps have been taken; make a new UniPC for another sample")
        x = sample.float()
        clean = x - levels[i] * velocity.float()
        if self._before is not None:
            x = self._correct(clean)
        self._clean.append(clean)
        self._before, self._done = x, i + 1
        return self._predict(x).to(sample.dtype)

    def _predict(self, x: Tensor) -> Tensor:
        """To the next level; the first and the last step are of order 1."""
        i = self._done - 1
        step = _Step.between(self.schedule, i)
        moved = step.keep * x + step.take * self._clean[-1]
        if len(self._clean) == 1 or i + 1 == len(self.timesteps):
            return moved
        return moved + step.take * 0.5 / self._ratio(i) * (self._clean[-2] - self._clean[-1])

    def _correct(self, seen: Tensor) -> Tensor:
        """The last step again, now that the model has seen where it led (``seen``, its estimate of x_0 there)."""
        assert self._before is not None
        i = self._done - 1
        step = _Step.between(self.schedule, i)
        moved = step.keep * self._before + step.take * self._clean[-1]
        change = seen - self._clean[-1]
        if len(self._clean) == 1:
            return moved + step.take * 0.5 * change
        ratio = self._ratio(i)
        old, new = step.correction(ratio)
        return moved + step.take * (old / ratio * (self._clean[-2] - self._clean[-1]) + new * change)

    def _ratio(self, i: int) -> float:
        """The step before step ``i``, seen backwards, in units of step ``i``."""
        levels = self.schedule.noise_levels
        here = _log_ratio(levels[i])
        return (_log_ratio(levels[i - 1]) - here) / (_log_ratio(levels[i + 1]) - here)


@dataclass(frozen=True)
class _Step:
    """From one level to the next: the weight of the sample, that of x_0, and the length h."""

    keep: float
    take: float
    length: float

    @classmethod
    def between(cls, schedule: Schedule, i: int) -> "_Step":
        here, there = schedule.noise_levels[i : i + 2]
        length = _log_ratio(there) - _log_ratio(here)
        return cls(there / here, -(1 - there) * math.expm1(-length), length)

    def correction(self, ratio: float) -> tuple[float, float]:
        """Weights of the old and of the new change of x_0 that make the correction exact to second order."""
        h, b = -self.length, math.expm1(-self.length)
        first = (b / h - 1) / b
        second = 2 * ((b / h - 1) / h - 0.5) / b
        old = (first - second) / (1 - ratio)
        return old, first - old


def _log_ratio(level: float) -> float:
    """Half the logarithm of the signal-to-noise ratio; infinite where nothing is left of the noise."""
    return math.inf if level == 0 else math.log1p(-level) - math.log(level)
