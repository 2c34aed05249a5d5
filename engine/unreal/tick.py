"""The order in which a server answers: by ticks, at most 32 requests each, a batch whole within one."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from engine.unreal.wire import Body

MAX_REQUESTS_PER_TICK: Final = 32
BATCH: Final = "vbatch"


class RequestQueue:
    """Requests in the order of their arrival."""

    def __init__(self) -> None:
        self._pending: deque[tuple[int, str]] = deque()
        self._missing = 0  # requests of an announced batch that have not been carried out

    def add(self, number: int, command: str) -> None:
        """Take one request."""
        self._pending.append((number, command))

    def clear(self) -> None:
        """Forget what a client wanted that hung up."""
        self._pending.clear()
        self._missing = 0

    @property
    def ready(self) -> bool:
        """Whether a tick would answer anything: a batch waits until all of it has come."""
        return bool(self._pending) and len(self._pending) >= self._missing

    def answers(self, carry_out: Callable[[str], Body]) -> Iterator[tuple[int, Body]]:
        """Carry out what one tick takes: id and body of each reply."""
        for _ in range(MAX_REQUESTS_PER_TICK):
            if not self.ready:
                return
            if self._missing:
                for _ in range(self._missing):
                    number, command = self._pending.popleft()
                    yield number, carry_out(command)
                self._missing = 0
                return  # what comes after a batch belongs to the next tick
            number, command = self._pending.popleft()
            if command.startswith(BATCH):
                count = command.removeprefix(BATCH).strip()
                self._missing = int(count) if count.isdecimal() else 0
                yield number, b"ok"
            else:
                yield number, carry_out(command)
