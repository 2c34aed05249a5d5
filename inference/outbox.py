"""What waits to be sent to one player: a slow one loses old frames, and never makes another wait."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import Final

from inference.protocol import FrameHeader, ServerMessage, to_text

_MOST_NOTES: Final = 64  # messages; a player that far behind is gone


@dataclass(frozen=True, kw_only=True)
class OutFrame:
    """A frame that is ready to be sent."""

    header: FrameHeader
    jpeg: bytes

    def to_bytes(self) -> bytes:
        """Header, stamped with the time of sending, and picture."""
        return replace(self.header, sent=microseconds()).pack() + self.jpeg


class Outbox:
    """At most ``frames`` frames, the oldest dropped first; messages are kept, go first and are bounded."""

    def __init__(self, frames: int = 2) -> None:
        self.dropped = 0  # frames
        self._frames: deque[OutFrame] = deque(maxlen=frames)
        self._notes: deque[str] = deque()
        self._filled = asyncio.Event()
        self._closed = False

    @property
    def overrun(self) -> bool:
        """Whether the player takes nothing any more."""
        return len(self._notes) >= _MOST_NOTES

    def put_frame(self, frame: OutFrame) -> None:
        """Add the newest frame."""
        if len(self._frames) == self._frames.maxlen:
            self.dropped += 1
        self._frames.append(frame)
        self._filled.set()

    def put_note(self, message: ServerMessage) -> None:
        """Add a message, unless the player is far behind already."""
        if not self.overrun:
            self._notes.append(to_text(message))
            self._filled.set()

    def forget_frames(self) -> None:
        """Drop what a new walk makes stale."""
        self._frames.clear()

    def close(self) -> None:
        """Let the taker finish what is there, then end."""
        self._closed = True
        self._filled.set()

    async def take(self) -> str | OutFrame | None:
        """The next thing to send, in order of urgency; None after ``close``."""
        while True:
            if self._notes:
                return self._notes.popleft()
            if self._frames:
                return self._frames.popleft()
            if self._closed:
                return None
            self._filled.clear()
            await self._filled.wait()


def microseconds() -> int:
    """Now, since 1970."""
    return time.time_ns() // 1000
