"""The agent layer: sees a state, says the next action."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.games.explorer import DepthExplorer
from engine.job import Job
from engine.layers.link import Link
from engine.layers.ring import FrameRing
from engine.layers.states import Action, put_action, take_state
from engine.minetest.explorer import ReturningExplorer
from engine.minetest.settings import is_wet
from engine.recorder import State
from engine.titles.explorer import BlindExplorer


class Agent:
    """Plays one episode as the source's own recorder would: by depth, by its own track, or blind."""

    def __init__(self, job: Job) -> None:
        self._left = job.frames
        self._play = _player(job)

    def act(self, state: State) -> Action | None:
        """The action that follows ``state``; None once the job's frames are recorded, or the game shows no world any more."""
        if self._left == 0 or state.over:
            return None
        self._left -= 1
        return self._play(state)


def _player(job: Job) -> Callable[[State], Action]:
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


def run_agent(link: Link) -> None:
    """Serve ``reset`` and ``state`` until the coordinator is gone."""
    agent: Agent | None = None
    ring: FrameRing | None = None
    for message in link.messages():
        if "reset" in message:
            job = Job(**message["reset"])
            agent = Agent(job)
            if ring is None or ring.path != Path(message["ring"]):
                ring = FrameRing(Path(message["ring"]), job.width, job.height)
        else:
            assert agent is not None and ring is not None
            link.send(answer_to=message["question"], action=put_action(agent.act(take_state(ring, message["state"]))))
