"""The door to Xlib: the game's display, keys and mouse by XTEST over one connection that stays open."""

import contextlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from Xlib import XK, X
from Xlib.display import Display
from Xlib.error import ConnectionClosedError, DisplayError, XError
from Xlib.ext import xtest

from engine.games.minetest.process import MinetestError
from engine.games.x11_grab import Grabber, GrabError

GONE: Final = (ConnectionClosedError, DisplayError, XError, OSError, GrabError)


class Screen:
    """One display that shows one window over all of it."""

    def __init__(self, display: str) -> None:
        """Connect, and let the window have the keyboard.

        Raises:
            MinetestError: the display is gone, or shows no window.
        """
        self._held: set[str] = set()
        try:
            self._display = Display(display)
            self._grabber = Grabber(display)
            self._focus()
        except GONE as error:
            raise MinetestError(f"Minetest's display {display} cannot be used: {error}") from None

    def grab(self) -> NDArray[np.uint8]:
        """What it shows now, uint8 (H, W, 3)."""
        try:
            return self._grabber.grab()
        except GrabError as error:
            raise MinetestError(str(error)) from None

    def play(self, keys: Sequence[str], mouse: tuple[int, int]) -> None:
        """Hold exactly these keys from now on, and move the mouse by pixels, right and down."""
        wanted = set(keys)
        try:
            for key in sorted(self._held - wanted):
                xtest.fake_input(self._display, X.KeyRelease, self._code(key))
            for key in sorted(wanted - self._held):
                xtest.fake_input(self._display, X.KeyPress, self._code(key))
            if mouse != (0, 0):
                xtest.fake_input(self._display, X.MotionNotify, 1, x=mouse[0], y=mouse[1])
            self._display.flush()
        except GONE as error:
            raise MinetestError(f"Minetest's display takes no keys: {error}") from None
        self._held = wanted

    def close(self) -> None:
        """Hang up; the game ends with its keys."""
        self._grabber.close()
        with contextlib.suppress(*GONE):
            self._display.close()

    def _focus(self) -> None:
        windows = self._display.screen().root.query_tree().children
        shown = [one for one in windows if one.get_attributes().map_state == X.IsViewable]
        if not shown:
            raise MinetestError("Minetest's display shows no window")
        shown[-1].set_input_focus(X.RevertToParent, X.CurrentTime)
        self._display.sync()

    def _code(self, key: str) -> int:
        return int(self._display.keysym_to_keycode(XK.string_to_keysym(key)))
