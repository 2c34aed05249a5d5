"""A client of OBS Studio's remote control, obs-websocket protocol 5, in JSON: requests with deadlines, events kept in order."""

import base64
import hashlib
import itertools
import json
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidURI
from websockets.sync.client import ClientConnection, connect

from infra.errors import WorldloomError

HELLO, IDENTIFY, IDENTIFIED, EVENT, REQUEST, RESPONSE = 0, 1, 2, 5, 6, 7  # op codes
RPC_VERSION: Final = 1
OUTPUT_EVENTS: Final = 1 << 6
AUTHENTICATION_FAILED: Final = 4009  # close code
MAX_EVENTS: Final = 1000
MAX_MESSAGE_BYTES: Final = 1 << 20


class ObsError(WorldloomError):
    """OBS cannot be reached, or does not do what it is asked."""


@dataclass(frozen=True, kw_only=True)
class ObsConfig:
    """Where OBS listens: its menu Tools > WebSocket Server Settings shows port and password; and what it shows."""

    url: str = "ws://127.0.0.1:4455"
    password: str = ""
    deadline: float = 10.0  # seconds for each request
    input: str = ""  # an input of OBS that shows the game, as its Game Capture; empty: the screen where the window is


def answer_challenge(password: str, salt: str, challenge: str) -> str:
    """What proves that one knows the password: base64 of sha256, twice."""
    secret = base64.b64encode(hashlib.sha256((password + salt).encode()).digest()).decode()
    return base64.b64encode(hashlib.sha256((secret + challenge).encode()).digest()).decode()


class ObsClient:
    """One connection. Use it from one thread."""

    def __init__(self, config: ObsConfig) -> None:
        self.config = config
        self.events: list[dict[str, Any]] = []  # the last thousand, oldest first
        self._numbers = itertools.count(1)
        self._socket = self._connect()
        try:
            self._identify()
        except BaseException:
            self.close()
            raise

    def request(self, kind: str, **data: Any) -> dict[str, Any]:
        """Ask OBS for something and wait for its answer.

        Raises:
            ObsError: no answer before the deadline, or OBS refused; says why.
        """
        number = str(next(self._numbers))
        self._send(REQUEST, {"requestType": kind, "requestId": number, "requestData": data})
        deadline = time.monotonic() + self.config.deadline
        while True:
            op, values = self._receive(deadline, kind)
            if op == RESPONSE and values.get("requestId") == number:
                break  # late answers to requests that were given up are passed over
        status = values.get("requestStatus") or {}
        if status.get("result") is not True:
            raise ObsError(f"OBS refused {kind}: {status.get('comment') or 'no reason'} (code {status.get('code')})")
        answer = values.get("responseData") or {}
        if not isinstance(answer, dict):
            raise ObsError(f"OBS answered {kind} with {type(answer).__name__}, not an object")
        return answer

    def wait_event(self, kind: str, deadline: float, **wanted: Any) -> dict[str, Any]:
        """Data of the first event of ``kind`` with the ``wanted`` values, from those kept on; it and older ones are dropped.

        Raises:
            ObsError: none came before ``deadline`` on the monotonic clock.
        """
        while True:
            for index, event in enumerate(self.events):
                data = event.get("eventData") or {}
                if event.get("eventType") == kind and all(data.get(name) == value for name, value in wanted.items()):
                    del self.events[: index + 1]
                    return dict(data)
            self._receive(deadline, f"event {kind}")

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def __enter__(self) -> "ObsClient":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _connect(self) -> ClientConnection:
        try:
            return connect(
                self.config.url,
                subprotocols=["obswebsocket.json"],  # type: ignore[list-item]
                open_timeout=self.config.deadline,
                close_timeout=1,
                max_size=MAX_MESSAGE_BYTES,
                proxy=None,
            )
        except (OSError, TimeoutError, InvalidHandshake, InvalidMessage, InvalidURI) as error:
            raise ObsError(
                f"no OBS at {self.config.url} ({error or type(error).__name__}); start OBS 28 or later and enable "
                "Tools > WebSocket Server Settings"
            ) from None

    def _identify(self) -> None:
        deadline = time.monotonic() + self.config.deadline
        op, hello = self._receive(deadline, "hello")
        if op != HELLO:
            raise ObsError(f"{self.config.url} did not greet as obs-websocket 5 does; use OBS 28 or later")
        identify: dict[str, Any] = {"rpcVersion": RPC_VERSION, "eventSubscriptions": OUTPUT_EVENTS}
        if challenge := hello.get("authentication"):
            identify["authentication"] = answer_challenge(self.config.password, challenge["salt"], challenge["challenge"])
        self._send(IDENTIFY, identify)
        op, _ = self._receive(deadline, "identification")
        if op != IDENTIFIED:
            raise ObsError(f"{self.config.url} did not accept the connection")

    def _send(self, op: int, values: dict[str, Any]) -> None:
        try:
            self._socket.send(json.dumps({"op": op, "d": values}))
        except ConnectionClosed as error:
            raise self._closed(error) from None

    def _receive(self, deadline: float, awaited: str) -> tuple[int, dict[str, Any]]:
        """The next message; events are kept aside, and returned too."""
        try:
            text = self._socket.recv(timeout=max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            raise ObsError(f"OBS did not answer in time: {awaited}; does it hang?") from None
        except ConnectionClosed as error:
            raise self._closed(error) from None
        try:
            message = json.loads(text)
            op, values = message["op"], message["d"]
        except (ValueError, KeyError, TypeError):
            raise ObsError(f"{self.config.url} sent what is no obs-websocket message") from None
        if not isinstance(values, dict):
            raise ObsError(f"{self.config.url} sent a message without an object")
        if op == EVENT:
            self.events.append(values)
            del self.events[:-MAX_EVENTS]
        return int(op), values

    def _closed(self, error: ConnectionClosed) -> ObsError:
        code = error.rcvd.code if error.rcvd else None
        if code == AUTHENTICATION_FAILED:
            return ObsError(f"OBS at {self.config.url} refused the password; see Tools > WebSocket Server Settings")
        return ObsError(f"OBS at {self.config.url} closed the connection (code {code}); is it still running?")
