"""What a page got over its WebSocket, seen from outside the page."""

from dataclasses import dataclass, field
from typing import Any

from inference.protocol import HEADER_BYTES, FrameHeader


@dataclass(kw_only=True)
class FrameLog:
    """Frames of all walks, in order of arrival."""

    frames: list[tuple[FrameHeader, bytes]] = field(default_factory=list)

    @classmethod
    def of(cls, page: Any) -> "FrameLog":
        """Listen to every WebSocket that the page opens from now on."""
        log = cls()
        page.on("websocket", lambda socket: socket.on("framereceived", log.take))
        return log

    def take(self, payload: bytes | str) -> None:
        if isinstance(payload, bytes):
            self.frames.append((FrameHeader.unpack(payload), payload[HEADER_BYTES:]))

    @property
    def session(self) -> int:
        """Number of the newest walk, 0 before any."""
        return self.frames[-1][0].session if self.frames else 0

    def walk(self, session: int) -> dict[int, tuple[FrameHeader, bytes]]:
        """Frames of one walk by number."""
        return {header.frame: (header, jpeg) for header, jpeg in self.frames if header.session == session}


def wait_until(page: Any, reached: Any, seconds: float = 60.0) -> None:
    """Let the page run until ``reached()``."""
    for _ in range(int(seconds * 20)):
        if reached():
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not reached within {seconds:.0f} s")
