"""The coordinator: leads one episode after the other through game, agent and output, and mends what breaks."""

import atexit
import contextlib
import dataclasses
import logging
from typing import Any, Final

from engine.endpoints import EndpointsConfig
from engine.games.layers.agent import run_agent
from engine.games.layers.game import run_game
from engine.games.layers.layer import Layer, LayerLostError
from engine.games.layers.output import run_output
from engine.games.layers.ring import SLOTS, FrameRing
from engine.job import Job
from infra.episodes import find_episode
from infra.errors import WorldloomError
from infra.schema import Episode
from infra.store import open_store

ATTEMPTS: Final = 5  # at one episode, each after a layer was lost
_log = logging.getLogger(__name__)
_warm: dict[tuple[str, str], "Coordinator"] = {}


def record_game(store_uri: str, job: Job, endpoints: EndpointsConfig) -> Episode:
    """Record one job of a game into the store; its layers stay up for the next one. What is there is left alone.

    Raises:
        LayerLostError: layers were lost again and again.
        LayerFailedError, ValueError, NotHereError, StoreFullError, StoreUnreachableError: what a layer met.
    """
    if (written := find_episode(open_store(store_uri), job.episode_id)) is not None:
        return written
    key = (store_uri, job.source)
    if key not in _warm:
        _warm[key] = Coordinator(store_uri, endpoints)
        atexit.register(_warm[key].close)
    return _warm[key].record(job)


class Coordinator:
    """Holds the three other layers. Frame numbers of the ring are given out here."""

    def __init__(self, store_uri: str, endpoints: EndpointsConfig) -> None:
        self.store_uri = store_uri
        self.game = Layer("game", run_game, endpoints)
        self.agent = Layer("agent", run_agent)
        self.output = Layer("output", run_output, store_uri)
        self.layers = (self.game, self.agent, self.output)
        self._ring: FrameRing | None = None
        self._sequence = 0  # of the next frame
        self._questions = 0  # put to game and agent
        self._open = False  # the output is in the middle of an episode

    def record(self, job: Job) -> Episode:
        """Record one episode, from its start again whenever a layer was lost. Raises as ``record_game``."""
        for attempt in range(ATTEMPTS):
            try:
                self._ready(job)
                return self._lead(job)
            except LayerLostError as error:
                if attempt == ATTEMPTS - 1:
                    raise
                _log.warning("%s; episode %s begins anew", error, job.episode_id[:12])
            finally:
                self._settle_output()
        raise AssertionError("unreachable")

    def close(self) -> None:
        """End the other layers; the game's lets go of its keys."""
        try:
            self.game.end()
        finally:  # whoever interrupts again waits no longer
            for layer in self.layers:
                layer.kill()
            if self._ring is not None:
                self._ring.close(remove=True)
                self._ring = None

    def _ready(self, job: Job) -> None:
        """Start what is not there; a ring of the job's size."""
        for layer in self.layers:
            if not layer.alive:
                layer.start()
        if self._ring is None or (self._ring.width, self._ring.height) != (job.width, job.height):
            if self._ring is not None:
                self._ring.close(remove=True)
            self._ring = FrameRing.create(job.width, job.height, rgb_only=job.source != "vizdoom")  # no other shows more

    def _lead(self, job: Job) -> Episode:
        """One episode: row i is state i and the action that leads on."""
        assert self._ring is not None
        recipe, ring = dataclasses.asdict(job), str(self._ring.path)
        self._open, self._taken = True, self._sequence - 1
        self.output.send(open=recipe, ring=ring)
        self.agent.send(reset=recipe, ring=ring)
        state = self._ask(self.game, reset=recipe, ring=ring, sequence=self._sequence)["state"]
        late: list[Any] = []  # actions whose states have their pictures when the game was played through
        self._sequence += 1
        while not state["over"] and (action := self._ask(self.agent, state=state)["action"]) is not None:
            if state["pictured"]:
                self._hand_on(state, action)
            else:
                late.append(action)
            state = self._ask(self.game, step=action, sequence=self._sequence)["state"]
            self._sequence += 1
        if late:
            self._taken = self._sequence - 1  # nothing was in the ring so far
        for action in late:
            state = self._ask(self.game, develop=True, sequence=self._sequence)["state"]
            self._sequence += 1
            self._hand_on(state, action)
        self.output.send(state=state, action=None, facts=self._ask(self.game, facts=True)["facts"])
        return self._written(job)

    def _hand_on(self, state: dict[str, Any], action: Any) -> None:
        """A row for the output; waits until the next frame has room in the ring."""
        self.output.send(state=state, action=action)
        while self._sequence - self._taken >= SLOTS or self.output.waiting():
            self._taken = int(self.output.receive(self.layers)["taken"])

    def _ask(self, layer: Layer, **question: Any) -> dict[str, Any]:
        """Its answer to just this question: what an episode that was given up left in the pipe is none."""
        self._questions += 1
        layer.send(question=self._questions, **question)
        return layer.receive(self.layers, answer_to=self._questions)

    def _written(self, job: Job) -> Episode:
        while "written" not in self.output.receive(self.layers):
            pass  # frames that are still being taken
        self._open = False
        episode = find_episode(open_store(self.store_uri), job.episode_id)
        assert episode is not None
        return episode

    def _settle_output(self) -> None:
        """After an episode that came to nothing: let go of the game's keys; let the output drop it, or start it anew."""
        if not self._open:
            return
        self._open = False
        with contextlib.suppress(LayerLostError):
            self.game.send(rest=True)
        try:
            self.output.send(abandon=True)
            while not self._dropped():
                pass
        except LayerLostError:
            self.output.kill()

    def _dropped(self) -> bool:
        try:
            return "abandoned" in self.output.receive()
        except LayerLostError:
            raise
        except (WorldloomError, ValueError):
            return False  # it failed by itself meanwhile
