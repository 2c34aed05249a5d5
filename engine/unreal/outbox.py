"""What a server says to its client: sent in order from a thread of its own, which also makes the pictures' bytes."""

import socket
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from engine.unreal.wire import HEADER, MAGIC, Body, check_size, reply_payload

PARCEL: Final = 8  # replies that are sent together
PARCELS: Final = 2  # under way at most; what bounds the pictures that wait
SMALL: Final = 65536  # bytes; longer bodies are not copied
BUFFER: Final = 4 * 2**20  # bytes asked of the system, so that a picture can be left there and the next one made


class Outbox:
    """The replies to one client. Only the thread in here sends once the first reply is given."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._replies: list[tuple[int, Body]] = []
        self._under_way: deque[Future[None]] = deque()
        self._thread = ThreadPoolExecutor(1, "replies")
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)

    def put(self, number: int, body: Body) -> None:
        """Give the next reply. Raises as ``flush``."""
        self._replies.append((number, body))
        if len(self._replies) == PARCEL:
            self.flush()

    def flush(self) -> None:
        """Send what was given; waits where a client reads slowly.

        Raises:
            OSError: the client is gone.
        """
        if self._replies:
            self._under_way.append(self._thread.submit(_send, self._link, self._replies))
            self._replies = []
        while self._under_way and (len(self._under_way) > PARCELS or self._under_way[0].done()):
            self._under_way.popleft().result()

    def close(self) -> None:
        """Hang up, whatever is left to send. Raises what making a picture met."""
        with suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)  # the thread may be in the middle of sending
        self._thread.shutdown(cancel_futures=True)
        self._link.close()
        for parcel in self._under_way:
            error = None if parcel.cancelled() else parcel.exception()
            if error is not None and not isinstance(error, OSError):
                raise error


def _send(link: socket.socket, replies: list[tuple[int, Body]]) -> None:
    waiting = b""
    try:
        for number, body in replies:
            data = body() if callable(body) else body
            head = reply_payload(number, b"")
            check_size(len(head) + len(data))
            waiting += HEADER.pack(MAGIC, len(head) + len(data)) + head
            if len(data) < SMALL:
                waiting += data
            else:
                link.sendall(waiting)
                link.sendall(data)
                waiting = b""
        link.sendall(waiting)
    except BaseException:
        with suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)  # neither side waits for what will not come
        raise
