"""A player for games that show neither map nor depth: it walks about, and turns away where it gets stuck."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.walks import HOLDS, hold

Action = tuple[NDArray[np.int8], NDArray[np.float32]]

STUCK_METRES: Final = 0.01  # a frame, with a walking key held
STUCK_FRAMES: Final = 4  # in a row; games take some frames to start walking


class BlindExplorer:
    """Draws holds as ``explore`` walks do; where walking leads nowhere it turns by a quarter or more and goes on."""

    def __init__(self, seed: list[int]) -> None:
        self._rng = np.random.default_rng(seed)
        self._held: list[Action] = []
        self._place: NDArray[np.float64] | None = None
        self._stuck = 0
        self._walking = False

    def act(self, c2w: NDArray[np.float64]) -> Action:
        """The next row of actions, given where the camera is."""
        place = c2w[[0, 2], 3]
        if self._place is not None and self._walking and np.linalg.norm(place - self._place) < STUCK_METRES:
            self._stuck += 1
        else:
            self._stuck = 0
        self._place = place
        if self._stuck >= STUCK_FRAMES:
            self._stuck = 0
            self._held = self._rows(str(self._rng.choice(["L", "R"])), int(self._rng.integers(12, 26)), 0.5)
        if not self._held:
            texts, weights = zip(*HOLDS, strict=True)
            text = str(self._rng.choice(texts, p=np.array(weights) / sum(weights)))
            self._held = self._rows(text, int(self._rng.integers(8, 30)), round(float(self._rng.uniform(0.05, 0.2)), 3))
        keyboard, mouse = self._held.pop(0)
        self._walking = bool(keyboard[:4].any())
        return keyboard, mouse

    def _rows(self, text: str, frames: int, mouse: float) -> list[Action]:
        keyboard, turns = hold(text, frames, mouse)
        return list(zip(keyboard, turns, strict=True))
