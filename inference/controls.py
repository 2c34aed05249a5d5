"""What a player holds down, turned into the action rows of the next segment."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from inference.protocol import Action
from infra.schema import KEYS, Keyboard, Mouse, idle_actions

_LOOK: Final = {"look_up": (0, 1), "look_down": (0, -1), "turn_left": (1, -1), "turn_right": (1, 1)}  # axis and sign


@dataclass(frozen=True, kw_only=True)
class ControlsConfig:
    """Mouse units a frame; the defaults are what the embedded world's walks were recorded with."""

    turn: float = 0.1  # yaw of a held turning key
    look: float = 0.06  # pitch of a held looking key
    most: float = 0.2  # that a frame turns at most, per axis; the model has seen no more
    least: float = 0.05  # that a frame turns at least where the mouse moved; less would fall into the dead zone


@dataclass(frozen=True, kw_only=True)
class SegmentActions:
    """Rows for one segment, and the number of the action that they come from."""

    number: int
    keyboard: Keyboard  # (F, 6)
    mouse: Mouse  # (F, 2)


@dataclass(kw_only=True)
class Controls:
    """The newest action wins, and goes on until another comes; mouse movement adds up until a segment takes it."""

    config: ControlsConfig = ControlsConfig()
    newest: Action = Action(number=0)
    _moved: np.ndarray = field(default_factory=lambda: np.zeros(2))  # (pitch, yaw) in mouse units, not yet shown

    def put(self, action: Action) -> bool:
        """Take an action; one that is not newer than the newest is dropped. Says whether it was taken."""
        if action.number <= self.newest.number:
            return False
        self.newest = action
        self._moved = self._moved + np.asarray(action.mouse)
        return True

    def forget_movement(self) -> None:
        """Drop what the mouse moved and no segment has taken: it was meant for another walk."""
        self._moved = np.zeros(2)

    def take(self, frames: int) -> SegmentActions:
        """The rows of a segment that starts now."""
        keyboard, mouse = idle_actions(frames)
        for key in set(self.newest.keys):
            if key in KEYS:
                keyboard[:, KEYS.index(key)] = 1
            else:
                axis, sign = _LOOK[key]
                mouse[:, axis] += sign * (self.config.turn if axis else self.config.look)
        for axis in range(2):
            rows, self._moved[axis] = spread(float(self._moved[axis]), frames, self.config.least, self.config.most)
            mouse[:, axis] += rows
        mouse = np.clip(mouse, -self.config.most, self.config.most)
        return SegmentActions(number=self.newest.number, keyboard=keyboard, mouse=mouse)


def spread(total: float, frames: int, least: float, most: float) -> tuple[np.ndarray, float]:
    """Spread a turn over frames so that each turns at least ``least`` or not at all; also what is left for later.

    A small turn goes into few frames, or waits until it is worth one. What exceeds ``most`` in every frame is dropped:
    a turn that comes late feels worse than one that is cut.
    """
    rows = np.zeros(frames, np.float32)
    used = min(frames, int(abs(total) / least))
    if used == 0:
        return rows, total
    rows[:used] = np.sign(total) * min(abs(total) / used, most)
    return rows, 0.0
