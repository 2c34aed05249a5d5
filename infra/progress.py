"""Progress that people can follow on a terminal and in a log alike."""

import sys
import time
from collections.abc import Callable
from typing import Final, TextIO

Observer = Callable[[str, int, int, str], None]  # stage, done, total, message

LOG_SECONDS: Final = 5.0  # between lines where there is no terminal
TERMINAL_SECONDS: Final = 0.2


class Progress:
    """One stage's progress: a line that renews itself on a terminal, one line every few seconds elsewhere.

    Observers are told whenever a line shows. Rate and time left count from where this process began, so that a
    continued stage does not take credit for what an earlier one did.
    """

    def __init__(self, stage: str, observers: tuple[Observer, ...] = (), stream: TextIO | None = None) -> None:
        self.stage, self.observers = stage, observers
        self.stream = sys.stderr if stream is None else stream
        self._shown: float | None = None  # when the last line was
        self._began = time.monotonic()
        self._part = (0, -1, self._began)  # done, total and time at which the running part began
        self._last = 0

    def __call__(self, done: int, total: int, message: str) -> None:
        """Say that ``done`` of ``total`` steps are over; the last step always shows."""
        now = time.monotonic()
        if total != self._part[1] or done < self._last:
            self._part = (done, total, now)
        self._last = done
        terminal = self.stream.isatty()
        pause = TERMINAL_SECONDS if terminal else LOG_SECONDS
        if self._shown is not None and now - self._shown < pause and done < total:
            return
        self._shown = now
        line = self._line(done, total, message, now)
        print(f"\r\x1b[K{line}" if terminal else line, end="" if terminal else "\n", file=self.stream, flush=True)
        for observer in self.observers:
            observer(self.stage, done, total, message)

    def say(self, message: str) -> None:
        """Show a message at once, where the work stands: that it waits, and what for."""
        self._shown = None
        self(self._last, max(self._part[1], 0), message)

    def close(self) -> None:
        """End the line on a terminal."""
        if self.stream.isatty() and self._shown is not None:
            print(file=self.stream, flush=True)

    def _line(self, done: int, total: int, message: str, now: float) -> str:
        first, _, began = self._part
        rate = (done - first) / (now - began) if now > began else 0.0
        share = done / total if total else 1.0
        facts = [f"{now - self._began:.0f} s"]
        if rate > 0:
            facts.append(f"{rate:.3g}/s")
            if done < total:
                facts.append(f"{(total - done) / rate:.0f} s left")
        return f"{self.stage:<10} {_bar(share)} {done}/{total} {message} ({', '.join(facts)})"


def _bar(share: float, width: int = 20) -> str:
    full = round(width * min(1.0, share))
    return "[" + "#" * full + "." * (width - full) + "]"
