"""Seats: how many play at once, who waits, in which order."""

import asyncio
from collections.abc import Callable


class FullError(Exception):
    """All seats are taken and the queue is long."""


class Seats:
    """First come, first served."""

    def __init__(self, seats: int, queue: int) -> None:
        self.seats, self.queue = seats, queue
        self._free = list(range(seats))
        self._waiting: list[asyncio.Future[int]] = []
        self._tell: dict[asyncio.Future[int], Callable[[int], None]] = {}

    @property
    def taken(self) -> int:
        return self.seats - len(self._free)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def take(self, tell: Callable[[int], None]) -> int:
        """Wait for a seat; ``tell`` hears the position in the queue, 1 first, whenever it changes.

        Raises:
            FullError: the queue is full too.
        """
        if self._free:
            return self._free.pop(0)
        if len(self._waiting) >= self.queue:
            raise FullError(f"busy: {self.seats} of {self.seats} seats are taken and {len(self._waiting)} wait; try again later")
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._tell[turn] = tell
        tell(len(self._waiting))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(turn.result())  # the seat came at the very moment that its taker left
            raise
        finally:
            self._leave(turn)

    def give_back(self, seat: int) -> None:
        """Free a seat, for the first who waits."""
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(seat)
                return
        self._free.append(seat)

    def _leave(self, turn: "asyncio.Future[int]") -> None:
        self._waiting.remove(turn)
        del self._tell[turn]
        for position, other in enumerate(self._waiting, 1):
            self._tell[other](position)
