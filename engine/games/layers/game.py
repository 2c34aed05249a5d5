"""The game layer: launches the game, carries out actions, puts frames into the ring."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from engine.endpoints import EndpointsConfig
from engine.games.layers.link import Heartbeat, Link, Message
from engine.games.layers.ring import FrameRing
from engine.games.layers.states import put_facts, put_state, take_action
from engine.job import Job
from engine.record import make_recorder
from engine.recorder import LateRecorder, Recorder, State

LAUNCH_SECONDS: Final = 420.0  # for a game to come up and show its world
FRAME_SECONDS: Final = 60.0  # for one action


def run_game(link: Link, endpoints: EndpointsConfig) -> None:
    """Serve ``reset``, ``step``, ``develop`` and ``facts`` until the coordinator is gone; ``rest`` lets go of keys and game.

    A game that failed is launched anew.
    """
    game = _Game(endpoints)
    try:
        for message in link.messages():
            try:
                answer = game.answer(message, link.heartbeat)
            except Exception as error:
                link.heartbeat.promise(FRAME_SECONDS)
                game.rest()
                answer = {"failed": type(error).__name__, "message": " ".join(str(error).split()) or "no message"}
            if answer is not None:
                link.send(answer_to=message["question"], **answer)
    finally:
        game.rest()


class _Game:
    """The recorder of the episodes asked for, and the ring that its frames go into."""

    def __init__(self, endpoints: EndpointsConfig) -> None:
        self._endpoints = endpoints
        self._recorder: Recorder | None = None
        self._ring: FrameRing | None = None
        self._developed: Iterator[State] = iter(())

    def answer(self, message: Message, heartbeat: Heartbeat) -> Message | None:
        """Do what a message says; None where it asks for nothing. Raises whatever the recorder does."""
        if "reset" in message:
            heartbeat.promise(LAUNCH_SECONDS)
            return {"state": self._reset(message)}
        if "rest" in message:
            self.rest()
            return None
        assert self._recorder is not None and self._ring is not None
        if "step" in message:
            heartbeat.promise(FRAME_SECONDS)
            action = take_action(message["step"])
            assert action is not None
            return {"state": put_state(self._ring, message["sequence"], self._recorder.step(*action))}
        if "develop" in message:
            heartbeat.promise(LAUNCH_SECONDS)
            return {"state": put_state(self._ring, message["sequence"], next(self._developed))}
        return {"facts": put_facts(self._recorder.facts())}

    def rest(self) -> None:
        """Close the recorder, which lets go of all keys."""
        if self._recorder is not None:
            self._recorder.close()
        self._recorder, self._developed = None, iter(())

    def _reset(self, message: Message) -> Any:
        job = Job(**message["reset"])
        self._ring = _opened(self._ring, message["ring"], job)
        self._recorder = self._recorder or make_recorder(job, self._endpoints)
        state = put_state(self._ring, message["sequence"], self._recorder.reset(job))
        if isinstance(self._recorder, LateRecorder):
            self._developed = self._recorder.develop()  # begins with the first that is asked for
        return state


def _opened(ring: FrameRing | None, path: Any, job: Job) -> FrameRing:
    if ring is not None and ring.path == Path(path):
        return ring
    if ring is not None:
        ring.close()
    return FrameRing(Path(path), job.width, job.height)
