"""Progress that people can follow on a terminal and in a log alike."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

Observer = Callable[[str, int, int, str], None]  # stage, done, total, message

LOG_SECONDS = 5.0  # between lines where there is no terminal
TERMINAL_SECONDS = 0.2


class Progress:
    """One stage's progress: a line that renews itself on a terminal, one line every few seconds elsewhere."""

    def __init__(self, stage: str, observers: tuple[Observer, ...] = (), stream: TextIO | None = None) -> None:
        self.stage, self.observers = stage, observers
        self.stream = sys.stderr if stream is None else stream
        self._started, self._shown, self._message = time.monotonic(), 0.0, ""

    def __call__(self, done: int, total: int, message: str) -> None:
        """Say how far the work is. Finished steps and new messages always show in a log's next line."""
        now = time.monotonic()
        terminal = self.stream.isatty()
        if now - self._shown < (TERMINAL_SECONDS if terminal else LOG_SECONDS) and done < total:
            return
        self._shown = now
        share = done / total if total else 1.0
        elapsed = now - self._started
        left = f", {elapsed / share * (1 - share):.0f} s left" if 0 < share < 1 and elapsed > 2 else ""
        text = f"{self.stage:<10} {self._bar(share)} {done}/{total} {message} ({elapsed:.0f} s{left})"
        print(("\r\x1b[K" if terminal else "") + text, end="" if terminal else "\n", file=self.stream, flush=True)
        for observer in self.observers:
            observer(self.stage, done, total, message)

    def close(self) -> None:
        """End the line on a terminal."""
        if self.stream.isatty() and self._shown:
            print(file=self.stream, flush=True)

    def _bar(self, share: float, width: int = 20) -> str:
        full = round(width * min(1.0, share))
        return "[" + "#" * full + "." * (width - full) + "]"
