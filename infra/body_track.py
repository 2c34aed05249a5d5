"""The track of the body in third person, kept in ``raw_pose`` beside the camera's pose.

In third person ``c2w`` is the camera's: it swings round the body and is pulled in by walls. Keys and mouse move the body,
so whoever asks where the input led (inferring it, or checking a track against the dynamics) reads this track instead.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.dynamics import camera_to_world
from infra.schema import Frames

Array = NDArray[np.float64]

COLUMNS: Final = 6  # the last of raw_pose: x, y, z of the eyes in metres, pitch and yaw of the look, facing of the body, degrees


def pack_track(eyes: Array, pitch: float, yaw: float, facing: float) -> Array:
    """The columns (6,) of one frame; ``eyes`` (3,) in world axes."""
    return np.array([*eyes, pitch, yaw, facing])


def body_track(frames: Frames) -> Array:
    """Where a third-person body's own eyes are and look, c2w (T, 4, 4): what ``infra.dynamics`` moves.

    Raises:
        ValueError: the source kept no track of the body.
    """
    if frames.raw_pose.shape[1] <= COLUMNS:
        raise ValueError(f"raw_pose has {frames.raw_pose.shape[1]} columns and no body track; record the episode in third person")
    x_y_z, pitch, yaw = frames.raw_pose[:, -COLUMNS:-3], frames.raw_pose[:, -3], frames.raw_pose[:, -2]
    return camera_to_world(x_y_z, pitch, yaw)
