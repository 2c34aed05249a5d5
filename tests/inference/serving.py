"""A real server on loopback, and a player that speaks the protocol through a real socket."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
import websockets
from websockets.asyncio.client import ClientConnection

from inference.generator import Generator
from inference.protocol import HEADER_BYTES, FrameHeader
from inference.served import ServedWorld, StartImage
from inference.server import ServeConfig, bind, create_app, server_config
from tests.inference.panning_world import FPS, FRAMES, HEIGHT, WIDTH, start_image


def panning_served(banner: str = "", fps: float = FPS) -> ServedWorld:
    """What a server says of the panning world."""
    return ServedWorld(
        name="panning",
        bundle="b" * 64,
        dataset="d" * 64,
        checkpoints={"autoencoder": "a" * 64, "denoiser": "e" * 64},
        width=WIDTH,
        height=HEIGHT,
        fps=fps,
        segment_frames=FRAMES,
        starts=tuple(StartImage(picture=start_image(n), prompt=f"Blobs {n}.") for n in range(3)),
        banner=banner,
    )


@contextlib.contextmanager
def serving(generator: Generator, world: ServedWorld, config: ServeConfig) -> Iterator[str]:
    """Run the app in a thread of this process; gives ``127.0.0.1:port``."""
    listener = bind(config)
    server = uvicorn.Server(server_config(create_app(config, generator, world), config.allowed_origins))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(15)
        listener.close()


class TestPlayer:
    """Speaks the protocol; keeps the last note of each type."""

    __test__ = False

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.notes: dict[str, dict[str, Any]] = {}

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def start(self, **more: Any) -> dict[str, Any]:
        """Start and wait until it is so."""
        await self.say(type="start", **{"image": 0, "seed": 1, **more})
        return await self.hear("started")

    async def hear(self, kind: str, seconds: float = 60.0) -> dict[str, Any]:
        """The next note of a type; frames on the way are dropped."""
        async with asyncio.timeout(seconds):
            while True:
                message = await self.socket.recv()
                if isinstance(message, str):
                    note = json.loads(message)
                    self.notes[note["type"]] = note
                    if note["type"] == kind:
                        return note

    async def frame(self, seconds: float = 60.0) -> tuple[FrameHeader, bytes]:
        """The next frame; notes on the way are kept."""
        async with asyncio.timeout(seconds):
            while True:
                message = await self.socket.recv()
                if isinstance(message, bytes):
                    return FrameHeader.unpack(message), message[HEADER_BYTES:]
                note = json.loads(message)
                self.notes[note["type"]] = note

    async def closing(self, seconds: float = 60.0) -> tuple[int, str]:
        """Code and reason of the server's close."""
        async with asyncio.timeout(seconds):
            try:
                while True:
                    await self.socket.recv()
            except websockets.ConnectionClosed as closed:
                assert closed.rcvd is not None, "the connection broke without a close"
                return closed.rcvd.code, closed.rcvd.reason


@contextlib.asynccontextmanager
async def connected(address: str, **options: Any) -> AsyncIterator[TestPlayer]:
    """A connection before any message."""
    async with websockets.connect(f"ws://{address}/play", max_size=None, **options) as socket:
        yield TestPlayer(socket)


@contextlib.asynccontextmanager
async def playing(address: str, **start: Any) -> AsyncIterator[TestPlayer]:
    """A player who has a seat and a walk."""
    async with connected(address) as player:
        await player.say(type="hello", version=1)
        await player.hear("welcome")
        await player.start(**start)
        yield player
