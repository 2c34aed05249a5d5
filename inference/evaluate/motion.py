"""Which way did the camera go? Read from the pictures alone, by the estimator that annotation uses.

Its error on the recorded truth is the floor; no score below it means anything.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from annotation.rotation import MotionConfig, classify_motion
from infra.dynamics import pitch_and_yaw
from infra.flow import dense_flow, to_grey

Array = NDArray[np.float64]

STRIDE: Final = 4  # frames between which motion is estimated: large enough to see, small enough to track
_STILL: Final = 0.1  # pixels of median flow below which a picture does not turn


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Camera motion from frame 0 to a later frame; what could not be tracked counts as no motion."""

    turned: Array  # (2,) degrees of pitch and yaw
    walked: Array  # (2,) metres right and forward, in the axes of the moment
    untracked: float  # share of steps with too few points


def motion_by_frame(frames: NDArray[np.uint8], intrinsics: Array, config: MotionConfig) -> dict[int, Motion]:
    """Motion from frame 0 to every ``STRIDE``-th of (T, H, W, 3), estimated step by step and added up."""
    picked = range(0, len(frames), STRIDE)
    found = classify_motion(frames[picked], intrinsics, replace(config, step=config.step * STRIDE))
    lost = np.isnan(found.turned[:, 0])
    turned, walked = np.nan_to_num(found.turned).cumsum(0), np.nan_to_num(found.walked).cumsum(0)
    motions = {}
    for i, frame in enumerate(picked[1:]):
        motions[frame] = Motion(turned=turned[i], walked=walked[i], untracked=float(lost[: i + 1].mean()))
    return motions


def true_motion(c2w: Array) -> Motion:
    """The same from recorded poses (T, 4, 4)."""
    pitch, yaw = pitch_and_yaw(c2w)
    yaw = np.degrees(np.unwrap(np.radians(yaw)))
    middle = np.radians((yaw[1:] + yaw[:-1]) / 2)
    dx, dz = np.diff(c2w[:, 0, 3]), np.diff(c2w[:, 2, 3])
    right, forward = dx * np.cos(middle) - dz * np.sin(middle), dx * np.sin(middle) + dz * np.cos(middle)
    turned = np.array([pitch[-1] - pitch[0], yaw[-1] - yaw[0]])
    return Motion(turned=turned, walked=np.array([right.sum(), forward.sum()]), untracked=0.0)


def turn_sign(frames: NDArray[np.uint8]) -> int:
    """+1 where the pictures (T, H, W, 3) turn right, -1 left, 0 where they do not move.

    The median horizontal flow counts, added up over steps of two frames, since dense flow sees short ways only: turning
    right carries the picture to the left.
    """
    grey = to_grey(frames[[*range(0, len(frames) - 1, 2), len(frames) - 1]])
    moved = sum(float(np.median(dense_flow(before, after)[..., 0])) for before, after in pairwise(grey))
    return 0 if abs(moved) < _STILL else int(-np.sign(moved))
