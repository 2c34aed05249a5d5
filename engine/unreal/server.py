"""The embedded world as an UnrealCV server: one client, on loopback TCP and a unix socket, in a process of its own."""

import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.embedded.render import RenderConfig
from engine.unreal.commands import PROJECT, Commands
from engine.unreal.outbox import Outbox
from engine.unreal.tick import RequestQueue
from engine.unreal.wire import BANNER, HEADER, WireError, frame, parse_request, payload_size
from engine.unreal.world import FREE_RUNNING_TICK, EmbeddedWorld
from infra.errors import BusyError

RECEIVE: Final = 65536  # bytes at once
SEND_SECONDS: Final = 60.0  # a client that reads nothing for so long is dropped
DEFAULT_LEVEL: Final = "park-0000000000000005"


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """What is served, and where."""

    port: int = 9000  # 0 takes a free one
    level: str = DEFAULT_LEVEL
    width: int = 640  # pixels; the plugin's own defaults
    height: int = 480
    hfov: float = 90.0  # degrees
    renderer: str = "egl"


def socket_path(port: int) -> Path:
    """Where the plugin puts its unix socket."""
    return Path(f"/tmp/unrealcv_{port}.socket")


class WorldServer:
    """Ticks while time passes or requests wait; sleeps otherwise."""

    def __init__(self, config: ServerConfig) -> None:
        render = RenderConfig(width=config.width, height=config.height, hfov=config.hfov, renderer=config.renderer)
        self._world = EmbeddedWorld(config.level, render)
        self._commands = Commands(self._world, self._status)
        self._queue = RequestQueue()
        self._client: socket.socket | None = None
        self._outbox: Outbox | None = None
        self._received = bytearray()
        self._tcp = socket.create_server(("127.0.0.1", config.port), backlog=1)
        self.port: int = self._tcp.getsockname()[1]
        self.path = socket_path(self.port)
        self.path.unlink(missing_ok=True)
        self._unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._unix.bind(str(self.path))
        self._unix.listen(1)
        self._selector = selectors.DefaultSelector()
        for listener in (self._tcp, self._unix):
            self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._wake, self._wake_end = socket.socketpair()
        self._selector.register(self._wake, selectors.EVENT_READ, self._end)

    def run(self) -> None:
        """Serve until ``stop``."""
        self._running = True
        due = time.monotonic()
        while self._running:
            now = time.monotonic()
            awake = self._queue.ready or self._world.due
            wait = 0.0 if awake else max(due - now, 0.0) if self._world.runs and self._client else None
            for key, _ in self._selector.select(wait):
                key.data(key.fileobj)
            if self._queue.ready or self._world.due or (self._world.runs and time.monotonic() >= due):
                self._tick()
                due = max(due, time.monotonic() - FREE_RUNNING_TICK) + FREE_RUNNING_TICK

    def stop(self) -> None:
        """Let ``run`` return; from any thread."""
        self._wake_end.send(b"x")

    def close(self) -> None:
        """Hang up and give the ports back."""
        self._drop()
        self._selector.close()
        for end in (self._wake, self._wake_end):
            end.close()
        self._tcp.close()
        self._unix.close()
        self.path.unlink(missing_ok=True)
        self._world.close()

    def _end(self, wake: socket.socket) -> None:
        self._running = False

    def _tick(self) -> None:
        """The world first, then requests: they see what the tick led to, as in the plugin."""
        self._world.tick()
        try:
            for number, body in self._queue.answers(self._commands.answer):
                if self._outbox is not None:
                    self._outbox.put(number, body)
            if self._outbox is not None:
                self._outbox.flush()
        except OSError:
            self._drop()

    def _status(self) -> str:
        state = "Client Connected" if self._client else "No Client Connected"
        size = f"Width={self._world.config.width} Height={self._world.config.height} FOV={self._world.config.hfov:g}"
        return f"Is Listening\n{state}\n{self.port}\nConfiguration\nPort={self.port} {size}"

    def _accept(self, listener: socket.socket) -> None:
        link, _ = listener.accept()
        if self._client is not None:
            link.close()  # one client only
            return
        if link.family == socket.AF_INET:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.settimeout(SEND_SECONDS)
        self._client, self._outbox = link, Outbox(link)
        self._received.clear()
        self._selector.register(link, selectors.EVENT_READ, self._receive)
        try:
            link.sendall(frame(BANNER + PROJECT.encode()) + BANNER + PROJECT.encode())
        except OSError:
            self._drop()

    def _receive(self, link: socket.socket) -> None:
        try:
            data = link.recv(RECEIVE)
        except OSError:
            data = b""
        if not data:
            self._drop()
            return
        self._received += data
        try:
            while len(self._received) >= HEADER.size:
                end = HEADER.size + payload_size(bytes(self._received[: HEADER.size]))
                if len(self._received) < end:
                    return
                request = parse_request(bytes(self._received[HEADER.size : end]))
                del self._received[:end]
                if request is not None:  # what is malformed gets no answer
                    self._queue.add(*request)
        except WireError:
            self._drop()

    def _drop(self) -> None:
        """Hang up, and forget what the client wanted."""
        if self._client is not None and self._outbox is not None:
            self._selector.unregister(self._client)
            outbox, self._client, self._outbox = self._outbox, None, None
            outbox.close()
        self._queue.clear()


def serve(config: ServerConfig, say: Callable[[str], object]) -> None:
    """Serve until interrupted.

    Raises:
        BusyError: the port is taken.
    """
    try:
        server = WorldServer(config)
    except OSError as error:
        raise BusyError(f"port {config.port} cannot be served: {error.strerror}; choose another with --port") from None
    say(f"serving {config.level} at 127.0.0.1:{server.port} and {server.path}")
    try:
        server.run()
    finally:
        server.close()
