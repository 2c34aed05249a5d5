"""Who walks in an Unreal map that nobody knows: it keeps off walls by depth, and goes back the way it came."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.games.explorer import Action, DepthExplorer

OUT: Final = (60, 120)  # rows before it goes back
BACK: Final = (40, 61)  # rows that it goes back, the same way in reverse


class ReturningExplorer:
    """Explores for some rows, then undoes the last ones so that it sees the same places again, and so on."""

    def __init__(self, seed: list[int]) -> None:
        self._rng = np.random.default_rng([*seed, 1])
        self._explorer = DepthExplorer(seed)
        self._done: list[Action] = []
        self._back: list[Action] = []
        self._left = int(self._rng.integers(*OUT))

    def act(self, depth: NDArray[np.float32]) -> Action:
        """The next row of actions, given z-depth (H, W) in metres."""
        if self._back:
            return self._back.pop(0)
        action = self._explorer.act(depth)
        self._done.append(action)
        self._left -= 1
        if self._left == 0:
            count = int(self._rng.integers(*BACK))
            self._back = [undo(action) for action in reversed(self._done[-count:])]
            self._done, self._left = [], int(self._rng.integers(*OUT))
        return action


def undo(action: Action) -> Action:
    """The action that takes a free walker back: forward for back, left for right, the mouse the other way."""
    keyboard, mouse = action
    swapped = keyboard.copy()
    swapped[[0, 1, 2, 3]] = keyboard[[1, 0, 3, 2]]
    swapped[4:] = 0  # what was opened stays open
    return swapped, -mouse
