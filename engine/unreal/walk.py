"""Who walks in an Unreal map that nobody knows: by a map drawn from depth, or by what is ahead, and back the same way."""

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.explore.from_depth import SightExplorer
from engine.games.explorer import Action, DepthExplorer

Array = NDArray[np.float64]

DEPTH_WALKS: Final = ("policy", "explore")  # the walks of those who see depth and poses alone
OUT: Final = (60, 120)  # rows before it goes back
BACK: Final = (40, 61)  # rows that it goes back, the same way in reverse


class DepthWalker(Protocol):
    """One who sees depth and poses alone."""

    def act(self, depth: NDArray[np.float32], seen_from: Array, now: Array, collided: bool) -> Action:
        """The next row of one who stands at ``now`` (4, 4), given z-depth (H, W) in metres seen from ``seen_from``."""
        ...


def depth_walker(walk: str, seed: list[int], intrinsics: Array) -> DepthWalker:
    """The learned explorer for walk ``policy``; for ``explore`` one who turns away from what is near.

    Raises:
        ValueError: the walk is another.
    """
    match walk:
        case "policy":
            return MappingExplorer(seed, intrinsics)
        case "explore":
            return UndoingExplorer(seed)
        case _:
            raise ValueError(f"a map that nobody knows cannot be walked by {walk!r}; use {' or '.join(DEPTH_WALKS)}")


class MappingExplorer:
    """The learned explorer with the map that it draws for itself."""

    def __init__(self, seed: list[int], intrinsics: Array) -> None:
        self._explorer = SightExplorer(int(np.random.default_rng(seed).integers(2**31)))
        self._intrinsics = intrinsics

    def act(self, depth: NDArray[np.float32], seen_from: Array, now: Array, collided: bool) -> Action:
        """Note what was seen where it was seen, and go on from where it is."""
        self._explorer.note(depth, seen_from, self._intrinsics)
        return self._explorer.walk(now, collided)


class UndoingExplorer:
    """Explores for some rows, then undoes the last ones so that it sees the same places again, and so on."""

    def __init__(self, seed: list[int]) -> None:
        self._rng = np.random.default_rng([*seed, 1])
        self._explorer = DepthExplorer(seed)
        self._done: list[Action] = []
        self._back: list[Action] = []
        self._left = int(self._rng.integers(*OUT))

    def act(self, depth: NDArray[np.float32], seen_from: Array, now: Array, collided: bool) -> Action:
        """The next row of actions; only ``depth`` counts."""
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
