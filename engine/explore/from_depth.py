"""The same explorer for sources without a map (Unreal, games): it draws its own map from depth images and poses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.body import Stance
from engine.explore.explorer import Explorer
from engine.explore.navigator import Action
from engine.explore.network import Policy, load_policy
from engine.explore.surroundings import Surroundings
from engine.obstacles import Obstacles
from infra.dynamics import pitch_and_yaw

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SightConfig:
    """How depth becomes a map."""

    half: float = 30.0  # metres round the start that are mapped; the walker turns back there
    cell: float = 0.25  # metres
    eye_height: float = 1.6  # metres above the ground
    low: float = 0.3  # metres above the ground; what is lower is stepped over
    high: float = 1.7  # what is higher is walked under
    reach: float = 10.0  # metres; depth further off is too coarse
    every: int = 4  # pixels
    hits: int = 3  # points in a cell that make it solid
    renew: int = 32  # frames between new meshes


class SightExplorer:
    """Unknown ground counts as free until it is seen to be solid, so that routes lead there."""

    def __init__(self, seed: int, policy: Policy | None = None, config: SightConfig | None = None) -> None:
        self.config = config or SightConfig()
        self._seed, self._policy = seed, policy or load_policy()
        self._side = int(np.ceil(2 * self.config.half / self.config.cell))
        self._count = np.zeros((self._side, self._side), np.int64)
        self._explorer: Explorer | None = None
        self._origin: Array | None = None  # (x, z) of the start
        self._tick = 0

    def walk(self, c2w: Array, collided: bool = False) -> Action:
        """The next row of one who stands at ``c2w`` (4, 4) now; what was seen last may have been noted elsewhere."""
        pitch, yaw = pitch_and_yaw(c2w)
        x, z = c2w[[0, 2], 3] - (0.0 if self._origin is None else self._origin)
        stance = Stance(place=(float(x), float(z)), pitch=float(pitch), yaw=float(yaw), tick=self._tick, collided=collided)
        if self._explorer is None:
            self._explorer = Explorer(self._surroundings(), self._seed, self._policy)
        elif self._tick % self.config.renew == 0:
            self._explorer.move_into(self._surroundings())
        self._tick += 1
        return self._explorer.act(stance)

    def note(self, depth: NDArray[np.float32], c2w: Array, intrinsics: Array) -> None:
        """Count where surfaces stand that a body would meet, in depth (H, W) that was seen from ``c2w``."""
        config = self.config
        if self._origin is None:
            self._origin = c2w[[0, 2], 3].copy()
        z = depth[:: config.every, :: config.every].astype(np.float64)
        v, u = np.meshgrid(*(np.arange(0, size, config.every) + 0.5 for size in depth.shape), indexing="ij")
        fx, fy, cx, cy = intrinsics
        solid = np.isfinite(z) & (z > 0) & (z < config.reach)
        z = np.where(solid, z, 0.0)
        points = np.stack([(u - cx) / fx * z, (v - cy) / fy * z, z], -1)[solid] @ c2w[:3, :3].T
        height = config.eye_height - points[:, 1]
        points = points[(height > config.low) & (height < config.high)][:, [0, 2]] + c2w[[0, 2], 3] - self._origin
        at = ((points + config.half) / config.cell).astype(np.int64)
        at = at[((points > -config.half) & (at < self._side)).all(1)]
        np.add.at(self._count, (at[:, 0], at[:, 1]), 1)

    def obstacles(self) -> Obstacles:
        """The solid cells as boxes, about the start."""
        centre = (np.argwhere(self._count >= self.config.hits) + 0.5) * self.config.cell - self.config.half
        count = len(centre)
        return Obstacles(
            centre=np.asarray(centre, np.float64),
            half=np.full((count, 2), self.config.cell / 2),
            axes=np.tile(np.eye(2), (count, 1, 1)),
            radius=np.zeros(count),
        )

    def _surroundings(self) -> Surroundings:
        return Surroundings(self.obstacles(), self.config.half, lambda tick: np.zeros((0, 2)))
