"""Where the camera was: recorded poses pass through; estimators for real video answer to the same protocol."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from infra.schema import Episode, Frames


@dataclass(frozen=True, kw_only=True)
class PoseTrack:
    """Poses of one episode and how far they can be trusted."""

    c2w: NDArray[np.float64]  # (T, 4, 4)
    residual: float  # metres that the poses may be off; 0 where the source computed the picture from them
    scale_known: bool  # whether a metre is a metre


@dataclass(frozen=True, kw_only=True)
class PoseRow:
    """A row of table ``poses``."""

    episode_id: str
    estimator: str
    residual: float
    scale_known: bool
    frames: int
    poses_object: str  # Parquet with a column c2w


class PoseEstimator(Protocol):
    """Anything that tells where the camera was."""

    @property
    def name(self) -> str:
        """Stands in each row; changes whenever the poses may."""
        ...

    def estimate(self, episode: Episode, frames: Frames) -> PoseTrack:
        """Poses of the whole episode."""
        ...


class RecordedPoses:
    """The recorder's own poses, exact where its clock is the game's."""

    name = "recorded-1"

    def estimate(self, episode: Episode, frames: Frames) -> PoseTrack:
        """Pass the recorded poses through.

        Raises:
            ValueError: the recorder only measured them, so that pixels and poses may be apart in time.
        """
        if episode.sync != "exact":
            raise ValueError(
                f"episode {episode.episode_id[:12]}: sync is {episode.sync}; its poses need an estimator of their own"
            )
        return PoseTrack(c2w=frames.c2w, residual=0.0, scale_known=episode.scale_known)
