"""Confidence intervals over scenes: frames and walks of one scene are not independent, scenes are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class BootstrapConfig:
    """How scenes are resampled."""

    draws: int = 2000
    level: float = 0.95
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over scenes and the range in which resampled means fall. One scene alone has no range: low and high are NaN."""

    value: float
    low: float
    high: float
    scenes: int
    cases: int


def scene_means(values: Sequence[float] | Array, scenes: Sequence[str]) -> Array:
    """Mean of each scene's cases, (S,), in order of scene name, so that a scene with many walks counts once.

    Raises:
        ValueError: nothing was measured, a value is not finite, or the lengths differ.
    """
    numbers = np.asarray(values, np.float64)
    if len(numbers) != len(scenes) or len(numbers) == 0:
        raise ValueError(f"{len(numbers)} values for {len(scenes)} cases; at least one case must be measured")
    if not np.isfinite(numbers).all():
        raise ValueError(f"value {int(np.argmin(np.isfinite(numbers)))} is not finite")
    names = np.asarray(scenes)
    return np.array([numbers[names == name].mean() for name in sorted(set(scenes))])


def interval(values: Sequence[float] | Array, scenes: Sequence[str], config: BootstrapConfig) -> Interval:
    """Mean over scenes with its percentile interval; the same seed gives the same scenes to every arm, so arms pair up."""
    means = scene_means(values, scenes)
    value = float(means.mean())
    if len(means) == 1:
        return Interval(value=value, low=float("nan"), high=float("nan"), scenes=1, cases=len(values))
    picks = np.random.default_rng(config.seed).integers(len(means), size=(config.draws, len(means)))
    tail = 50 * (1 - config.level)
    low, high = np.percentile(means[picks].mean(1), [tail, 100 - tail])
    return Interval(value=value, low=float(low), high=float(high), scenes=len(means), cases=len(values))
