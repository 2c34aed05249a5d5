"""The action space: six keys and two mouse axes a frame, in the units of the published release."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

KEYS: Final = ("forward", "back", "left", "right", "jump", "interact")
MOUSE_AXES: Final = ("pitch", "yaw")

UNKNOWN_KEY: Final = -1  # keyboard value where the key is not known
UNKNOWN_MOUSE: Final = float("nan")

Keyboard = NDArray[np.int8]  # (T, 6), 0 or 1, UNKNOWN_KEY where unknown
Mouse = NDArray[np.float32]  # (T, 2), (pitch, yaw), 0.1 = 1.5 degrees, + is up and right


def idle_actions(frames: int) -> tuple[Keyboard, Mouse]:
    """Return actions that press nothing and turn nothing: keyboard (T, 6) and mouse (T, 2)."""
    return np.zeros((frames, len(KEYS)), np.int8), np.zeros((frames, len(MOUSE_AXES)), np.float32)


def parse_action(text: str) -> tuple[Keyboard, Mouse]:
    """Turn ``"W"``, ``"S+L"`` or ``"none"`` into one action row each: keyboard (6,), mouse (2,).

    W S A D are the movement keys; L R U N turn left, right, up and down by one 0.1 mouse unit.

    Raises:
        ValueError: names the letter that is not an action.
    """
    keyboard, mouse = idle_actions(1)
    for letter in () if text == "none" else text.upper().split("+"):
        if letter in _KEY_LETTERS:
            keyboard[0, _KEY_LETTERS[letter]] = 1
        elif letter in _MOUSE_LETTERS:
            axis, amount = _MOUSE_LETTERS[letter]
            mouse[0, axis] += amount
        else:
            known = " ".join([*_KEY_LETTERS, *_MOUSE_LETTERS])
            raise ValueError(f"unknown action {letter!r} in {text!r}; use {known} joined by '+', or 'none'")
    return keyboard[0], mouse[0]


_KEY_LETTERS: Final = {"W": 0, "S": 1, "A": 2, "D": 3, "J": 4, "E": 5}
_MOUSE_LETTERS: Final = {"U": (0, 0.1), "N": (0, -0.1), "L": (1, -0.1), "R": (1, 0.1)}
