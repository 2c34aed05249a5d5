"""Actions for generation: drawn at random, from a CSV file, or row by row from a stream such as standard input.

The columns are those of the action space, in any order: six keys of 0 or 1, and pitch and yaw of the mouse. What
spreadsheets make of such a file is read as long as it can mean one thing only: commas, semicolons or tabs, decimal
commas, capitals, quotes, TRUE and FALSE, a column without a name, lines of ``#``.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import numpy as np

from infra.errors import WorldloomError
from infra.schema import KEYS, MOUSE_AXES, Keyboard, Mouse, idle_actions
from infra.text_files import read_lines

COLUMNS: Final = (*KEYS, *MOUSE_AXES)
HEADER: Final = ",".join(COLUMNS)
SEPARATORS: Final = (",", ";", "\t")
LARGEST_TURN: Final = 12.0  # mouse units: half a turn in one frame

_WALKS: Final = ((), (0,), (0,), (0,), (0, 2), (0, 3), (1,), (2,), (3,))  # keys held together; forward most often
_TURNS: Final = (0.0, 0.0, 0.1, -0.1)
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)  # one point at most
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
        WorldloomError: names the column, or the row and what is wrong with it.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.name, self._taken, self._line = name, 0, 0
        self._lines = read_lines(stream, name)
        self._separator, self._columns = self._read_header(self._next() or "")

    def take(self, rows: int) -> tuple[Keyboard, Mouse]:
        keyboard, mouse = idle_actions(rows)
        for row in range(rows):
            text = self._next()
            if text is None:
                raise ActionsError(
                    f"{self.name} ends after {self._taken} rows; {self._taken + rows - row} or more are needed, one a frame"
                )
            values = self._read_row(text)
            keyboard[row] = [int(values[key]) for key in KEYS]
            mouse[row] = [values[axis] for axis in MOUSE_AXES]
            self._taken += 1
        return keyboard, mouse

    def _next(self) -> str | None:
        """The next line that says something; comments and the line that tells a spreadsheet its separator say nothing."""
        for number, line in self._lines:
            self._line = number
            if line.strip(" \t,;") and not line.startswith(("#", "sep=")):
                return line
        return None

    def _read_header(self, line: str) -> tuple[str, tuple[str, ...]]:
        """The separator under which the first line names most actions, and its columns; one without a name is ''."""
        headers = {
            separator: [cell.casefold() for cell in self._cells(line, separator, strict=False)] for separator in SEPARATORS
        }
        separator = max(SEPARATORS, key=lambda one: len(set(headers[one]) & set(COLUMNS)))
        columns = tuple("" if cell.startswith("unnamed:") else cell for cell in headers[separator])
        for column in columns:
            if column and column not in COLUMNS:
                says = f"column {column[:40]!r} is no action; take it out, the first line must be {HEADER}"
                raise ActionsError(f"{self.name}: {says}")
            if column and columns.count(column) > 1:
                raise ActionsError(f"{self.name}: column {column} is there twice; the first line must be {HEADER}")
        for column in COLUMNS:
            if column not in columns:
                raise ActionsError(f"{self.name} lacks column {column}; the first line must be {HEADER}")
        return separator, columns

    def _cells(self, line: str, separator: str, *, strict: bool = True) -> list[str]:
        try:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, strict=strict), [])]
        except csv.Error as error:
            raise ActionsError(f"{self.name}, line {self._line} is no row of CSV text ({error}); mend its quotes") from None

    def _read_row(self, line: str) -> dict[str, float]:
        where = f"{self.name}, row {self._taken + 1} (line {self._line})"
        cells = self._cells(line, self._separator)
        while len(cells) > len(self._columns) and not cells[-1]:
            cells.pop()  # spreadsheets pad rows
        if len(cells) != len(self._columns):
            separated = {",": "commas", ";": "semicolons", "\t": "tabs"}[self._separator]
            raise ActionsError(
                f"{where} has {len(cells)} values; {len(self._columns)} are needed, one a column, between {separated} as in the "
                "first line; with decimal commas use semicolons"
            )
        return {
            column: read_key(cell, f"{where}: {column}") if column in KEYS else read_turn(cell, f"{where}: {column}")
            for column, cell in zip(self._columns, cells, strict=True)
            if column
        }


def read_key(text: str, where: str) -> float:
    """Whether a key is down: 1 or 0, TRUE or FALSE. Raises ActionsError with ``where``."""
    value = {"true": 1.0, "false": 0.0}.get(text.casefold(), _number(text))
    if value not in (0, 1):
        raise ActionsError(f"{where} is {_shown(text)}; a key is 1 (down) or 0 (up), or TRUE or FALSE")
    return value


def read_turn(text: str, where: str) -> float:
    """A turn of the mouse, with a point or a comma before its decimals. Raises ActionsError with ``where``."""
    value = _number(text)
    if value is None and text.casefold().strip("+-") not in ("nan", "inf", "infinity"):
        raise ActionsError(f"{where} is {text[:40]!r}, not a number; mend the row")
    if value is None or abs(value) > LARGEST_TURN:
        raise ActionsError(f"{where} is {_shown(text)}; a turn is a number of -{LARGEST_TURN:g} to {LARGEST_TURN:g}")
    return value


def _number(text: str) -> float | None:
    """A number as people and spreadsheets write it; none where it could be read in two ways, or is not finite."""
    plain = text.replace("\N{MINUS SIGN}", "-").replace(",", ".")
    return float(plain) if _NUMBER.fullmatch(plain) else None


def _shown(text: str) -> str:
    return text[:40] if text else "empty"


class FileActions:
    """A CSV file, read and checked as far as it is needed, so that a long generation does not stop at its last row."""

    def __init__(self, path: Path, rows: int) -> None:
        if not path.exists():
            raise ActionsError(f"action file {path} is missing; name a CSV file with columns {HEADER}, or use random or stdin")
        if path.is_dir():
            raise ActionsError(f"action file {path} is a folder; name a CSV file with columns {HEADER}")
        with path.open("rb") as stream:
            self._keyboard, self._mouse = StreamedActions(stream, str(path)).take(rows)
        self._taken = 0

    def take(self, rows: int) -> tuple[Keyboard, Mouse]:
        part = slice(self._taken, self._taken + rows)
        self._taken += rows
        return self._keyboard[part], self._mouse[part]
