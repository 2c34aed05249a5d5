"""What server and player say to each other over the WebSocket ``/play``. Version 1.

Text frames are JSON objects with a ``type``; unknown types and fields are refused with an ``error`` that names them.

==========  =========  ==============================================================================================
from        type       fields
==========  =========  ==============================================================================================
player      hello      version: 1. First of all; the server answers ``welcome``, or ``waiting`` until a seat is free.
player      start      image: number of a start image, or png: base64 of a picture; seed; prompt ("" = the image's own).
player      action     number: rises with each action; keys: names that are down (``HeldKey``); mouse: [pitch, yaw] that the
                       mouse turned since the last action, in units of 15 degrees, + is up and right.
player      pause      paused: true stops generation at the end of the segment, false goes on.
player      reset      none; begins the walk again with the same image, seed and prompt.
player      bye        none; frees the seat.
server      waiting    position: 1 is next; seats: how many there are.
server      welcome    version, width, height, fps, segment_frames.
server      loading    none; the model is not ready yet, ``started`` follows when it is.
server      started    session, image (-1 = uploaded), seed, prompt. Frames of other sessions are stale from now on.
server      segment    session, segment, first_frame, applied, poses: [x, z, yaw] of each frame (metres, degrees),
                       memory_frames: recalled frame numbers, memory_poses, seconds: by step, dropped: frames so far.
server      error      text: one line. The connection stays, unless a close follows.
==========  =========  ==============================================================================================

Binary frames go to the player only: a header of 32 bytes, little-endian, and a JPEG.

======  ====  ===========================================================================
offset  type  meaning
======  ====  ===========================================================================
0       u32   session: number of the walk, another one after each start or reset
4       u32   segment: number of the segment, 0 first
8       u32   frame: number of the frame; 0 is the start image
12      u32   applied: number of the newest action that this frame shows, 0 before any
16      u64   generated: when the segment was ready, microseconds since 1970
24      u64   sent: when the frame was handed to the socket, microseconds since 1970
======  ====  ===========================================================================

Closing codes: 1008 broke a limit or the protocol, 1011 the model stays down, 1013 all seats are taken, 1001 idle.
Limits: a message has at most ``MAX_MESSAGE_BYTES``, an uploaded image at most ``MAX_IMAGE_BYTES``; rates are ``RateConfig``'s.
"""

import json
import struct
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

VERSION: Final = 1
MAX_IMAGE_BYTES: Final = 2 << 20
MAX_MESSAGE_BYTES: Final = MAX_IMAGE_BYTES * 4 // 3 + 4096
MAX_PROMPT: Final = 300  # characters

_U32 = Annotated[int, Field(ge=0, lt=2**32)]
_Turn = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]

HeldKey = Literal["forward", "back", "left", "right", "jump", "interact", "turn_left", "turn_right", "look_up", "look_down"]


class ProtocolError(ValueError):
    """A message cannot be accepted; the text says why in one line. Garbage is no JSON object at all."""

    def __init__(self, text: str, *, garbage: bool = False) -> None:
        super().__init__(text)
        self.garbage = garbage


@dataclass(frozen=True, kw_only=True)
class _Message:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, kw_only=True)
class Hello(_Message):
    type: Literal["hello"] = "hello"
    version: int


@dataclass(frozen=True, kw_only=True)
class Start(_Message):
    type: Literal["start"] = "start"
    image: Annotated[int, Field(ge=0, le=10_000)] | None = None
    png: Annotated[str, Field(max_length=MAX_IMAGE_BYTES * 4 // 3 + 4)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    prompt: Annotated[str, Field(max_length=MAX_PROMPT)] = ""


@dataclass(frozen=True, kw_only=True)
class Action(_Message):
    type: Literal["action"] = "action"
    number: _U32
    keys: Annotated[tuple[HeldKey, ...], Field(max_length=10)] = ()
    mouse: tuple[_Turn, _Turn] = (0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Pause(_Message):
    type: Literal["pause"] = "pause"
    paused: bool


@dataclass(frozen=True, kw_only=True)
class Reset(_Message):
    type: Literal["reset"] = "reset"


@dataclass(frozen=True, kw_only=True)
class Bye(_Message):
    type: Literal["bye"] = "bye"


PlayerMessage: TypeAlias = Hello | Start | Action | Pause | Reset | Bye
_PLAYER: Final[TypeAdapter[PlayerMessage]] = TypeAdapter(Annotated[PlayerMessage, Field(discriminator="type")])


def parse_message(text: str) -> PlayerMessage:
    """Read what a player sent.

    Raises:
        ProtocolError: it is no JSON object of a known type with known fields in their bounds.
    """
    if len(text) > MAX_MESSAGE_BYTES:
        raise ProtocolError(f"a message has at most {MAX_MESSAGE_BYTES} bytes", garbage=True)
    try:
        return _PLAYER.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:3])[:80]
        garbage = not first["loc"] and not first["type"].startswith("union_tag")
        raise ProtocolError(_one_line(f"{where}: {first['msg']}" if where else first["msg"]), garbage=garbage) from None
    except ValueError as error:  # text that is no Unicode
        raise ProtocolError(_one_line(str(error)), garbage=True) from None


@dataclass(frozen=True, kw_only=True)
class Waiting:
    type: Literal["waiting"] = "waiting"
    position: int
    seats: int


@dataclass(frozen=True, kw_only=True)
class Welcome:
    type: Literal["welcome"] = "welcome"
    version: int = VERSION
    width: int
    height: int
    fps: float
    segment_frames: int


@dataclass(frozen=True, kw_only=True)
class Loading:
    type: Literal["loading"] = "loading"


@dataclass(frozen=True, kw_only=True)
class Started:
    type: Literal["started"] = "started"
    session: int
    image: int
    seed: int
    prompt: str


@dataclass(frozen=True, kw_only=True)
class SegmentNote:
    type: Literal["segment"] = "segment"
    session: int
    segment: int
    first_frame: int
    applied: int
    poses: tuple[tuple[float, float, float], ...]
    memory_frames: tuple[int, ...]
    memory_poses: tuple[tuple[float, float, float], ...]
    seconds: dict[str, float]
    dropped: int


@dataclass(frozen=True, kw_only=True)
class ErrorNote:
    type: Literal["error"] = "error"
    text: str


ServerMessage: TypeAlias = Waiting | Welcome | Loading | Started | SegmentNote | ErrorNote


def to_text(message: ServerMessage | PlayerMessage) -> str:
    """The JSON of a message; fields without a value are left out."""
    values: dict[str, Any] = {key: value for key, value in asdict(message).items() if value is not None}
    return json.dumps(values, separators=(",", ":"))


_HEADER: Final = struct.Struct("<IIIIQQ")
HEADER_BYTES: Final = _HEADER.size


@dataclass(frozen=True, kw_only=True)
class FrameHeader:
    """What stands before each JPEG; see the table above."""

    session: int
    segment: int
    frame: int
    applied: int
    generated: int
    sent: int

    def pack(self) -> bytes:
        return _HEADER.pack(self.session, self.segment, self.frame, self.applied, self.generated, self.sent)

    @classmethod
    def unpack(cls, data: bytes) -> "FrameHeader":
        """Read the header of a binary frame.

        Raises:
            ProtocolError: the data is shorter than a header.
        """
        if len(data) < HEADER_BYTES:
            raise ProtocolError(f"a frame begins with {HEADER_BYTES} bytes of header, this has {len(data)} in all")
        session, segment, frame, applied, generated, sent = _HEADER.unpack_from(data)
        return cls(session=session, segment=segment, frame=frame, applied=applied, generated=generated, sent=sent)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
