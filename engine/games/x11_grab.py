"""The door to mss: what an X display shows, as pixels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.errors import NotHereError, WorldloomError


class GrabError(WorldloomError):
    """The display is gone, or does not let itself be read."""


class Grabber:
    """Reads one display, over a connection that stays open."""

    def __init__(self, display: str) -> None:
        """Connect to ``display``, e.g. ``:0``.

        Raises:
            NotHereError: the package is not installed.
            GrabError: there is no such display.
        """
        try:
            import mss
        except ImportError:
            raise NotHereError("grabbing a screen needs the package mss; pip install 'worldloom[games]'") from None
        self.display = display
        try:
            self._screen: Any = mss.MSS(display=display)
        except Exception as error:  # mss has errors of its own for each way of losing a display
            raise GrabError(f"display {display} cannot be opened: {error}") from None

    def grab(self, left: int = 0, top: int = 0, width: int = 0, height: int = 0) -> NDArray[np.uint8]:
        """Pixels of a part of the screen, uint8 (H, W, 3); all of it where no width is given.

        Raises:
            GrabError: the display is gone.
        """
        try:
            whole = self._screen.monitors[0]
            box = {"left": left, "top": top, "width": width, "height": height} if width else whole
            shot = self._screen.grab(box)
        except Exception as error:
            raise GrabError(f"display {self.display} cannot be grabbed: {error}") from None
        bgra = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)
        return np.ascontiguousarray(bgra[:, :, 2::-1])

    def close(self) -> None:
        """Hang up."""
        self._screen.close()
