"""What stands between the body and the camera: rays against the scene's own triangles."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.embedded.mesh import Mesh
from engine.models import build_static_mesh
from engine.scenes.scene import Scene

Array = NDArray[np.float64]


class Sight:
    """Casts short rays against a mesh, both sides of its triangles."""

    def __init__(self, mesh: Mesh) -> None:
        corners = mesh.position[mesh.triangles]  # (T, 3, 3)
        self._low, self._high = corners.min(1), corners.max(1)
        self._corner, self._one, self._two = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]

    def free_shares(self, origin: Array, ends: Array) -> Array:
        """How much of each segment from ``origin`` (3,) to ``ends`` (R, 3) is free, 0..1 (R,), world axes."""
        low, high = np.minimum(ends.min(0), origin), np.maximum(ends.max(0), origin)
        near = np.flatnonzero(((self._low <= high) & (self._high >= low)).all(1))
        if not len(near):
            return np.ones(len(ends))
        one, two, from_corner = self._one[near], self._two[near], origin - self._corner[near]  # (N, 3)
        along = (ends - origin)[:, None]  # (R, 1, 3); Möller and Trumbore's test, for all at once
        across = np.cross(along, two)
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = 1 / (across * one).sum(-1)
            u = (across * from_corner).sum(-1) * inverse
            beside = np.cross(from_corner, one)
            v = (along * beside).sum(-1) * inverse
            share = (two * beside).sum(-1) * inverse
            hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (share > 0) & (share < 1)
        return np.asarray(np.where(hit, share, 1.0).min(1))


@lru_cache(maxsize=1)
def sight_of(scene: Scene) -> Sight:
    """Of what never moves in the scene; jobs come scene by scene, so the last is kept."""
    return Sight(build_static_mesh(scene))
