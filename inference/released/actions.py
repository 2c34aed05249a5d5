"""Actions for generation: drawn at random, from a CSV file, or row by row from a stream such as standard input.

The columns are those of the action space, in any order: six keys of 0 or 1, and pitch and yaw of the mouse.
"""

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol, TextIO

import numpy as np

from infra.errors import WorldloomError
from infra.schema import KEYS, MOUSE_AXES, Keyboard, Mouse, idle_actions

COLUMNS: Final = (*KEYS, *MOUSE_AXES)
HEADER: Final = ",".join(COLUMNS)
LARGEST_TURN: Final = 12.0  # mouse units: half a turn in one frame

_WALKS: Final = ((), (0,), (0,), (0,), (0, 2), (0, 3), (1,), (2,), (3,))  # keys held together; forward most often
_TURNS: Final = (0.0, 0.0, 0.1, -0.1)
_HELD: Final = (8, 32)  # frames that one choice lasts, at least and below


class ActionsError(WorldloomError):
    """Actions cannot be read."""


class ActionSource(Protocol):
    """Gives actions in order."""

    def take(self, rows: int) -> tuple[Keyboard, Mouse]:
        """The next ``rows`` rows: keyboard (T, 6) and mouse (T, 2)."""
        ...


class RandomActions:
    """Walks and turns, each held for a while; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._rows = self._draw(np.random.default_rng(seed))

    def take(self, rows: int) -> tuple[Keyboard, Mouse]:
        keyboard, mouse = idle_actions(rows)
        for row in range(rows):
            keys, yaw = next(self._rows)
            keyboard[row, list(keys)] = 1
            mouse[row, 1] = yaw
        return keyboard, mouse

    @staticmethod
    def _draw(generator: np.random.Generator) -> Iterator[tuple[tuple[int, ...], float]]:
        while True:
            keys = _WALKS[generator.integers(len(_WALKS))]
            yaw = _TURNS[generator.integers(len(_TURNS))]
            for _ in range(generator.integers(*_HELD)):
                yield keys, yaw


class StreamedActions:
    """Rows of CSV text, read no earlier than they are needed.

    Raises (from every method):
        ActionsError: names the column, or the row and what is wrong with it.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self.name, self._taken = name, 0
        self._rows = csv.reader(stream)
        header = [column.strip() for column in self._next() or []]
        for column in header:
            if column not in COLUMNS:
                raise ActionsError(f"{name}: column {column!r} is no action; the first line must be {HEADER}")
            if header.count(column) > 1:
                raise ActionsError(f"{name}: column {column} is there twice; the first line must be {HEADER}")
        for column in COLUMNS:
            if column not in header:
                raise ActionsError(f"{name} lacks column {column}; the first line must be {HEADER}")
        self._header = header

    def take(self, rows: int) -> tuple[Keyboard, Mouse]:
        keyboard, mouse = idle_actions(rows)
        for row in range(rows):
            texts = self._next()
            if texts is None:
                raise ActionsError(f"{self.name} ends after {self._taken} rows; {self._taken + rows - row} or more are needed")
            values = self._read_row(texts)
            keyboard[row] = [int(values[key]) for key in KEYS]
            mouse[row] = [values[axis] for axis in MOUSE_AXES]
            self._taken += 1
        return keyboard, mouse

    def _next(self) -> list[str] | None:
        """The next line that is not empty."""
        try:
            return next((row for row in self._rows if any(text.strip() for text in row)), None)
        except (csv.Error, UnicodeDecodeError) as error:
            raise ActionsError(f"{self.name} is no CSV text ({error}); save it as UTF-8 with columns {HEADER}") from None

    def _read_row(self, texts: list[str]) -> dict[str, float]:
        where = f"{self.name}, row {self._taken + 1}"
        if len(texts) != len(self._header):
            raise ActionsError(f"{where} has {len(texts)} values; {len(self._header)} are needed, one a column")
        values = {}
        for column, text in zip(self._header, texts, strict=True):
            try:
                value = float(text)
            except ValueError:
                raise ActionsError(f"{where}: {column} is {text.strip()!r}, not a number; mend the row") from None
            if column in KEYS and value not in (0, 1):
                raise ActionsError(f"{where}: {column} is {text.strip()}; a key is 1 (down) or 0 (up)")
            if not math.isfinite(value) or abs(value) > LARGEST_TURN:
                raise ActionsError(
                    f"{where}: {column} is {text.strip()}; a turn is a number of -{LARGEST_TURN:g} to {LARGEST_TURN:g}"
                )
            values[column] = value
        return values


class FileActions:
    """A CSV file, read and checked whole, so that a long generation does not stop at its last row."""

    def __init__(self, path: Path, rows: int) -> None:
        if not path.is_file():
            raise ActionsError(f"action file {path} is missing; name a CSV file with columns {HEADER}, or use random or stdin")
        with open(path, encoding="utf-8", newline="") as stream:
            self._keyboard, self._mouse = StreamedActions(stream, str(path)).take(rows)
        self._taken = 0

    def take(self, rows: int) -> tuple[Keyboard, Mouse]:
        part = slice(self._taken, self._taken + rows)
        self._taken += rows
        return self._keyboard[part], self._mouse[part]
