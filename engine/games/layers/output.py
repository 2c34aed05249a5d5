"""The output layer: encodes, validates and commits what the coordinator hands on."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.games.layers.link import Link
from engine.games.layers.ring import FrameRing
from engine.games.layers.states import Action, take_action, take_state
from engine.job import Job
from engine.record import stream
from engine.recorder import SourceFacts, State
from infra.store import open_store

FRAME_SECONDS: Final = 60.0  # for a frame to be handed to its encoders, which may lag behind
WRITE_SECONDS: Final = 300.0  # for the rest of an episode to be encoded and put into the store; also to reach it at first


class AbandonedError(Exception):
    """The coordinator gave the open episode up."""


class HandedOn:
    """A recorder whose states and actions come from the coordinator."""

    def __init__(self, link: Link, ring: FrameRing) -> None:
        self._link, self._ring = link, ring

    def reset(self, job: Job) -> State:
        """The first state."""
        return self._next()

    def act(self, state: State) -> Action | None:
        """What the agent did in ``state``."""
        return self._action

    def step(self, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> State:
        """The state that followed."""
        return self._next()

    def facts(self) -> SourceFacts:
        """As the game said them when the episode ended."""
        return self._facts

    def close(self) -> None:
        """Nothing is held."""

    def _next(self) -> State:
        """Take a frame out of the ring and say so; its action comes along. The last one carries the facts.

        Raises:
            AbandonedError: there will be no more.
        """
        message = self._link.receive()
        self._link.heartbeat.promise(FRAME_SECONDS)
        if "abandon" in message:
            raise AbandonedError
        state = take_state(self._ring, message["state"])
        self._link.send(taken=message["state"]["sequence"])
        self._action = take_action(message["action"])
        if self._action is None:
            self._facts = SourceFacts(**message["facts"])
            self._link.heartbeat.promise(WRITE_SECONDS)
        return state


def run_output(link: Link, store_uri: str) -> None:
    """Serve ``open`` until the coordinator is gone; each ends with ``written`` or ``failed``, unless abandoned."""
    for message in link.messages():
        if "abandon" in message:
            link.send(abandoned=True)  # what it was about had failed here
        if "open" not in message:
            continue
        job = Job(**message["open"])
        ring = FrameRing(Path(message["ring"]), job.width, job.height)
        link.heartbeat.promise(WRITE_SECONDS)  # a store that is slow, or silent, names itself in its own time
        try:
            episode = stream(HandedOn(link, ring), job, open_store(store_uri))
            link.send(written=episode.episode_id, frames=episode.frames)
        except AbandonedError:
            link.send(abandoned=True)
        except Exception as error:
            link.send(failed=type(error).__name__, message=" ".join(str(error).split()) or "no message")
        finally:
            ring.close()
