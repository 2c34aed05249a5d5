"""A peer that misbehaves on purpose: it plays a script to each client that connects."""

import socket
import threading
from collections.abc import Callable

from engine.unreal.wire import HEADER, frame, parse_request, payload_size, reply_payload

Script = Callable[["Line"], None]


class Line:
    """The peer's end of one connection."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link

    def raw(self, data: bytes) -> None:
        self.link.sendall(data)

    def say(self, payload: bytes) -> None:
        self.raw(frame(payload) + payload)

    def answer(self, number: int, body: bytes) -> None:
        self.say(reply_payload(number, body))

    def greet(self) -> None:
        self.say(b"connected to Peer")

    def hear(self) -> tuple[int, str]:
        request = parse_request(self._exactly(payload_size(self._exactly(HEADER.size))))
        assert request is not None
        return request

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.link.recv(count - len(data))
            if not part:
                raise ConnectionError
            data += part
        return data


class Peer:
    """Listens on a free port; the first client gets the first script, and so on."""

    def __init__(self, *scripts: Script) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self._scripts = scripts
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for script in self._scripts:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            with link:
                try:
                    script(Line(link))
                except OSError:
                    continue

    def close(self) -> None:
        self._listener.close()
        self._thread.join(5)
