"""The web server that a player opens: one page, a few facts, one WebSocket."""

import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Response, WebSocket
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from inference.accelerate import AccelerateConfig
from inference.access import OwnPagesOnly, is_loopback, origin_of
from inference.connection import Connection, ConnectionConfig, Hall
from inference.frame_ring import RingShape
from inference.generator import Generator, GeneratorConfig, ModelStoppedError
from inference.page_policy import headers_of
from inference.pictures import encode_jpeg
from inference.protocol import MAX_MESSAGE_BYTES
from inference.seats import Seats
from inference.served import ServedWorld, read_served_world
from inference.session import BundleLoader
from inference.stream import StreamConfig
from infra.errors import WorldloomError
from infra.store import Store
from modeling.device import Precision

WEB: Final = Path(__file__).parent / "web"
_FAREWELL_SECONDS: Final = 1.0  # for players to hear that the model is down


class PortInUseError(WorldloomError):
    """Something else listens where the server should."""


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """Where and how the released model is played."""

    host: str = "127.0.0.1"
    port: int = 8760  # 0 takes any that is free
    allowed_origins: tuple[str, ...] = ()  # pages elsewhere that may connect, as https://name
    max_sessions: int = 2
    max_waiting: int = 8
    device: str = "cpu"
    precision: Precision = "auto"  # of products; what the device is fast in
    int8: bool = False
    speed: AccelerateConfig = AccelerateConfig()
    stream: StreamConfig = StreamConfig()
    connection: ConnectionConfig = ConnectionConfig()

    def __post_init__(self) -> None:
        for url in self.allowed_origins:
            origin_of(url)


def create_app(config: ServeConfig, generator: Generator, world: ServedWorld) -> FastAPI:
    """The application around an open generator; the caller closes it."""
    encoder = ThreadPoolExecutor(1, "jpeg")
    seats = Seats(config.max_sessions, config.max_waiting)
    hall = Hall(world=world, generator=generator, seats=seats, encoder=encoder, stream=config.stream)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        encoder.shutdown(wait=False, cancel_futures=True)

    app = FastAPI(title="Worldloom", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_middleware(OwnPagesOnly, own_host=config.host, allowed_origins=config.allowed_origins)
    _add_facts(app, hall)

    @app.websocket("/play")
    async def play(websocket: WebSocket) -> None:
        await Connection(websocket, hall, config.connection).serve()

    app.mount("/", StaticFiles(directory=WEB, html=True), name="web")
    return app


def _add_facts(app: FastAPI, hall: Hall) -> None:
    world, generator = hall.world, hall.generator
    thumbnails = [encode_jpeg(start.picture, 90) for start in world.starts]

    @app.get("/health")
    async def health() -> JSONResponse:
        facts: dict[str, Any] = {"status": generator.status, "playing": hall.seats.taken, "waiting": hall.seats.waiting}
        facts |= {"seats": hall.seats.seats, "model_restarts": generator.restarts, "failure": generator.failure}
        return JSONResponse(facts, status_code=200 if generator.status == "ready" else 503)

    @app.get("/info")
    async def info() -> dict[str, Any]:
        return world.describe()

    @app.get("/starts/{number}.jpg")
    async def start_image(number: int) -> Response:
        if not 0 <= number < len(thumbnails):
            return Response(f"there is no start image {number}\n", status_code=404, media_type="text/plain")
        return Response(thumbnails[number], media_type="image/jpeg")

    @app.get("/")
    @app.get("/index.html")
    async def page() -> FileResponse:
        return FileResponse(WEB / "index.html", headers={"Cache-Control": "no-cache"})


def serve(config: ServeConfig, store: Store, digest: str, *, released: bool) -> None:
    """Serve a bundle until Ctrl-C or SIGTERM, or until its model stays down.

    Raises:
        ModelStoppedError: why the model cannot be loaded, or stopped too often.
        PortInUseError: names the port and how to choose another.
        MissingObjectError: the bundle is not whole.
    """
    world = read_served_world(store, digest, released=released, int8=config.int8)
    with contextlib.closing(bind(config)) as listener:
        load = BundleLoader(
            store=store.uri,
            digest=digest,
            int8=config.int8,
            device=config.device,
            precision=config.precision,
            speed=config.speed,
        )
        shape = RingShape(seats=config.max_sessions, frames=world.segment_frames, height=world.height, width=world.width)
        with Generator(load, shape, GeneratorConfig()) as generator:
            server = uvicorn.Server(server_config(create_app(config, generator, world), config.allowed_origins))
            print(greeting(config, world, listener.getsockname()[1]), flush=True)
            threading.Thread(target=_end_with_model, args=(generator, server), daemon=True).start()
            server.run(sockets=[listener])
            if generator.failure:
                raise ModelStoppedError(generator.failure)


def _end_with_model(generator: Generator, server: uvicorn.Server) -> None:
    """A server without a model serves nobody; who plays is told first."""
    if generator.wait_failed():
        time.sleep(_FAREWELL_SECONDS)
        server.should_exit = True


def server_config(app: FastAPI, allowed_origins: tuple[str, ...]) -> uvicorn.Config:
    """Limits of the transport: bounded messages, dead connections found within half a minute, no compression of JPEG.

    What browsers are to keep to goes with every answer from here, so that none forgets it.
    """
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=10.0,
        ws_ping_timeout=20.0,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=2,
        server_header=False,
        headers=headers_of(WEB / "index.html", allowed_origins),
    )


def bind(config: ServeConfig) -> socket.socket:
    """Take the port before the model is loaded.

    Raises:
        PortInUseError: it is taken, or may not be.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except OSError as error:
        listener.close()
        raise PortInUseError(
            f"cannot listen on {config.host} port {config.port}: {error.strerror or error}; choose another: --set serve.port=8761"
        ) from None
    listener.listen()
    return listener


def greeting(config: ServeConfig, world: ServedWorld, port: int) -> str:
    """What is printed at the start: the address, and warnings."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    lines = [f"play {world.name} at http://{host}:{port}/ (Ctrl-C ends it)"]
    if world.banner:
        lines.insert(0, f"WARNING: {world.banner}")
    if not is_loopback(config.host):
        lines.insert(0, f"WARNING: {config.host} can be reached from other machines, and nobody is asked for a password")
    return "\n".join(lines)
