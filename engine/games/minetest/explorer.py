"""A player that walks out blindly and comes back along its own track, so that places are seen again."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.games.titles.explorer import Action, BlindExplorer
from infra.dynamics import DynamicsConfig, pitch_and_yaw, wrap_degrees
from infra.schema import parse_action

OUT_FRAMES: Final = (80, 200)  # rows of a way out
CRUMB_METRES: Final = 0.8  # between the points of the track that is followed back
REACHED_METRES: Final = 0.6
BACK_FRAMES: Final = 40  # for one point; then the way back is given up
TURN: Final = 0.3  # mouse units a row at most
AHEAD_DEGREES: Final = 35.0  # it walks while what it walks to lies within


class ReturningExplorer:
    """Out by a BlindExplorer, back point by point; out of water by the way it came, swimming."""

    def __init__(self, seed: list[int]) -> None:
        self._rng = np.random.default_rng([*seed, 1])
        self._blind = BlindExplorer(seed)
        self._track: list[NDArray[np.float64]] = []
        self._back = False
        self._patience = 0
        self._rows_out = int(self._rng.integers(*OUT_FRAMES))

    def act(self, c2w: NDArray[np.float64], *, wet: bool) -> Action:
        """The next row of actions, given where the camera is and whether the feet are in water."""
        place = c2w[[0, 2], 3]
        if not self._back:
            if not self._track or np.linalg.norm(place - self._track[-1]) >= CRUMB_METRES:
                self._track.append(place)
            self._rows_out -= 1
            if self._rows_out <= 0 or (wet and len(self._track) > 1):
                self._back, self._patience = True, BACK_FRAMES
        if self._back and not self._steer_on(place):
            self._back, self._track = False, [place]
            self._rows_out = int(self._rng.integers(*OUT_FRAMES))
        keyboard, mouse = self._towards(c2w, self._track[-1]) if self._back else self._blind.act(c2w)
        if wet:
            keyboard[4] = 1
        return keyboard, mouse

    def _steer_on(self, place: NDArray[np.float64]) -> bool:
        """Drop points that are reached; False when none is left or the next cannot be reached."""
        self._patience -= 1
        while self._track and np.linalg.norm(place - self._track[-1]) < REACHED_METRES:
            self._track.pop()
            self._patience = BACK_FRAMES
        return bool(self._track) and self._patience > 0

    def _towards(self, c2w: NDArray[np.float64], point: NDArray[np.float64]) -> Action:
        across, along = point - c2w[[0, 2], 3]
        yaw = float(pitch_and_yaw(c2w)[1])
        left = wrap_degrees(math.degrees(math.atan2(across, along)) - yaw)
        keyboard, mouse = parse_action("W" if abs(left) < AHEAD_DEGREES else "none")
        mouse[1] = np.clip(left / DynamicsConfig().degrees_per_mouse_unit, -TURN, TURN)
        return keyboard, mouse
