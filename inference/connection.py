"""One WebSocket connection, from handshake to farewell. Whatever its player does, others do not notice."""

import asyncio
import contextlib
import logging
import time
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from inference.generator import Generator, ModelStoppedError
from inference.limits import RateConfig, RateLimit
from inference.outbox import Outbox
from inference.pictures import read_upload
from inference.protocol import (
    VERSION,
    Action,
    Bye,
    ErrorNote,
    Hello,
    Pause,
    PlayerMessage,
    ProtocolError,
    Reset,
    Start,
    Waiting,
    Welcome,
    parse_message,
)
from inference.seats import FullError, Seats
from inference.served import ServedWorld
from inference.stream import Stream, StreamConfig, Walk

_LOG: Final = logging.getLogger(__name__)


class Farewell(Exception):  # noqa: N818 - an ending, not always an error
    """The connection ends, with a closing code and one line."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Hall:
    """What all connections share."""

    world: ServedWorld
    generator: Generator
    seats: Seats
    encoder: Executor
    stream: StreamConfig


@dataclass(frozen=True, kw_only=True)
class ConnectionConfig:
    """Patience with one player."""

    rates: RateConfig = RateConfig()
    mistakes: int = 10  # refused messages before the connection is closed
    hello_seconds: float = 10.0  # within which a player says hello
    send_seconds: float = 10.0  # after which a player who takes nothing is given up
    idle_seconds: float = 600.0  # without a message, after which the seat is freed
    frames_queued: int = 2


class Connection:
    """Reads a player's messages and sends what the stream of its seat makes."""

    def __init__(self, socket: WebSocket, hall: Hall, config: ConnectionConfig) -> None:
        self.socket, self.hall, self.config = socket, hall, config
        self.outbox = Outbox(config.frames_queued)
        self._rate = RateLimit(config.rates)
        self._mistakes = 0
        self._seat: int | None = None
        self._stream: Stream | None = None
        self._heard = time.monotonic()
        self._greeted = asyncio.Event()

    async def serve(self) -> None:
        """Play until one side ends it; never raises for what the player did."""
        await self.socket.accept()
        code, reason = 1000, ""
        tasks = [asyncio.create_task(part) for part in (self._send(), self._receive(), self._play(), self._watch())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except Exception as error:  # whatever it is, it ends this connection and no other
            code, reason = self._ending(error)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._seat is not None:
                self.hall.seats.give_back(self._seat)
        with contextlib.suppress(Exception):  # it may be gone already
            await asyncio.wait_for(self.socket.close(code, reason[:120]), 2.0)

    def _ending(self, error: Exception) -> tuple[int, str]:
        """Closing code and reason; an error that is no kind of leaving is the server's own, and one line in its log."""
        if isinstance(error, Farewell):
            return error.code, str(error)
        # Starlette says with a RuntimeError that it was asked to speak to someone who has left.
        left = WebSocketState.DISCONNECTED in (self.socket.client_state, self.socket.application_state)
        if left or isinstance(error, (WebSocketDisconnect, ConnectionError)):
            return 1000, str(error)
        _LOG.error("a player's connection failed: %s: %s", type(error).__name__, " ".join(str(error).split()))
        return 1011, "the server failed here; reload the page to play on"

    async def _send(self) -> None:
        while (item := await self.outbox.take()) is not None:
            sending = self.socket.send_text(item) if isinstance(item, str) else self.socket.send_bytes(item.to_bytes())
            try:
                async with asyncio.timeout(self.config.send_seconds):  # Python 3.11's wait_for may swallow a cancellation
                    await sending
            except TimeoutError:
                raise Farewell(1008, f"nothing was taken for {self.config.send_seconds:.0f} s") from None

    async def _watch(self) -> None:
        """Free the seat of a player who does nothing."""
        while True:
            await asyncio.sleep(min(1.0, self.config.idle_seconds / 4))
            if self._stream is not None and time.monotonic() - self._heard > self.config.idle_seconds:
                raise Farewell(1001, "idle: the seat was freed; reload the page to play on")

    async def _play(self) -> None:
        """Wait for a seat, once hello was said, then stream."""
        hall, world = self.hall, self.hall.world
        await self._greeted.wait()
        try:
            self._seat = await hall.seats.take(self._tell_position)
        except FullError as error:
            raise Farewell(1013, str(error)) from None
        self._stream = Stream(
            self._seat,
            hall.generator,
            self.outbox,
            hall.encoder,
            fps=world.fps,
            frames=world.segment_frames,
            config=hall.stream,
        )
        self._heard = time.monotonic()
        self.outbox.put_note(Welcome(width=world.width, height=world.height, fps=world.fps, segment_frames=world.segment_frames))
        try:
            await self._stream.run()
        except ModelStoppedError as error:
            raise Farewell(1011, str(error)) from None

    def _tell_position(self, position: int) -> None:
        self.outbox.put_note(Waiting(position=position, seats=self.hall.seats.seats))

    async def _receive(self) -> None:
        await self._hear_hello()
        self._greeted.set()
        while True:
            try:
                await self._obey(self._parse(await self._next_text()))
            except ProtocolError as error:
                self._mistakes += 1
                if error.garbage or self._mistakes > self.config.mistakes:
                    raise Farewell(1008, str(error)) from None
                self.outbox.put_note(ErrorNote(text=str(error)))
            if self.outbox.overrun:
                raise Farewell(1008, "too many messages were not taken")

    async def _hear_hello(self) -> None:
        try:
            async with asyncio.timeout(self.config.hello_seconds):
                message = self._parse(await self._next_text())
        except TimeoutError:
            raise Farewell(1008, "say hello first") from None
        except ProtocolError as error:
            raise Farewell(1008, str(error)) from None
        if not isinstance(message, Hello):
            raise Farewell(1008, "say hello first")
        if message.version != VERSION:
            raise Farewell(1008, f"this server speaks version {VERSION}, not {message.version}; reload the page")

    async def _next_text(self) -> str:
        message = await self.socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1006), message.get("reason"))
        text = message.get("text")
        if not self._rate.allow(len(text if text is not None else message.get("bytes") or b"")):
            rates = self.config.rates
            most = f"{rates.messages_per_second:.0f} and {rates.bytes_per_second:.0f} bytes"
            raise Farewell(1008, f"too many messages; send at most {most} a second")
        if text is None:
            raise Farewell(1008, "binary messages are not understood; send JSON text")
        return str(text)

    def _parse(self, text: str) -> PlayerMessage:
        message = parse_message(text)
        self._heard = time.monotonic()
        return message

    async def _obey(self, message: PlayerMessage) -> None:
        if isinstance(message, Bye):
            raise Farewell(1000, "bye")
        if isinstance(message, Hello):
            raise ProtocolError("hello was said already")
        if self._stream is None:
            raise ProtocolError("wait for a seat: welcome comes when one is free")
        match message:
            case Action():
                self._stream.controls.put(message)
            case Pause():
                self._stream.pause(message.paused)
            case Start():
                self._stream.start(await self._walk_of(message))
            case Reset():
                if self._stream.walk is None:
                    raise ProtocolError("reset: nothing was started yet")
                self._stream.start(self._stream.walk)

    async def _walk_of(self, start: Start) -> Walk:
        world = self.hall.world
        if (start.image is None) == (start.png is None):
            raise ProtocolError("start: give either image or png")
        if start.png is not None:
            picture = await asyncio.to_thread(read_upload, start.png, world.width, world.height)
            return Walk(picture=picture, image=-1, prompt=start.prompt, seed=start.seed)
        assert start.image is not None
        if start.image >= len(world.starts):
            raise ProtocolError(f"start: image {start.image} does not exist; there are {len(world.starts)}")
        chosen = world.starts[start.image]
        return Walk(picture=chosen.picture, image=start.image, prompt=start.prompt or chosen.prompt, seed=start.seed)
