"""A reverse proxy that shows a server under the path /proxy/x, as notebook servers and cloud shells do"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from inference.server import ServeConfig, bind


@dataclass(kw_only=True)
class PrefixProxy:
    """Passes on pages and WebSockets; with ``own_host`` under the target's name, so that Origin and Host differ."""

    target: str  # host:port
    own_host: bool
    address: str = ""

    @contextlib.contextmanager
    def running(self) -> Iterator["PrefixProxy"]:
        """Serve in a thread; ``address`` is host:port."""
        pages, sockets = self._pages, WebSocketRoute("/proxy/x/{rest:path}", self._sockets)
        app = Starlette(routes=[Route("/proxy/x", pages), Route("/proxy/x/{rest:path}", pages), sockets])
        listener = bind(ServeConfig(port=0))
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join(15)
            listener.close()

    async def _pages(self, request: Request) -> Response:
        headers = {"host": self.target if self.own_host else request.headers["host"]}
        async with httpx.AsyncClient(trust_env=False) as client:
            found = await client.get(f"http://{self.target}/{request.path_params.get('rest', '')}", headers=headers)
        return Response(found.content, found.status_code, dict(found.headers))

    async def _sockets(self, socket: WebSocket) -> None:
        host, port = self.target.split(":")
        uri = f"ws://{self.target if self.own_host else socket.headers['host']}/{socket.path_params['rest']}"
        await socket.accept()
        origin = websockets.Origin(socket.headers["origin"])
        async with websockets.connect(uri, host=host, port=int(port), origin=origin, max_size=None, proxy=None) as up:
            sending = asyncio.create_task(_pass_on(socket, up))
            with contextlib.suppress(websockets.ConnectionClosed, RuntimeError, WebSocketDisconnect):
                async for message in up:
                    await (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))
            sending.cancel()
        with contextlib.suppress(RuntimeError):  # the browser may be gone
            await socket.close(up.close_code or 1011, up.close_reason)


async def _pass_on(socket: WebSocket, up: websockets.ClientConnection) -> None:
    """What the browser says, until it leaves."""
    with contextlib.suppress(WebSocketDisconnect, websockets.ConnectionClosed):
        while True:
            await up.send(await socket.receive_text())
    await up.close()
