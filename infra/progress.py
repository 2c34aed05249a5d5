"""Progress that people can follow on a terminal and in a log alike."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TextIO

from infra import heartbeat
from infra.heartbeat import HEARTBEAT

Observer = Callable[[str, int, int, str], None]  # stage, done, total, message

LOG_SECONDS: Final = 5.0  # between lines where there is no terminal
TERMINAL_SECONDS: Final = 0.2


class Progress:
    """One stage's progress: a line that renews itself on a terminal, one line every few seconds elsewhere.

    Observers are told whenever a line shows. Rate and time left count from where this process began, so that a
    continued stage does not take credit for what an earlier one did. Within its ``with`` block a longer silence is broken
    by saying again what is being done, and for how long.
    """

    def __init__(self, stage: str, observers: tuple[Observer, ...] = (), stream: TextIO | None = None) -> None:
        self.stage, self.observers = stage, observers
        self.stream = sys.stderr if stream is None else stream
        self.terminal = self.stream.isatty()
        self._shown: float | None = None  # when the last line was
        self._began = self.news = time.monotonic()
        self._part = (0, -1, self._began)  # done, total and time at which the running part began
        self._last, self._doing = 0, "working"
        self._open_line = False  # a line on the terminal that has no end yet

    def __enter__(self) -> Self:
        self.news = time.monotonic()
        HEARTBEAT.watch(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        HEARTBEAT.leave(self)
        self.close()

    def __call__(self, done: int, total: int, message: str) -> None:
        """Say that ``done`` of ``total`` steps are over; the last step always shows."""
        now = time.monotonic()
        if total != self._part[1] or done < self._last:
            self._part = (done, total, now)
        self._last, self._doing, self.news = done, message, now
        pause = TERMINAL_SECONDS if self.terminal else LOG_SECONDS
        if self._shown is not None and now - self._shown < pause and done < total:
            return
        self._shown = now
        HEARTBEAT.note()
        self._show(self._line(done, total, message, now))
        for observer in self.observers:
            observer(self.stage, done, total, message)

    def say(self, message: str) -> None:
        """Show a message at once, where the work stands: that it waits, and what for."""
        self._shown = None
        self(self._last, max(self._part[1], 0), message)

    def doing(self, message: str) -> None:
        """What is being done from now on; shown only if it takes long."""
        self._doing, self.news = message, time.monotonic()

    @property
    def quiet_seconds(self) -> float:
        """How long a silence may last."""
        return heartbeat.TERMINAL_SECONDS if self.terminal else heartbeat.LOG_SECONDS

    def beat(self) -> None:
        """Say again what is being done, and since when."""
        now = time.monotonic()
        if self._part[1] < 0:
            self._show(f"{self.stage:<10} {self._doing}, for {now - self.news:.0f} s now")
        else:
            since = f"nothing new for {now - self.news:.0f} s"
            self._show(self._line(self._last, self._part[1], self._doing, now, since))

    def close(self) -> None:
        """End the line on a terminal."""
        if self._open_line:
            print(file=self.stream, flush=True)
            self._open_line = False

    def _show(self, line: str) -> None:
        self.stream.write(f"\r\x1b[K{line}" if self.terminal else f"{line}\n")
        self.stream.flush()
        self._open_line = self.terminal

    def _line(self, done: int, total: int, message: str, now: float, *more: str) -> str:
        first, _, began = self._part
        rate = (done - first) / (now - began) if now > began else 0.0
        share = done / total if total else 1.0
        facts = [f"{now - self._began:.0f} s"]
        if rate > 0:
            facts.append(f"{rate:.3g}/s")
            if done < total:
                facts.append(f"{(total - done) / rate:.0f} s left")
        facts += more
        return f"{self.stage:<10} {_bar(share)} {done}/{total} {message} ({', '.join(facts)})"


def _bar(share: float, width: int = 20) -> str:
    full = round(width * min(1.0, share))
    return "[" + "#" * full + "." * (width - full) + "]"
