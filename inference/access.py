"""Who may talk to the server: only pages of the server itself, and only under names that are its own.

A page of another site can open a WebSocket to any address; it cannot forge ``Origin``. Under a name that its owner
points at this machine (DNS rebinding) Origin and Host agree, so the Host must be one that is known.
"""

import ipaddress
import logging
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from inference.limits import RateConfig, RateLimit

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ORIGIN: Final = re.compile(r"(?P<scheme>https?)://([a-z0-9._-]{1,200}|\[[0-9a-f:.]+\])(?P<port>:[0-9]{1,5})?", re.ASCII)
_LONGEST_REASON: Final = 123  # bytes, by RFC 6455
_SHOWN: Final = 100  # characters of what a stranger wrote
_LINES: Final = RateConfig(messages_per_second=0.2, messages_at_once=5)  # on the terminal
_ANSWERS: Final = RateConfig(messages_per_second=5, messages_at_once=50)  # sockets that are told why

_LOG: Final = logging.getLogger(__name__)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin_of(url: str) -> str:
    """The origin of an address as browsers write it: lower case, without the port that its scheme has anyway.

    Raises:
        ValueError: it is no address of a web page.
    """
    origin = url.strip().lower().rstrip("/")
    if not (found := _ORIGIN.fullmatch(origin)):
        raise ValueError(f"serve.allowed_origins: {url!r} is no address of a page; write it as https://name or http://name:port")
    usual = {"http": ":80", "https": ":443"}[found["scheme"]]
    return origin.removesuffix(usual) if found["port"] == usual else origin


def refusal(host: str, origin: str | None, own_host: str, allowed_origins: Iterable[str]) -> str:
    """Why a request is refused and what would allow it, in one line; empty if it is not. ``own_host`` is what is bound."""
    allowed = {origin_of(url) for url in allowed_origins}
    name = _hostname(host)
    known = {own_host, *_LOOPBACK, *(urlsplit(url).hostname for url in allowed)}
    if name not in known and (is_loopback(own_host) or not _is_address(name)):
        return f"host {name[:_SHOWN]!r} is not known here; {_advice(f'http://{name}')}"
    if origin is None:
        return ""  # no browser; other programs can write any header
    if origin.lower().partition("://")[2] != host.lower() and _plain(origin) not in allowed:
        return f"origin {origin[:_SHOWN]!r} is not allowed here; {_advice(origin)}"
    return ""


def _plain(origin: str) -> str:
    """An origin of a browser as ``origin_of`` writes it; what is none stays as it is."""
    try:
        return origin_of(origin)
    except ValueError:
        return origin


def _advice(origin: str) -> str:
    if not _ORIGIN.fullmatch(origin):
        return "open the page by its own address, or add that to serve.allowed_origins"
    return f"to allow it: --set 'serve.allowed_origins=[\"{origin}\"]'"


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
    """Refuses foreign requests before anything else sees them, and says so on the terminal.

    A WebSocket is accepted only to be closed: before that, browsers tell a page nothing of why. Where many are refused,
    the rest get a bare 403.
    """

    def __init__(self, app: ASGIApp, own_host: str, allowed_origins: tuple[str, ...]) -> None:
        self.app, self.own_host, self.allowed_origins = app, own_host, allowed_origins
        self._told, self._answered = RateLimit(_LINES), RateLimit(_ANSWERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        origin = headers[b"origin"].decode("latin-1") if b"origin" in headers else None
        host = headers.get(b"host", b"").decode("latin-1")
        reason = refusal(host, origin, self.own_host, self.allowed_origins)
        if not reason:
            return await self.app(scope, receive, send)
        if self._told.allow(0):
            _LOG.warning("refused: %s", reason)
        if scope["type"] != "websocket":
            return await PlainTextResponse(reason + "\n", status_code=403)(scope, receive, send)
        await receive()
        if self._answered.allow(0):
            await send({"type": "websocket.accept"})
        return await send({"type": "websocket.close", "code": 1008, "reason": closing_reason(reason)})


def closing_reason(reason: str) -> str:
    """A refusal as a WebSocket's close may carry it, in 123 bytes; the page knows its own origin and says the rest."""
    fits = len(reason.encode()) <= _LONGEST_REASON
    return reason if fits else "this page is not allowed here; add its origin to serve.allowed_origins"
