"""The telemetry protocol between a game's plugin and us: a header, then one JSON line a frame, in a file. Version 1.

``infra/plugins/README.md`` describes the lines. What stands in the file comes from outside: every value is checked here.
"""

import json
import os
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from infra.errors import WorldloomError

PROTOCOL: Final = 1
MAX_LINE_BYTES: Final = 4096
MAX_READ_BYTES: Final = 1 << 20  # a reader that fell behind catches up in pieces
HEAD_BYTES: Final = 256  # a header, which differs from session to session and part to part
MAX_BAD_LINES: Final = 100  # in a row; then what writes there is no plugin of ours
_POLL_SECONDS: Final = 0.004

_Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]
_Triple = Annotated[tuple[_Number, _Number, _Number], Field()]
Activity = Literal["play", "paused", "menu", "cutscene", "loading"]


class TelemetryError(WorldloomError):
    """Telemetry does not come, or is none of ours."""


@checked_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="ignore", strict=False))
class Header:
    """The first line of a session. A game that restarts, or a plugin that is loaded again, starts another one."""

    worldloom: int  # version of the protocol
    title: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]
    session: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    part: Annotated[int, Field(ge=0, lt=2**31)] = 0  # a plugin begins its file anew before that grows too large
    host: Annotated[str, Field(max_length=100)] = ""


@checked_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="ignore", strict=False))
class Sample:
    """What the plugin saw in one frame. Positions and angles are the game's own."""

    frame: Annotated[int, Field(ge=0, lt=2**53)]  # the plugin's counter, strictly increasing in a session
    clock: Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e9)]  # seconds, of a clock that never goes back
    pos: _Triple
    rot: Annotated[tuple[_Number, ...], Field(min_length=3, max_length=6)]
    fov: Annotated[float, Field(allow_inf_nan=False, gt=0, lt=180)]  # degrees
    state: Activity
    player: _Triple | None = None
    keys: Annotated[tuple[Annotated[int, Field(ge=-1, le=1)], ...], Field(min_length=6, max_length=6)] | None = None


@dataclass(frozen=True, kw_only=True)
class Received:
    """A sample and when and in which session it came."""

    header: Header
    epoch: int  # counts sessions and jumps of the plugin's clock: clocks compare within one epoch only
    sample: Sample
    arrival: float  # seconds, our monotonic clock


_HEADER: Final = TypeAdapter(Header)
_SAMPLE: Final = TypeAdapter(Sample)


def parse_line(line: bytes) -> Header | Sample:
    """Read one line without its newline.

    Raises:
        ValueError: one line that says what is wrong with it.
    """
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"longer than {MAX_LINE_BYTES} bytes")
    try:
        values = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):  # UnicodeDecodeError is one too
        raise ValueError("no JSON") from None
    if not isinstance(values, dict):
        raise ValueError("no JSON object")
    try:
        if "worldloom" not in values:
            return _SAMPLE.validate_python(values)
        header = _HEADER.validate_python(values)
    except ValidationError as error:
        fault = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
    if header.worldloom != PROTOCOL:
        raise ValueError(f"protocol version {header.worldloom}, this reads {PROTOCOL}; install the plugin that came with it")
    return header


def _refuse(constant: str) -> float:
    raise ValueError(constant)


class TelemetryReader:
    """Follows a telemetry file as it grows, from its present end on; a file that appears later is read from its start.

    A torn last line waits for its rest. A file that shrank or was replaced is read anew. Lines that are none of ours are
    counted in ``faults``, and a hundred of them in a row are an error.
    """

    def __init__(self, path: Path, title: str) -> None:
        self.path = path
        self.title = title
        self.faults: Counter[str] = Counter()
        self.header: Header | None = None
        self.epoch = 0
        self._file = -1
        self._identity: tuple[int, int] | None = None
        self._head = b""
        self._offset = 0
        self._rest = b""
        self._bad_in_a_row = 0
        self._last: Sample | None = None
        self._start_at_end = path.exists()

    def poll(self) -> list[Received]:
        """What came since the last call, without waiting.

        Raises:
            TelemetryError: what is written there is no telemetry of this title.
        """
        if not self._reopen():
            return []
        data = os.pread(self._file, MAX_READ_BYTES, self._offset)
        self._offset += len(data)
        arrival = time.monotonic()
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            self._reject("longer than a line may be")
            self._rest = b""
        received = []
        for line in lines:
            if line.strip() and (sample := self._take(line)) is not None:
                assert self.header is not None
                received.append(Received(header=self.header, epoch=self.epoch, sample=sample, arrival=arrival))
        return received

    def wait(self, deadline: float, wanted: Callable[[Received], bool]) -> Received:
        """The first sample that is ``wanted``; ``deadline`` is on the monotonic clock.

        Raises:
            TelemetryError: none came in time; says what came instead.
        """
        seen = 0
        while time.monotonic() < deadline:
            for received in self.poll():
                seen += 1
                if wanted(received):
                    return received
            time.sleep(_POLL_SECONDS)
        raise TelemetryError(f"{self._silence(seen)}; is the plugin installed and the game running, not in a menu?")

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> "TelemetryReader":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _silence(self, seen: int) -> str:
        if self._file < 0:
            return f"telemetry of {self.title}: no file {self.path}"
        faults = ", ".join(f"{count} {name}" for name, count in self.faults.most_common(3))
        return (
            f"telemetry of {self.title} in {self.path}: none of {seen} samples was the one waited for ({faults or 'no faults'})"
        )

    def _reopen(self) -> bool:
        """Open the file; go back to its start if it was replaced or begun anew; False while there is none."""
        try:
            facts = os.stat(self.path)
        except FileNotFoundError:
            self._start_at_end = False
            return self._file >= 0
        if (facts.st_dev, facts.st_ino) != self._identity:
            self.close()
            self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            self._identity = (facts.st_dev, facts.st_ino)
            self._head, self._offset, self._rest = b"", 0, b""
        head = os.pread(self._file, HEAD_BYTES, 0)
        if not head.startswith(self._head):  # begun anew, and perhaps already longer than what was read of the old one
            self._offset, self._rest = 0, b""
        self._head = head
        if self._start_at_end and head:
            self._skip_to_end(facts.st_size)
        return True

    def _skip_to_end(self, size: int) -> None:
        """Old samples are of no interest, the session's header is: it stands in the first line."""
        self._start_at_end = False
        first, newline, _ = os.pread(self._file, MAX_LINE_BYTES, 0).partition(b"\n")
        if newline:
            self._take(first)
            start = max(0, size - MAX_LINE_BYTES)
            self._offset = start + os.pread(self._file, size - start, start).rfind(b"\n") + 1

    def _take(self, line: bytes) -> Sample | None:
        try:
            found = parse_line(line)
        except ValueError as error:
            self._reject(str(error))
            return None
        self._bad_in_a_row = 0
        if isinstance(found, Header):
            self._begin(found)
            return None
        if self.header is None:
            self._reject("sample before any header")
            return None
        if self._last is not None and found.frame <= self._last.frame:
            self._reject("frame number does not increase")
            return None
        if self._last is not None and found.clock < self._last.clock:
            self.faults["clock went back"] += 1
            self.epoch += 1
        self._last = found
        return found

    def _begin(self, header: Header) -> None:
        if header.title != self.title:
            raise TelemetryError(f"{self.path} is telemetry of {header.title}, not of {self.title}; name the right game folder")
        if self.header is None or header.session != self.header.session:
            self.epoch += 1
            self._last = None
        self.header = header

    def _reject(self, reason: str) -> None:
        self.faults[reason] += 1
        self._bad_in_a_row += 1
        if self._bad_in_a_row > MAX_BAD_LINES:
            raise TelemetryError(f"{self.path}: {MAX_BAD_LINES} lines in a row are no telemetry ({reason}); what writes there?")


class ClockMap:
    """The plugin's clock on ours. Nothing arrives before it was written, so the least delay seen is nearest to the truth."""

    def __init__(self, window: int = 600) -> None:
        self._epoch = -1
        self._offsets: deque[float] = deque(maxlen=window)  # so that a slow drift between the clocks is followed

    def add(self, received: Received) -> None:
        """Learn from a sample; a new session or a clock that jumped starts over."""
        if received.epoch != self._epoch:
            self._epoch = received.epoch
            self._offsets.clear()
        self._offsets.append(received.arrival - received.sample.clock)

    def ours(self, clock: float) -> float:
        """Seconds on our monotonic clock.

        Raises:
            ValueError: no sample was added yet.
        """
        if not self._offsets:
            raise ValueError("no telemetry yet: the clocks cannot be compared")
        return clock + float(np.min(self._offsets))

    def theirs(self, ours: float) -> float:
        """The inverse. Raises as ``ours``."""
        return ours - self.ours(0.0)
