"""The agent layer: sees a state, says the next action."""

from pathlib import Path

from engine.games.explorer import DepthExplorer
from engine.job import Job
from engine.layers.link import Link
from engine.layers.ring import FrameRing
from engine.layers.states import Action, put_action, take_state
from engine.recorder import State
from engine.titles.explorer import BlindExplorer


class Agent:
    """Plays one episode: by depth where the game shows any, else by where the camera is."""

    def __init__(self, job: Job) -> None:
        self._left = job.frames
        self._seed = [job.scene_seed, job.seed]
        self._by_depth = DepthExplorer(self._seed) if job.source == "vizdoom" else None
        self._blind = BlindExplorer(self._seed)

    def act(self, state: State) -> Action | None:
        """The action that follows ``state``; None once the job's frames are recorded."""
        if self._left == 0:
            return None
        self._left -= 1
        if self._by_depth is not None:
            assert state.depth is not None
            return self._by_depth.act(state.depth)
        return self._blind.act(state.c2w)


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
            link.send(action=put_action(agent.act(take_state(ring, message["state"]))))
