"""The agent layer: sees a state, says the next action."""

from pathlib import Path

from engine.games.layers.link import Link
from engine.games.layers.ring import FrameRing
from engine.games.layers.states import put_action, take_state
from engine.games.player import Player
from engine.job import Job


def run_agent(link: Link) -> None:
    """Serve ``reset`` and ``state`` until the coordinator is gone."""
    agent: Player | None = None
    ring: FrameRing | None = None
    for message in link.messages():
        if "reset" in message:
            job = Job(**message["reset"])
            agent = Player(job)
            if ring is None or ring.path != Path(message["ring"]):
                ring = FrameRing(Path(message["ring"]), job.width, job.height)
        else:
            assert agent is not None and ring is not None
            link.send(answer_to=message["question"], action=put_action(agent.act(take_state(ring, message["state"]))))
