"""What the policy sees and what it may do: rays, a small map of when it saw what, two hints; holds of keys and mouse."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.body import Stance
from engine.explore.navigator import STRIDE, Action, Errand, Navigator, follow, glide
from engine.explore.surroundings import Surroundings
from engine.explore.views import LOG_EVERY, ViewGrid, ViewLog
from infra.dynamics import wrap_degrees
from infra.schema import Keyboard, Mouse, parse_action

Array = NDArray[np.float64]
Observation = NDArray[np.float32]

HOLD: Final = LOG_EVERY  # frames that one choice is held
RAYS: Final = 24
RAYS_EACH: Final = 2  # the nearest of so many neighbours counts
RAY_REACH: Final = 10.0  # metres
MAP_RANGES: Final = ((0.75, 1.5, 2.25, 3.0), (4.0, 5.0, 6.0, 7.0, 8.0))  # metres
MAP_WAYS: Final = 8
RECENT: Final = 480  # frames; ground not seen for longer counts as long ago
MOVES: Final = (
    ("W", -0.2, 0.0), ("W", -0.08, 0.0), ("W", 0.0, 0.0), ("W", 0.08, 0.0), ("W", 0.2, 0.0),
    ("none", -0.2, 0.0), ("none", 0.2, 0.0), ("S", 0.0, 0.0), ("S", -0.1, 0.0), ("S", 0.1, 0.0),
    ("A", 0.0, 0.0), ("A", 0.15, 0.0), ("D", 0.0, 0.0), ("D", -0.15, 0.0), ("W+A", 0.1, 0.0), ("W+D", -0.1, 0.0),
    ("W", 0.0, 0.06), ("W", 0.0, -0.06),
)  # fmt: skip
"""Keys, mouse yaw and mouse pitch that a choice holds."""
GLIDES: Final = (-0.2, -0.08, 0.0, 0.08, 0.2)  # mouse yaw of those who walk on to new ground and look elsewhere
FOLLOW_NEW: Final = 0
FOLLOW_OLD: Final = 1
GLIDE_RIGHT: Final = 2 + len(GLIDES) - 1
CHOICES: Final = 2 + len(GLIDES) + len(MOVES)
"""In this order: follow the way to new ground, follow the way back to an old view, glides, moves."""
OBSERVED: Final = RAYS + 2 * MAP_WAYS * len(MAP_RANGES) + 10 + 11


class Walker:
    """One walk as it goes: what was seen, where the errands lead, whether the walker is stuck."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.log = ViewLog(around.grid)
        self.navigator = Navigator(around, self.log)
        self.stance: Stance | None = None
        self.revisit_now = 0.0  # overlap with the best view of a gap ago
        self._places: list[Array] = []
        self._asked: list[bool] = []
        self._turned = 0.0  # mouse yaw of the last frame
        self.choices: list[int] = []

    def see(self, stance: Stance) -> tuple[float, bool]:
        """Take in one frame; every ``LOG_EVERY`` frames return new square metres and whether it is a useful revisit."""
        self.stance = stance
        self._places.append(np.array(stance.place))
        if stance.tick % LOG_EVERY:
            return 0.0, False
        cells = self.around.grid.view(np.array(stance.place), stance.yaw)
        overlap = self.log.overlaps(cells)
        old = stance.tick - np.array(self.log.ticks, np.int64) >= self.around.grid.config.gap
        self.revisit_now = float(overlap[old].max(initial=0.0))
        self.navigator.note(stance, cells, overlap)
        gained = self.log.add(stance.tick, cells)
        self.navigator.update(stance)
        return gained

    def move_into(self, around: Surroundings) -> None:
        """Go on with a better map of the same ground; what was seen stays seen."""
        self.around = around
        self.log.grid = around.grid
        self.navigator.move_into(around)

    def action(self, choice: int) -> Action:
        """The row of actions that ``choice`` means in the present stance."""
        assert self.stance is not None
        match choice:
            case _ if choice == FOLLOW_NEW:
                keyboard, mouse = follow(self.stance, self.navigator.new)
            case _ if choice == FOLLOW_OLD:
                keyboard, mouse = follow(self.stance, self.navigator.old or self.navigator.new)
            case _ if choice < 2 + len(GLIDES):
                keyboard, mouse = glide(self.stance, self.navigator.new, GLIDES[choice - 2])
            case _:
                keyboard, mouse = _MOVE_ROWS[choice - 2 - len(GLIDES)]
                keyboard, mouse = keyboard.copy(), mouse.copy()
        self._asked.append(bool(keyboard[:4].any()))
        self._turned = float(mouse[1])
        return keyboard, mouse

    @property
    def stuck(self) -> bool:
        """Whether the last second asked for moves that were hardly made (as engine/explore/metrics.py has it)."""
        asked = np.array(self._asked[-16:])
        if asked.sum() < 8:
            return False
        moved = np.linalg.norm(np.diff(np.array(self._places[-len(asked) - 1 :]), axis=0), axis=1)
        return bool((moved * asked[-len(moved) :]).sum() < 0.25 * asked.sum() * STRIDE)

    def observe(self) -> Observation:
        """What the policy sees now, (OBSERVED,) float32, each about -1..1."""
        stance = self.stance
        assert stance is not None
        place = np.array(stance.place)
        yaws = stance.yaw + np.arange(RAYS * RAYS_EACH) * 360 / (RAYS * RAYS_EACH)
        rays = self.around.rays(place, yaws, RAY_REACH, stance.tick).reshape(RAYS, RAYS_EACH).min(1) / RAY_REACH
        seen, age = _map(self.around.grid, self.log, stance)
        hints = [*_hint(stance, self.navigator.new), *_hint(stance, self.navigator.old)]
        recent = [number for number in self.log.revisits[-16:] if stance.tick - self.log.ticks[number] < 240]
        moved = np.linalg.norm(self._places[-1] - self._places[max(-17, -len(self._places))]) / 2
        free = self.around.free
        state = [
            float(self.stuck),
            float(stance.collided),
            min(moved, 1.0),
            stance.pitch / 60,
            min(len(recent) / 8, 1.0),
            self.revisit_now,
            float((self.log.last_seen[free] >= 0).mean()),
            float(len(set(self.choices[-8:]))) / 8,
            self._turned / 0.2,
            float(self.choices[-1:] == [FOLLOW_OLD]),
            float(bool(self.choices) and 2 <= self.choices[-1] < 2 + len(GLIDES)),
        ]
        return np.concatenate([rays, seen, age, hints, state]).astype(np.float32)


def _move_rows() -> list[tuple[Keyboard, Mouse]]:
    rows = []
    for keys, yaw, pitch in MOVES:
        keyboard, _ = parse_action(keys)
        rows.append((np.array(keyboard, np.int8), np.array([pitch, yaw], np.float32)))
    return rows


_MOVE_ROWS: Final = _move_rows()
_BEARINGS: Final = np.arange(MAP_WAYS) * 360.0 / MAP_WAYS


def _map(grid: ViewGrid, log: ViewLog, stance: Stance) -> tuple[Array, Array]:
    """For each way and range round the walker: share of ground seen, and how long ago, each (ways x ranges,)."""
    heading = np.radians(stance.yaw + _BEARINGS)
    way = np.stack([np.sin(heading), np.cos(heading)], -1)
    seen, age = [], []
    for ranges in MAP_RANGES:
        points = np.array(stance.place) + way[:, None] * np.array(ranges)[:, None]
        ticks = log.last_seen[grid.cell_of(points)]
        seen.append((ticks >= 0).mean(1))
        age.append(np.where(ticks >= 0, np.minimum(stance.tick - ticks, RECENT), RECENT).mean(1) / RECENT)
    return np.concatenate(seen), np.concatenate(age)


def _hint(stance: Stance, errand: Errand | None) -> list[float]:
    """Bearing of the next corner (sine, cosine), metres left, how the goal's own view lies (sine, cosine); zeros for none."""
    if errand is None:
        return [0.0] * 5
    away = errand.corners[0] - np.array(stance.place)
    bearing = np.arctan2(away[0], away[1]) - np.radians(stance.yaw)
    facing = np.radians(wrap_degrees(errand.yaw - stance.yaw)) if errand.yaw is not None else None
    own = [0.0, 0.0] if facing is None else [float(np.sin(facing)), float(np.cos(facing))]
    return [float(np.sin(bearing)), float(np.cos(bearing)), min(errand.left(np.array(stance.place)) / 20, 1.0), *own]
