"""Does the world stay the same? Frames that come back to a pose seen long before, against truth and against itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.evaluate.metrics import psnr

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RevisitConfig:
    """When two frames count as the same view."""

    gap: int = 32  # frames between them; must exceed what the model keeps as past, or it proves nothing about memory
    distance: float = 0.1  # metres
    angle: float = 2.0  # degrees


@dataclass(frozen=True, kw_only=True)
class RevisitScores:
    """Means over the pairs of one walk."""

    back: float  # dB, the way back against truth at the same pose
    out: float  # dB, the first visit against truth: shows whether memory harms it
    itself: float  # dB, the way back against what was generated on the way out
    truth_itself: float  # dB, the same for the recording: moving characters and shadows bound it
    pairs: int
    path: float  # metres walked before turning back; standing still makes ``itself`` easy


def revisit_pairs(c2w: Array, config: RevisitConfig) -> list[tuple[int, int]]:
    """Frames (first, again) of a walk (T, 4, 4) that share a view: for each later frame its nearest earlier one."""
    position = c2w[:, :3, 3]
    distance = np.linalg.norm(position[:, None] - position[None], axis=-1)
    trace = np.einsum("iab,jab->ij", c2w[:, :3, :3], c2w[:, :3, :3])
    angle = np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
    apart = np.arange(len(c2w))[:, None] - np.arange(len(c2w))[None]  # again - first
    shared = (distance <= config.distance) & (angle <= config.angle) & (apart >= config.gap)
    cost = np.where(shared, distance / config.distance + angle / config.angle, np.inf)
    return [(int(cost[again].argmin()), again) for again in range(len(c2w)) if shared[again].any()]


def score_revisit(generated: NDArray[np.uint8], truth: NDArray[np.uint8], c2w: Array, config: RevisitConfig) -> RevisitScores:
    """Score one walk (T, H, W, 3) of poses (T, 4, 4).

    Raises:
        ValueError: the walk never comes back; take out-and-back walks longer than the gap.
    """
    pairs = [pair for pair in revisit_pairs(c2w[: len(generated)], config) if pair[0] > 0]
    if not pairs:
        raise ValueError(f"the walk shares no view over a gap of {config.gap} frames in its first {len(generated)} frames")
    first, again = np.array(pairs).T
    steps = np.linalg.norm(np.diff(c2w[: first.max() + 1, :3, 3], axis=0), axis=-1)
    return RevisitScores(
        back=float(psnr(generated[again], truth[again]).mean()),
        out=float(psnr(generated[first], truth[first]).mean()),
        itself=float(psnr(generated[again], generated[first]).mean()),
        truth_itself=float(psnr(truth[again], truth[first]).mean()),
        pairs=len(pairs),
        path=float(steps.sum()),
    )
