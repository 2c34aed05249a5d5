"""Sampling weights that even out what the camera does, so that backing away is not drowned by walking ahead."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.directions import DIRECTIONS, directions_of
from infra.schema.action import Keyboard, Mouse

Array = NDArray[np.float64]

TURNS: Final = ("", "turning left", "turning right")
CLASSES: Final = tuple(f"{walk} {turn}".strip() for walk in DIRECTIONS for turn in TURNS)


@dataclass(frozen=True, kw_only=True)
class BalanceConfig:
    """How far weights go."""

    strength: float = 0.75  # 0 leaves the data as it is, 1 aims at equal shares of all classes
    least: float = 0.25
    most: float = 4.0
    dead_zone: float = 0.02  # mouse units; smaller yaw turns nothing


def count_classes(keyboard: Keyboard, mouse: Mouse, dead_zone: float) -> Array:
    """How many of the actions (T, 6), (T, 2) are of each of ``CLASSES``; unknown ones are not counted."""
    walk, yaw = directions_of(keyboard), mouse[:, 1]
    turn = np.where(yaw <= -dead_zone, 1, np.where(yaw >= dead_zone, 2, 0))
    known = (walk >= 0) & np.isfinite(yaw)
    return np.bincount((walk * len(TURNS) + turn)[known], minlength=len(CLASSES)).astype(np.float64)


def balance(counts: Sequence[Array], config: BalanceConfig) -> Array:
    """Weight (N,) of each clip from its class counts, within ``least`` and ``most`` and 1 on average.

    Raises:
        ValueError: no average of 1 fits between the bounds.
    """
    if not 0 < config.least <= 1 <= config.most:
        raise ValueError(f"balance.least and balance.most must lie on both sides of 1, not {config.least} and {config.most}")
    if len(counts) == 0:
        return np.zeros(0)
    table = np.stack(list(counts))  # (N, classes)
    total = table.sum(0)
    present = total > 0
    if not present.any():
        return np.ones(len(table))
    rarity = np.zeros(len(total))
    rarity[present] = (total[present] / total.sum()) ** -config.strength
    raw = (table @ rarity) / np.maximum(table.sum(1), 1)
    raw[raw == 0] = float(np.median(raw[raw > 0])) if (raw > 0).any() else 1.0  # nothing known of this clip
    return _scale_to_mean_one(raw, config)


def _scale_to_mean_one(raw: Array, config: BalanceConfig) -> Array:
    """Find the scale at which clipped weights average 1; the average grows with the scale, so bisection finds it."""
    low, high = config.least / raw.max(), config.most / raw.min()
    for _ in range(100):
        middle = (low + high) / 2
        if np.clip(raw * middle, config.least, config.most).mean() < 1:
            low = middle
        else:
            high = middle
    return np.asarray(np.clip(raw * high, config.least, config.most), np.float64)


def shares(counts: Sequence[Array], weights: Array) -> Array:
    """Share of each class under ``weights`` (N,); zeros where nothing is known."""
    total = np.zeros(len(CLASSES)) if len(counts) == 0 else weights @ np.stack(list(counts))
    return np.asarray(total / max(float(total.sum()), 1e-12), np.float64)
