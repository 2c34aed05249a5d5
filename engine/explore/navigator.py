"""Where to go next and the way there: to ground not seen yet, or back to a view seen before."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.body import Stance
from engine.explore.surroundings import Surroundings
from engine.explore.views import Cells, ViewLog
from infra.dynamics import wrap_degrees
from infra.schema import idle_actions, parse_action

Array = NDArray[np.float64]
Action = tuple[NDArray[np.int8], NDArray[np.float32]]

SWIFTEST: Final = 0.2  # mouse units a frame
DEGREES: Final = 15.0  # a mouse unit
STRIDE: Final = 0.1235  # metres a frame
WALKS_AT: Final = 80.0  # degrees off the way at which the follower still walks
EIGHT_WAYS: Final = ("W", "W+D", "D", "S+D", "S", "S+A", "A", "W+A")  # to the right in steps of 45 degrees
ARRIVED: Final = 0.6  # metres


@dataclass(frozen=True, kw_only=True)
class NavigatorConfig:
    """How goals are chosen and given up."""

    worth: int = 8  # unseen cells round a post that make it worth a walk
    head_start: float = 3.0  # metres added to every way, so that the nearest post is not always best
    patience: int = 200  # frames after which a goal is given up
    replan: int = 12  # frames, at least, between plans for one goal
    nearest_return: float = 1.5  # metres that a return should lead, where it can
    facing: float = 10.0  # degrees


@dataclass(kw_only=True)
class Errand:
    """A goal and the corners of the way that is left."""

    goal: Array  # (2,)
    yaw: float | None  # degrees to look along when there
    corners: Array  # (C, 2)
    since: int  # tick
    planned: int = 0  # tick of the last plan
    post: int = -1
    worth: float = 0.0

    def left(self, place: Array) -> float:
        """Metres that are left."""
        points = np.concatenate([place[None], self.corners])
        return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


class Navigator:
    """Keeps one errand to new ground and one to an old view, and renews them as they are done."""

    def __init__(self, around: Surroundings, log: ViewLog, config: NavigatorConfig | None = None) -> None:
        self.around, self.log, self.config = around, log, config or NavigatorConfig()
        self._unseen = np.append(around.free, False)  # one more for the cells that fill up
        self._places: list[Array] = []
        self._yaws: list[float] = []
        self._triangles: list[int] = []
        self._matched: list[int] = []  # tick at which each logged view was last in view again
        self.new: Errand | None = None
        self.old: Errand | None = None

    def move_into(self, around: Surroundings) -> None:
        """Take over another map of the same ground; errands are chosen anew on it."""
        self.around = around
        self._unseen = np.append(around.free & (self.log.last_seen < 0), False)
        self._triangles = around.mesh.triangle_of(np.array(self._places)).tolist() if self._places else []
        self.new = self.old = None

    def note(self, stance: Stance, cells: Cells, overlap: Array) -> None:
        """Learn of a view that was logged; ``overlap`` (K,) is with those before it."""
        self._unseen[cells] = False
        for k in np.flatnonzero(overlap >= self.log.grid.config.overlap):
            self._matched[k] = stance.tick
        place = np.array(stance.place)
        self._places.append(place)
        self._yaws.append(stance.yaw)
        self._triangles.append(int(self.around.mesh.triangle_of(place[None])[0]))
        self._matched.append(stance.tick)

    def update(self, stance: Stance) -> None:
        """Renew what is done, given up or lost from sight."""
        place = np.array(stance.place)
        if self.new is None or self._new_done(self.new, place, stance.tick):
            self.new = self._choose_new(place, stance)
        if self.old is None or self._old_done(self.old, place, stance):
            self.old = self._choose_old(place, stance)
        for errand in (self.new, self.old):
            if errand is not None:
                self._keep_to_way(errand, place, stance.tick)

    def _worth(self) -> Array:
        return np.asarray(self._unseen[self.around.post_cells].sum(1), float)

    def _new_done(self, errand: Errand, place: Array, tick: int) -> bool:
        if np.linalg.norm(errand.goal - place) < ARRIVED or tick - errand.since > self.config.patience:
            return True
        if errand.post < 0 or errand.worth == 0:
            return False
        return bool(self._unseen[self.around.post_cells[errand.post]].sum() < errand.worth / 4)

    def _old_done(self, errand: Errand, place: Array, stance: Stance) -> bool:
        if stance.tick - errand.since > self.config.patience:
            return True
        assert errand.yaw is not None
        there = np.linalg.norm(errand.goal - place) < ARRIVED
        return bool(there and abs(wrap_degrees(errand.yaw - stance.yaw)) < self.config.facing)

    def _choose_new(self, place: Array, stance: Stance) -> Errand | None:
        """The post with the most unseen ground for its way; the one longest out of sight when all is seen."""
        around, tick = self.around, stance.tick
        reach = around.mesh.reach_from(place)
        lengths = reach.lengths(around.posts, around.post_triangles)
        worth = self._worth()
        given_up = self.new.post if self.new is not None else -1
        away = around.posts - place
        turns = np.abs(wrap_degrees(np.degrees(np.arctan2(away[:, 0], away[:, 1])) - stance.yaw))
        lengths = lengths + turns / (SWIFTEST * DEGREES) * STRIDE  # a turn takes as long as a walk of so many metres
        value = worth / (lengths + self.config.head_start)
        value[(worth < self.config.worth) | (lengths < ARRIVED)] = 0
        if given_up >= 0:
            value[given_up] = 0
        if not len(value):
            return None
        if value.max() <= 0:
            worth = np.zeros_like(worth)
            age = tick - np.append(self.log.last_seen, tick)[around.post_cells].mean(1)
            value = (age + 1) / (lengths + self.config.head_start)
            value[lengths < 2 * ARRIVED] = 0
        best = int(value.argmax())
        corners = reach.route(around.posts[best])
        if corners is None:
            return None
        return Errand(goal=around.posts[best], yaw=None, corners=corners, since=tick, post=best, worth=float(worth[best]))

    def _choose_old(self, place: Array, stance: Stance) -> Errand | None:
        """The nearest view, by the way and the turn, that has been out of sight for the gap of a revisit."""
        free = np.flatnonzero(stance.tick - np.array(self._matched, np.int64) >= self.log.grid.config.gap)
        if not len(free):
            return None
        places = np.array(self._places)[free]
        reach = self.around.mesh.reach_from(place)
        lengths = reach.lengths(places, np.array(self._triangles)[free])
        turns = np.abs(wrap_degrees(np.array(self._yaws)[free] - stance.yaw))
        frames = lengths / STRIDE + turns / (SWIFTEST * DEGREES) + 1000.0 * (lengths < self.config.nearest_return)
        best = int(frames.argmin())
        corners = reach.route(places[best])
        if corners is None:
            return None
        return Errand(goal=places[best], yaw=self._yaws[int(free[best])], corners=corners, since=stance.tick)

    def _keep_to_way(self, errand: Errand, place: Array, tick: int) -> None:
        """Drop corners that are reached; plan anew, now and then, where the next one is out of sight."""
        mesh = self.around.mesh
        while len(errand.corners) > 1 and np.linalg.norm(errand.corners[0] - place) < ARRIVED / 2:
            errand.corners = errand.corners[1:]
        if not mesh.contains(place[None])[0]:
            return
        if len(errand.corners) > 1 and mesh.sees(place, errand.corners[1]):
            errand.corners = errand.corners[1:]
        elif tick - errand.planned >= self.config.replan and not mesh.sees(place, errand.corners[0]):
            errand.planned = tick
            corners = mesh.reach_from(place).route(errand.goal)
            if corners is not None:
                errand.corners = corners


def follow(stance: Stance, errand: Errand | None) -> Action:
    """The row of actions that follows the way: turn to the next corner, walk once it is about ahead."""
    keyboard, mouse = (rows[0] for rows in idle_actions(1))
    if errand is None:
        mouse[1] = SWIFTEST
        return keyboard, mouse
    away = errand.corners[0] - np.array(stance.place)
    arrived = len(errand.corners) == 1 and np.linalg.norm(away) < ARRIVED
    if arrived and errand.yaw is not None:
        wanted = errand.yaw
    else:
        wanted = float(np.degrees(np.arctan2(away[0], away[1])))
    error = wrap_degrees(wanted - stance.yaw)
    mouse[1] = round(float(np.clip(error / DEGREES, -SWIFTEST, SWIFTEST)), 3)
    if abs(stance.pitch) > 3:
        mouse[0] = round(float(np.clip(-stance.pitch / DEGREES, -0.06, 0.06)), 3)
    keyboard[0] = abs(error) < WALKS_AT and not (arrived and errand.yaw is not None)
    return keyboard, mouse


def glide(stance: Stance, errand: Errand | None, turn: float) -> Action:
    """The row of actions that walks along the way by whichever keys lead there while the view turns as it likes."""
    keyboard, mouse = (rows[0] for rows in idle_actions(1))
    mouse[1] = turn
    if errand is not None:
        away = errand.corners[0] - np.array(stance.place)
        bearing = float(np.degrees(np.arctan2(away[0], away[1]))) - stance.yaw - turn * DEGREES / 2
        keyboard[:] = parse_action(EIGHT_WAYS[round(bearing / 45) % 8])[0]
    return keyboard, mouse
