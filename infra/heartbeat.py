"""A sign of life: when no progress was shown for a while, what is being done is shown again with the seconds it has taken."""

import contextlib
import threading
import time
from typing import Final, Protocol

LOG_SECONDS: Final = 5.0  # of silence in a log; ten are promised, and a busy machine is late
TERMINAL_SECONDS: Final = 1.0  # of silence on a terminal, where the line renews itself


class Beating(Protocol):
    """Work that can say what it is at."""

    news: float  # when it last had something new to say, of ``time.monotonic``

    @property
    def quiet_seconds(self) -> float:
        """How long a silence may last."""

    def beat(self) -> None:
        """Show what is being done."""


class Heartbeat:
    """Watches the work of one process with one thread, which lives while there is any.

    Where work is nested, that which had news last speaks for all.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: list[Beating] = []
        self._shown = 0.0
        self._thread: threading.Thread | None = None

    def watch(self, work: Beating) -> None:
        """Watch ``work`` until ``leave``."""
        with self._changed:
            if not self._watched:
                self._shown = time.monotonic()
            self._watched.append(work)
            if self._thread is None or not self._thread.is_alive():  # a forked child has no thread of its parent's
                self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
                self._thread.start()

    def leave(self, work: Beating) -> None:
        """Watch ``work`` no longer; the thread ends with the last."""
        with self._changed:
            self._watched = [one for one in self._watched if one is not work]
            thread = None if self._watched else self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def note(self) -> None:
        """Somebody has just shown a line."""
        self._shown = time.monotonic()

    def _run(self) -> None:
        with self._changed:
            while self._watched:
                work = max(self._watched, key=lambda one: one.news)
                left = self._shown + work.quiet_seconds - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
                self._shown = time.monotonic()
                with contextlib.suppress(OSError, ValueError):  # nobody reads any more
                    work.beat()


HEARTBEAT: Final = Heartbeat()
