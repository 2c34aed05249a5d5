"""The nine directions of walking that keys ask for: still, and eight ways at 45 degrees."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.dynamics import walk_direction
from infra.schema.action import UNKNOWN_KEY, Keyboard

DIRECTIONS: Final = ("still", "forward", "forward right", "right", "back right", "back", "back left", "left", "forward left")
_ANGLES: Final = np.radians(np.arange(8) * 45.0)
UNIT: Final = np.concatenate([np.zeros((1, 2)), np.stack([np.sin(_ANGLES), np.cos(_ANGLES)], -1)])  # (9, 2) right, forward
_WALK_KEYS: Final = ((), (0,), (0, 3), (3,), (1, 3), (1,), (1, 2), (2,), (0, 2))  # indices of KEYS, by direction


def directions_of(keyboard: Keyboard) -> NDArray[np.int64]:
    """Index into ``DIRECTIONS`` of each keyboard row (T, 6); opposite keys cancel; -1 where a walking key is unknown."""
    right, forward = np.moveaxis(np.sign(walk_direction(keyboard)).astype(np.int64), -1, 0)
    table = np.array([[6, 7, 8], [5, 0, 1], [4, 3, 2]])  # [right + 1][forward + 1]
    known = (keyboard[..., :4] != UNKNOWN_KEY).all(-1)
    return np.where(known, table[right + 1, forward + 1], -1)


def keys_of(directions: NDArray[np.int64]) -> NDArray[np.int8]:
    """The four walking keys (T, 4) of each direction index (T,)."""
    table = np.zeros((9, 4), np.int8)
    for row, keys in enumerate(_WALK_KEYS):
        table[row, list(keys)] = 1
    return table[directions]
