"""UnrealCV's wire: frames with magic and length, numbered requests and replies, and how numbers are written."""

import re
import struct
from collections.abc import Callable
from typing import Final

from infra.errors import WorldloomError

MAGIC: Final = 0x9E2B83C1
HEADER: Final = struct.Struct("<II")  # magic, bytes of payload
MAX_PAYLOAD: Final = 256 * 2**20  # bytes; the plugin takes no more
MAX_ID: Final = 2**31 - 1  # the plugin reads larger ids as 0
IDS_RESERVED: Final = 1_000_000  # below it a client connects anew, so that ids never wrap
DECIMALS: Final = 17  # so that doubles arrive as they left; the plugin reads any number of digits, but no exponent
BANNER: Final = b"connected to "

Later = Callable[[], bytes]  # a reply's body that another thread may make while the game goes on
Body = bytes | Later

_REQUEST: Final = re.compile(rb"(\d+):(.*)")  # "." ends at a line break, as in the plugin
_REPLY_ID: Final = re.compile(rb"(\d{1,10}):")


class WireError(WorldloomError):
    """The peer does not speak the protocol; the connection cannot be trusted any more."""


def frame(payload: bytes | memoryview) -> bytes:
    """The header that goes before ``payload``.

    Raises:
        WireError: the payload is empty or too long.
    """
    check_size(len(payload))
    return HEADER.pack(MAGIC, len(payload))


def payload_size(header: bytes | memoryview) -> int:
    """Bytes that follow a header of 8 bytes.

    Raises:
        WireError: wrong magic, or a length that the protocol does not allow.
    """
    magic, size = HEADER.unpack(header)
    if magic != MAGIC:
        raise WireError(f"a frame begins with {magic:#010x} instead of {MAGIC:#010x}; is this port an UnrealCV server?")
    check_size(size)
    return int(size)


def check_size(size: int) -> None:
    """Hold a payload's length to the protocol's bounds."""
    if not 0 < size <= MAX_PAYLOAD:
        raise WireError(f"a frame of {size} bytes; the protocol allows 1 to {MAX_PAYLOAD}")


def request_payload(number: int, command: str) -> bytes:
    """``<id>:<command>``.

    Raises:
        ValueError: the command spans lines, which the plugin would cut off.
    """
    if "\n" in command or "\r" in command:
        raise ValueError(f"a command is one line, not {command!r}")
    return f"{number}:{command}".encode()


def parse_request(payload: bytes) -> tuple[int, str] | None:
    """Id and command; None for what the plugin leaves without an answer. Ids past ``MAX_ID`` become 0, as there."""
    match = _REQUEST.match(payload)
    if match is None:
        return None
    number = int(match[1])
    return (number if number <= MAX_ID else 0), match[2].decode("utf-8", "replace")


def reply_payload(number: int, body: bytes) -> bytes:
    """``<id>:<body>``; the body is text or binary."""
    return b"%d:%b" % (number, body)


def parse_reply(payload: memoryview) -> tuple[int, memoryview]:
    """Id and body of a reply; the body is not copied.

    Raises:
        WireError: there is no id.
    """
    match = _REPLY_ID.match(payload[:12])
    if match is None:
        raise WireError(f"a reply without an id: {bytes(payload[:40])!r}")
    return int(match[1]), payload[match.end() :]


def number_text(value: float) -> str:
    """A number as the plugin's syntax wants it: digits on both sides of the point, no exponent, no "-0".

    Raises:
        ValueError: not finite.
    """
    if not abs(value) < 1e15:  # also catches nan
        raise ValueError(f"{value} cannot be sent as a number")
    text = f"{value:.{DECIMALS}f}".rstrip("0")
    text = text + "0" if text.endswith(".") else text
    return "0.0" if text == "-0.0" else text


def numbers_text(*values: float) -> str:
    """Numbers with spaces between, see ``number_text``."""
    return " ".join(number_text(value) for value in values)
