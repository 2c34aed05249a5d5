"""A player for games without a map: it sees depth, keeps off walls, and presses every key in turn."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.walks import HOLDS, hold

Action = tuple[NDArray[np.int8], NDArray[np.float32]]

NEAR: Final = 1.6  # metres ahead at which it turns away
PATIENCE: Final = 3  # turns after which it walks on regardless


class DepthExplorer:
    """Draws holds as ``explore`` walks do; turns to the more open side when a surface is near ahead."""

    def __init__(self, seed: list[int]) -> None:
        self._rng = np.random.default_rng(seed)
        self._held: list[Action] = []
        self._side = ""
        self._turns = 0

    def act(self, depth: NDArray[np.float32]) -> Action:
        """The next row of actions, given what is seen: z-depth (H, W) in metres."""
        height, width = depth.shape
        band = np.minimum(depth[height // 3 : height // 2], 30)
        near = float(np.percentile(band[:, width // 4 : -width // 4], 20)) < NEAR
        if near and self._held and self._held[0][0][0] == 1 and self._turns < PATIENCE:
            self._held = []
        if not self._held:
            self._held = self._turn_away(band) if near and self._turns < PATIENCE else self._draw()
        return self._held.pop(0)

    def _turn_away(self, band: NDArray[np.float32]) -> list[Action]:
        """Turn to the open side, and on to the same side if that was not enough; tries the door first."""
        if self._turns == 0:
            middle = band.shape[1] // 2
            self._side = "L" if band[:, :middle].mean() > band[:, middle:].mean() else "R"
        self._turns += 1
        keyboard, mouse = hold(self._side, int(self._rng.integers(12, 26)), 0.2)
        keyboard[:2, 5] = 1
        return list(zip(keyboard, mouse, strict=True))

    def _draw(self) -> list[Action]:
        self._turns = 0
        texts, weights = zip(*HOLDS, strict=True)
        text = str(self._rng.choice(texts, p=np.array(weights) / sum(weights)))
        keyboard, mouse = hold(text, int(self._rng.integers(8, 30)), round(float(self._rng.uniform(0.05, 0.2)), 3))
        return list(zip(keyboard, mouse, strict=True))
