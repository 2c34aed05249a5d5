"""Who may talk to the server: only pages of the server itself, and only under names that are its own.

A page of another site can open a WebSocket to any address; it cannot forge ``Origin``. Under a name that its owner
points at this machine (DNS rebinding) Origin and Host agree, so the Host must be one that is known.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refusal(host: str, origin: str | None, own_host: str, allowed_origins: Iterable[str]) -> str:
    """Why a request is refused, in one line; empty if it is not. ``own_host`` is what the server is bound to."""
    allowed = [urlsplit(url) for url in allowed_origins]
    name = _hostname(host)
    known = {own_host, *_LOOPBACK, *(url.hostname for url in allowed)}
    if name not in known and (is_loopback(own_host) or not _is_address(name)):
        return f"host {name!r} is not known here; add it to serve.allowed_origins"
    if origin is None:
        return ""  # no browser; other programs can write any header
    source = urlsplit(origin)
    if source.netloc.lower() != host.lower() and (source.scheme, source.netloc) not in [(u.scheme, u.netloc) for u in allowed]:
        return f"origin {origin!r} is not allowed here; add it to serve.allowed_origins"
    return ""


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class OwnPagesOnly:
    """Refuses foreign requests with status 403 before anything else sees them."""

    def __init__(self, app: ASGIApp, own_host: str, allowed_origins: tuple[str, ...]) -> None:
        self.app, self.own_host, self.allowed_origins = app, own_host, allowed_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        origin = headers.get(b"origin")
        reason = refusal(
            headers.get(b"host", b"").decode("latin-1"),
            origin.decode("latin-1") if origin is not None else None,
            self.own_host,
            self.allowed_origins,
        )
        if not reason:
            return await self.app(scope, receive, send)
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 1008, "reason": reason[:120]})
        return await PlainTextResponse(reason + "\n", status_code=403)(scope, receive, send)
