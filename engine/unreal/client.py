"""A client of UnrealCV that always comes back: a deadline on every call, replies told apart by their id."""

import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from engine.unreal.wire import (
    BANNER,
    HEADER,
    IDS_RESERVED,
    MAX_ID,
    WireError,
    frame,
    parse_reply,
    payload_size,
    request_payload,
)
from infra.errors import WorldloomError

Address = tuple[str, int] | Path  # host and port, or a unix socket

AHEAD: Final = 65536  # bytes read at once where less is asked for; a row has many short answers


class EngineSilentError(WorldloomError):
    """The engine did not answer in time; the connection may still be used."""


class EngineGoneError(WorldloomError):
    """The connection is cut; connect again, and start the engine again if that does not help."""


class CommandRefusedError(WorldloomError):
    """The engine answered with an error."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Requests on their way: the id of each, in the order of sending."""

    first: int
    commands: tuple[str, ...]


class UnrealClient:
    """One connection to an UnrealCV server. Not for threads: one caller sends and receives."""

    def __init__(self, address: Address, *, reply_seconds: float, first_id: int = 0) -> None:
        self.address = address
        self.reply_seconds = reply_seconds
        self._next = first_id
        self._socket: socket.socket | None = None
        self._head = bytearray(HEADER.size)
        self._had = 0  # bytes of the frame that is coming in, header first
        self._ahead = memoryview(b"")  # read but not yet asked for
        self._body: NDArray[np.uint8] | None = None  # not cleared first, as a bytearray would be

    def connect(self, seconds: float) -> str:
        """Open the connection and take the banner; returns the project's name.

        Raises:
            EngineGoneError: nobody listens, or another client holds the server.
            EngineSilentError: somebody listens and says nothing.
            WireError: whoever listens is no UnrealCV server.
        """
        self.close()
        until = time.monotonic() + seconds
        unix = isinstance(self.address, Path)
        link = socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_STREAM)
        try:
            link.settimeout(seconds)
            link.connect(str(self.address) if isinstance(self.address, Path) else self.address)
            if not unix:
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            link.close()
            raise EngineGoneError(f"no UnrealCV server at {self._name()}: {error.strerror or error}") from None
        link.setblocking(False)
        self._socket, self._had, self._body, self._ahead = link, 0, None, memoryview(b"")
        try:
            banner = bytes(self._frame(until))
            if not banner.startswith(BANNER.rstrip()):
                raise WireError(f"{self._name()} greets with {banner[:40]!r}; it serves another client or is no UnrealCV server")
        except WorldloomError:
            self.close()
            raise
        return banner[len(BANNER) :].decode("utf-8", "replace")

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def text(self, command: str, seconds: float | None = None) -> str:
        """The answer to a command that answers in text.

        Raises:
            CommandRefusedError: it begins with "error".
            EngineSilentError, EngineGoneError, WireError: there is none.
        """
        (body,) = self.receive(self.send([command]), seconds)
        return text_of(command, body)

    def binary(self, command: str, magic: bytes, seconds: float | None = None) -> memoryview:
        """The answer to a command that answers in bytes which begin with ``magic``. Raises as ``text``."""
        (body,) = self.receive(self.send([command]), seconds)
        return binary_of(command, body, magic)

    def batch(self, commands: Sequence[str], seconds: float | None = None) -> list[memoryview]:
        """The answers to commands that the engine carries out within one tick. Raises as ``text``."""
        return self.receive(self.send(commands, together=True), seconds)

    def send(self, commands: Sequence[str], *, together: bool = False, seconds: float | None = None) -> Batch:
        """Send requests at once, with ``together`` as one ``vbatch``; fetch the answers with ``receive``, in this order.

        Raises:
            EngineGoneError, EngineSilentError: they could not be sent.
        """
        until = time.monotonic() + (self.reply_seconds if seconds is None else seconds)
        if self._next + len(commands) + 1 > MAX_ID - IDS_RESERVED:
            self._next = 0
            self.connect(until - time.monotonic())
        whole = (f"vbatch {len(commands)}", *commands) if together else tuple(commands)
        batch = Batch(first=self._next, commands=whole)
        self._next += len(whole)
        payloads = [request_payload(batch.first + place, command) for place, command in enumerate(whole)]
        self._write(b"".join(part for payload in payloads for part in (frame(payload), payload)), until)
        return batch

    def receive(self, batch: Batch, seconds: float | None = None) -> list[memoryview]:
        """The answers to a batch, without that of ``vbatch`` itself. What comes late for calls given up is dropped.

        Raises:
            EngineSilentError: not all came in time; what comes later will be dropped.
            EngineGoneError: the connection was cut, in a frame or between two.
            WireError: something else than an answer to a request came.
        """
        until = time.monotonic() + (self.reply_seconds if seconds is None else seconds)
        bodies: list[memoryview] = []
        while len(bodies) < len(batch.commands):
            wanted = batch.first + len(bodies)
            try:
                number, body = parse_reply(self._frame(until))
            except EngineSilentError:
                raise EngineSilentError(
                    f"{self._name()} did not answer {batch.commands[len(bodies)]!r} in time; raise reply_seconds or restart it"
                ) from None
            if number < wanted:
                continue  # somebody stopped waiting for this one
            if number > wanted:
                self.close()
                raise WireError(f"{self._name()} answered request {number} before {wanted}; it loses or reorders requests")
            bodies.append(body)
        together = batch.commands[0].startswith("vbatch ")
        if together:
            text_of(batch.commands[0], bodies[0])
        return bodies[1:] if together else bodies

    def _name(self) -> str:
        return str(self.address) if isinstance(self.address, Path) else f"{self.address[0]}:{self.address[1]}"

    def _link(self) -> socket.socket:
        if self._socket is None:
            raise EngineGoneError(f"not connected to {self._name()}; connect first")
        return self._socket

    def _wait(self, until: float, *, writing: bool) -> None:
        link = self._link()
        left = until - time.monotonic()
        ready = select.select([] if writing else [link], [link] if writing else [], [], max(left, 0))
        if not ready[0] and not ready[1]:
            raise EngineSilentError(f"{self._name()} is silent")

    def _write(self, data: bytes, until: float) -> None:
        """Raises EngineGoneError and hangs up where only a part could be sent: the rest would garble what follows."""
        view = memoryview(data)
        sent = 0
        while sent < len(view):
            try:
                sent += self._link().send(view[sent:])
            except BlockingIOError:
                try:
                    self._wait(until, writing=True)
                except EngineSilentError:
                    self.close()
                    raise EngineGoneError(f"{self._name()} takes no more requests; restart it") from None
            except OSError as error:
                self._cut(error.strerror or str(error))

    def _frame(self, until: float) -> memoryview:
        """The next payload. After a deadline passed within a frame, the next call reads on in it."""
        while self._had < HEADER.size:
            self._had += self._read(memoryview(self._head)[self._had :], until)
        if self._body is None:
            try:
                self._body = np.empty(payload_size(bytes(self._head)), np.uint8)
            except WireError:
                self.close()  # there is no finding the next frame
                raise
        view = self._body.data
        while (got := self._had - HEADER.size) < len(view):
            self._had += self._read(view[got:], until)
        self._had, self._body = 0, None
        return view

    def _read(self, into: memoryview, until: float) -> int:
        """Fill some of ``into``; what is short is taken from what came along with what was read before."""
        if not self._ahead and len(into) < AHEAD:
            fresh = memoryview(bytearray(AHEAD))
            self._ahead = fresh[: self._take(fresh, until)]
        if not self._ahead:
            return self._take(into, until)
        count = min(len(into), len(self._ahead))
        into[:count] = self._ahead[:count]
        self._ahead = self._ahead[count:]
        return count

    def _take(self, into: memoryview, until: float) -> int:
        while True:
            try:
                count = self._link().recv_into(into)
            except BlockingIOError:
                self._wait(until, writing=False)
                continue
            except OSError as error:
                self._cut(error.strerror or str(error))
            if count == 0:
                self._cut("it hung up")
            return count

    def _cut(self, why: str) -> NoReturn:
        where = " in the middle of a frame" if self._had else ""
        self.close()
        raise EngineGoneError(f"the connection to {self._name()} was cut{where}: {why}")


def text_of(command: str, body: memoryview) -> str:
    """A body as text.

    Raises:
        CommandRefusedError: it begins with "error", or is not text.
    """
    try:
        text = bytes(body).decode("utf-8")
    except UnicodeDecodeError:
        raise CommandRefusedError(f"{command!r} was answered with {len(body)} bytes that are no text") from None
    if text.startswith("error"):
        raise CommandRefusedError(f"{command!r} was answered with: {text}")
    return text


def binary_of(command: str, body: memoryview, magic: bytes) -> memoryview:
    """A body that has to begin with ``magic``; whether it happens to be text does not matter.

    Raises:
        CommandRefusedError: it begins with something else; names it.
    """
    if bytes(body[: len(magic)]) != magic:
        raise CommandRefusedError(f"{command!r} was answered with: {bytes(body[:200]).decode('utf-8', 'replace')}")
    return body
