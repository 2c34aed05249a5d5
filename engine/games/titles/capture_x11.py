"""A game's window under X: found by its title, its pixels grabbed, real key and mouse events sent. Needs xdotool."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.games.titles.profile import TitleMissingError
from engine.games.x11_grab import Grabber, GrabError
from infra.errors import WorldloomError
from infra.surroundings import settled_environment

CALL_SECONDS: Final = 5.0  # deadline of one call of xdotool


class WindowLostError(WorldloomError):
    """The game's window is not there, or not any more."""


@dataclass(frozen=True, kw_only=True)
class WindowBox:
    """Where a window is on its screen, in pixels."""

    left: int
    top: int
    width: int
    height: int


class X11Window:
    """One window on one display. Nothing may cover it: what is grabbed is the screen where it is."""

    def __init__(self, display: str, title: str) -> None:
        """Find the one visible window whose title matches the regular expression.

        Raises:
            TitleMissingError: xdotool or the package mss is missing, or there is no such display.
            WindowLostError: there is no such window.
        """
        if shutil.which("xdotool") is None:
            raise TitleMissingError("finding and playing a game's window needs the program xdotool; apt-get install xdotool")
        self.display = display
        self.number = self._find(title)
        self.box = self._measure()
        self._screen = Grabber(display)
        self._held: set[str] = set()

    def grab(self) -> NDArray[np.uint8]:
        """The window's pixels now, uint8 (H, W, 3).

        Raises:
            WindowLostError: the display is gone.
        """
        box = self.box
        try:
            return self._screen.grab(box.left, box.top, box.width, box.height)
        except GrabError as error:
            raise WindowLostError(str(error)) from None

    def focus(self) -> None:
        """Bring the window to the front, let keys go to it, and measure it again."""
        self._call("windowraise", self.number, "windowfocus", self.number)
        self.box = self._measure()

    def release(self, keys: Sequence[str]) -> None:
        """Let go of these keys, whoever holds them: a recorder that was killed let go of none."""
        self._call("keyup", *keys)

    def play(self, keys: Sequence[str], mouse: tuple[int, int]) -> None:
        """Hold exactly these keys (X11 names) from now on, and move the mouse by pixels, right and down."""
        wanted = set(keys)
        commands: list[str] = []
        for key in sorted(self._held - wanted):
            commands += ["keyup", key]
        for key in sorted(wanted - self._held):
            commands += ["keydown", key]
        if mouse != (0, 0):
            commands += ["mousemove_relative", "--", str(mouse[0]), str(mouse[1])]
        self._held |= wanted  # also where the call fails halfway
        if commands:
            self._call(*commands)
        self._held = wanted

    def close(self) -> None:
        """Let go of all keys."""
        try:
            self.play([], (0, 0))
        except WindowLostError:
            self._held = set()
        self._screen.close()

    def _find(self, title: str) -> str:
        """By class first, then by name: xdotool's own search by name misses names that are only set as UTF-8."""
        for number in self._call("search", "--onlyvisible", "--class", ".*", may_fail=True).split():
            if re.search(title, self._call("getwindowname", number, may_fail=True).strip("\n")):
                return number
        raise WindowLostError(
            f"no window {title!r} on display {self.display}; start the game, in a window, and wait for its world"
        )

    def _measure(self) -> WindowBox:
        text = self._call("getwindowgeometry", "--shell", self.number)
        values = {name: int(value) for name, value in re.findall(r"^(\w+)=(-?\d+)$", text, re.MULTILINE)}
        box = WindowBox(left=values["X"], top=values["Y"], width=values["WIDTH"], height=values["HEIGHT"])
        if box.width < 64 or box.height < 64:
            raise WindowLostError(f"the window on {self.display} is only {box.width}x{box.height}; is it minimised?")
        return box

    def _call(self, *arguments: str, may_fail: bool = False) -> str:
        try:
            done = subprocess.run(
                ["xdotool", *arguments],
                env=settled_environment() | {"DISPLAY": self.display},  # with what lets us onto it
                capture_output=True,
                text=True,
                timeout=CALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise WindowLostError(f"display {self.display} does not answer") from None
        if "Can't open display" in done.stderr:
            raise TitleMissingError(
                f"there is no display {self.display}; start the game and name its display: endpoints.titles.display"
            )
        if done.returncode != 0 and not may_fail:
            raise WindowLostError(f"the game's window on {self.display} is gone: {done.stderr.strip() or arguments[0]}")
        return done.stdout
