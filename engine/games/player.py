"""Who plays a game: the one agent for a job, whether its recorder plays alone or the layers do."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.games.explorer import DepthExplorer
from engine.games.minetest.explorer import ReturningExplorer
from engine.games.minetest.settings import is_wet
from engine.games.titles.explorer import BlindExplorer
from engine.job import Job, Source
from engine.recorder import State

Action = tuple[NDArray[np.int8], NDArray[np.float32]]

LOCK_STEP: Final[tuple[Source, ...]] = ("vizdoom",)  # games that wait for each action
STILL_ROWS: Final = 8  # at both ends of an episode of a game on the wall clock: more than any lag that is corrected


class Player:
    """Plays one episode of a game: by depth, by its own track, or blind.

    A game on the wall clock is left alone in its first and last rows: poses and actions are moved there by the lag that is
    measured afterwards, and what then lies beyond the ends is known, for nothing happened.
    """

    def __init__(self, job: Job) -> None:
        self._frames, self._row = job.frames, 0
        self._still = 0 if job.source in LOCK_STEP else min(STILL_ROWS, job.frames // 5)
        self._play = _explorer(job)

    def act(self, state: State) -> Action | None:
        """The action that follows ``state``; None once the job's frames are recorded or the episode is over."""
        if state.over or self._row >= self._frames:
            return None
        row, self._row = self._row, self._row + 1
        if self._still <= row < self._frames - self._still:
            return self._play(state)
        return np.zeros(6, np.int8), np.zeros(2, np.float32)


def _explorer(job: Job) -> Callable[[State], Action]:
    seed = [job.scene_seed, job.seed]
    match job.source:
        case "vizdoom":
            by_depth = DepthExplorer(seed)
            return lambda state: by_depth.act(_depth_of(state))
        case "minetest":
            returning = ReturningExplorer(seed)
            return lambda state: returning.act(state.c2w, wet=is_wet(state.raw_pose))
        case _:
            blind = BlindExplorer(seed)
            return lambda state: blind.act(state.c2w)


def _depth_of(state: State) -> NDArray[np.float32]:
    assert state.depth is not None
    return state.depth
