"""Kinds of values that options of several verbs take, each refused in one line before any work begins"""

from pathlib import Path
from typing import Any, Final

import click

HOME: Final = click.Path(path_type=Path, file_okay=False)
PORT: Final = click.IntRange(0, 65535)


class OutFile(click.Path):
    """A file to write: its folder must be there, so that nobody finds out after an hour of work."""

    def __init__(self, *suffixes: str) -> None:
        super().__init__(path_type=Path, dir_okay=False, writable=True)
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            self.fail(f"there is no folder {path.parent}; make it first", param, ctx)
        if self.suffixes and path.suffix.lower() not in self.suffixes:
            self.fail(f"{path}: end the name in {' or '.join(self.suffixes)}", param, ctx)
        return path


class Size(click.ParamType[tuple[int, int]]):
    """WIDTHxHEIGHT in pixels, both even, as H.264 wants them."""

    name = "WIDTHxHEIGHT"
    least, most = 16, 4096

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        width, by, height = str(value).partition("x")
        if not (by and width.isdecimal() and height.isdecimal()):
            self.fail(f"{value!r}: write WIDTHxHEIGHT, for example 640x360", param, ctx)
        sides = int(width), int(height)
        if any(side % 2 or not self.least <= side <= self.most for side in sides):
            self.fail(f"{value!r}: use even numbers from {self.least} to {self.most}", param, ctx)
        return sides


OUT_FILE: Final = OutFile()
PICTURE: Final = OutFile(".png", ".jpg")
PLOT: Final = OutFile(".png", ".svg", ".pdf")
SIZE: Final = Size()
