"""A layer as the coordinator holds it: a child process that is started, asked, watched, killed and started again."""

import contextlib
import json
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Final

from engine.games.layers.link import END_SECONDS, Heartbeat, Link, Message, end_with_parent
from engine.games.titles.profile import TitleMissingError
from infra.errors import NotHereError, StoreFullError, StoreUnreachableError, WorldloomError

_CONTEXT: Final = multiprocessing.get_context("spawn")
_POLL_SECONDS: Final = 0.2
_START_SECONDS: Final = 120.0  # until a fresh process gives its first sign of life
_KNOWN: Final = {
    kind.__name__: kind for kind in (ValueError, NotHereError, TitleMissingError, StoreFullError, StoreUnreachableError)
}


class LayerLostError(WorldloomError):
    """A layer died or gave no sign of life."""


class LayerFailedError(WorldloomError):
    """A layer did not manage what it was asked for, and says why."""


class Layer:
    """One of the three children."""

    def __init__(self, name: str, run: Callable[..., None], *arguments: Any) -> None:
        """``run(link, *arguments)`` is what the process does; it is started with the first use."""
        self.name = name
        self._run, self._arguments = run, arguments
        self._process: SpawnProcess | None = None
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the process, anew if it runs."""
        self.kill()
        self._pipe, theirs = _CONTEXT.Pipe()
        shared = _CONTEXT.Value("d", lock=False)
        self._heartbeat = Heartbeat(shared)
        self._heartbeat.promise(_START_SECONDS)
        self._process = _CONTEXT.Process(
            target=_enter, args=(self._run, theirs, shared, *self._arguments), name=f"worldloom-{self.name}"
        )
        self._process.start()
        theirs.close()
        self.starts += 1

    def check(self) -> None:
        """Hold the process to its promise.

        Raises:
            LayerLostError: it is dead, or late and therefore killed.
        """
        if self._process is None or not self._process.is_alive():
            raise self._died()
        if self._heartbeat.late:
            self.kill()
            raise LayerLostError(f"the {self.name} process gave no sign of life and was killed")

    @property
    def alive(self) -> bool:
        """Whether the process runs and keeps its promises."""
        return self._process is not None and self._process.is_alive() and not self._heartbeat.late

    def send(self, **message: Any) -> None:
        """Send a message of JSON values. Raises ``LayerLostError``."""
        try:
            self._pipe.send_bytes(json.dumps(message).encode())
        except OSError:
            raise self._died() from None

    def waiting(self) -> bool:
        """Whether a message is there. Raises ``LayerLostError``."""
        try:
            return bool(self._pipe.poll(0))
        except OSError:
            raise self._died() from None

    def receive(self, watched: "tuple[Layer, ...]" = (), answer_to: int | None = None) -> Message:
        """The next message, or the next that answers question ``answer_to``; ``failed`` becomes the error that it speaks of.

        Answers to older questions are left-overs of an episode that was given up, and are dropped.

        Raises:
            LayerLostError: this layer or one of those ``watched`` is lost.
            LayerFailedError, ValueError, NotHereError, StoreFullError, StoreUnreachableError: what the layer met.
        """
        try:
            while not self._pipe.poll(_POLL_SECONDS):
                for layer in (self, *watched):
                    layer.check()
            message: Message = json.loads(self._pipe.recv_bytes())
        except (EOFError, OSError):
            raise self._died() from None
        if answer_to is not None and message.get("answer_to") != answer_to:
            return self.receive(watched, answer_to)
        if "failed" in message:
            kind = _KNOWN.get(message["failed"])
            if kind is None:
                raise LayerFailedError(f"{self.name}: {message['failed']}: {message['message']}")
            raise kind(message["message"])
        return message

    def _died(self) -> LayerLostError:
        """What to raise; its pipe ends before the process does, which would count as alive for a moment."""
        self.kill()
        return LayerLostError(f"the {self.name} process died")

    def end(self) -> None:
        """Let the process end by itself, as it does when its pipe ends; kill it where that takes long."""
        if self._process is not None:
            self._pipe.close()
            self._process.join(END_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.join(10)
            self._process.close()
            self._process = None
            self._pipe.close()


def _enter(run: Callable[..., None], pipe: "Connection[Any, Any]", shared: Any, *arguments: Any) -> None:
    end_with_parent()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, EOFError):  # the coordinator is gone, and we with it
        run(Link(pipe, Heartbeat(shared)), *arguments)
