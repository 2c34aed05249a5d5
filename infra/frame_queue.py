"""Work on frames beside whoever makes them: in order, in a thread of its own, behind a bounded queue."""

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Generic, TypeVar

Frame = TypeVar("Frame")

MOST_WAITING: Final = 8  # frames; what bounds the memory of a recording
_YIELDING: Final = 10  # steps nicer; more would starve it beside other work on the same cores


class FrameQueue(Generic[Frame]):
    """Calls ``handle`` with each frame; it pays where that releases the interpreter's lock. Leaving the context ends it.

    A patient queue works in the gaps that others leave on the cores: whoever draws goes first, and waits once the queue is
    full. Other work on the same cores goes first, too. Not for frames of a clock that waits for nobody.
    """

    def __init__(self, handle: Callable[[Frame], object], name: str, *, patient: bool = False) -> None:
        self._handle, self._patient = handle, patient
        self._waiting: queue.Queue[Frame | None] = queue.Queue(MOST_WAITING)
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __enter__(self) -> "FrameQueue[Frame]":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def add(self, frame: Frame) -> None:
        """Queue a frame; waits while the queue is full. Raises what an earlier frame met."""
        self._raise_failure()
        self._waiting.put(frame)

    def drain(self) -> None:
        """Wait until all that was queued is handled. Raises what it met."""
        self._waiting.join()
        self._raise_failure()

    def stop(self) -> None:
        """End the thread; what waits is still handled."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def _run(self) -> None:
        if self._patient and sys.platform == "linux":  # where a thread has a niceness of its own
            thread = threading.get_native_id()
            with contextlib.suppress(OSError):  # a sandbox may forbid it
                os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _YIELDING)
        while (frame := self._waiting.get()) is not None:
            try:
                if self._failure is None:  # else drop, so that whoever queues never waits for ever
                    self._handle(frame)
            except Exception as error:
                self._failure = error
            finally:
                self._waiting.task_done()
        self._waiting.task_done()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
