"""A pipe of JSON messages between two layers, and the sign of life beside it."""

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any, Final

IDLE_SECONDS: Final = 10.0  # within which a layer that waits gives its next sign of life
POLL_SECONDS: Final = 0.5
END_SECONDS: Final = 5.0  # for a layer to end by itself once its pipe has ended

Message = dict[str, Any]


class Heartbeat:
    """Until when a process promises to give its next sign of life; seconds of the clock that all processes share."""

    def __init__(self, shared: Any) -> None:
        """``shared`` is a ``multiprocessing.Value("d")``."""
        self._shared = shared

    def promise(self, seconds: float) -> None:
        """The next sign comes within ``seconds``."""
        self._shared.value = time.monotonic() + seconds

    @property
    def late(self) -> bool:
        """Whether a promise was broken."""
        return time.monotonic() > float(self._shared.value)


class Link:
    """What a layer holds: its end of the pipe and its heartbeat."""

    def __init__(self, pipe: "Connection[Any, Any]", heartbeat: Heartbeat) -> None:
        self._pipe, self.heartbeat = pipe, heartbeat

    def send(self, **message: Any) -> None:
        """Send a message of JSON values; floats arrive bit by bit as they were."""
        self._pipe.send_bytes(json.dumps(message).encode())

    def receive(self) -> Message:
        """Wait for the next message, giving signs of life.

        Raises:
            EOFError: the other side is gone.
        """
        while True:
            self.heartbeat.promise(IDLE_SECONDS)
            if self._pipe.poll(POLL_SECONDS):
                message: Message = json.loads(self._pipe.recv_bytes())
                return message

    def messages(self) -> Iterator[Message]:
        """All messages until the other side is gone."""
        try:
            while True:
                yield self.receive()
        except (EOFError, OSError):
            return


def end_with_parent() -> None:
    """Watch for the coordinator's end and end with it, after a moment to let go of keys: a layer alone is of no use.

    An interrupt from the terminal, which all processes get, is the coordinator's to follow.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    signal.signal(signal.SIGINT, lambda *_: None)  # ignoring it would be inherited by games that are launched

    def watch() -> None:
        parent.join()
        time.sleep(END_SECONDS)
        os._exit(1)  # episodes are written whole or not at all

    threading.Thread(target=watch, daemon=True).start()
