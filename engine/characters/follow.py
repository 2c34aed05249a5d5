"""The third-person camera and the body that it follows: a pure function of what the walker did so far."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.body import Stance
from engine.characters.catalogue import assembly_of
from engine.characters.gait import PHASES, measures_of
from engine.characters.people import Placed, walking_phase
from engine.characters.sight import sight_of
from engine.obstacles import BODY_RADIUS, character_places
from engine.scenes.scene import Scene
from infra.body_track import pack_track
from infra.dynamics import DynamicsConfig, camera_to_world, walk_direction, wrap_degrees

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class FollowConfig:
    """Where the camera hangs, and how fast it gives way."""

    distance: float = 3.3  # metres behind the body
    tilt: float = 12.0  # degrees that the camera looks further down than the walker
    shoulder: float = 0.35  # metres to the right, so that the way ahead is seen
    pivot: float = 0.84  # height of what it looks at, as a share of the body's
    rise: float = 0.60  # metres that it goes up when it must come close, to look over the head
    clearance: float = 0.18  # metres that it keeps from surfaces
    lowest: float = 0.30  # metres above the ground
    ease_out: float = 0.10  # metres a frame that it falls back when there is room again
    whiskers: tuple[float, ...] = (-24.0, -16.0, -8.0, 8.0, 16.0, 24.0)  # degrees beside the arm; see a wall before it is there
    whisker_slack: float = 0.085  # metres a degree that a whisker's hit counts for less
    turn: float = 18.0  # degrees a frame that the body turns to face where it goes


@dataclass(frozen=True, kw_only=True)
class Following:
    """What the next frame needs to know of those before it."""

    distance: float  # metres of the arm
    offset: float = 0.0  # degrees that the body faces to the right of the look
    walked: float = 0.0  # metres, backwards steps subtracted
    moving: bool = False


class Follower:
    """Follows character ``index`` through a scene."""

    def __init__(self, scene: Scene, index: int, fps: float, config: FollowConfig | None = None) -> None:
        self.scene = scene
        self.index = index
        self.fps = fps
        self.config = config or FollowConfig()
        self.speed = fps * DynamicsConfig().step  # metres a second that the body must keep up with
        self.measures = measures_of(assembly_of(index))

    def begin(self, stance: Stance) -> Following:
        """Stand still with the arm as long as there is room."""
        return Following(distance=self._room(stance))

    def advance(self, state: Following, before: Stance, after: Stance, keyboard: NDArray[np.int8]) -> Following:
        """Follow one action, keyboard (6,), that led from one stance to another."""
        right, forward = walk_direction(keyboard)
        step = float(np.hypot(after.place[0] - before.place[0], after.place[1] - before.place[1]))
        moving = step > 0.1 * BODY_RADIUS and bool(right or forward)
        backwards = moving and forward < -1e-9
        heading = float(np.degrees(np.arctan2(right, forward))) if moving else 0.0
        if backwards:  # one who backs off faces away from where they go
            heading = wrap_degrees(heading + 180)
        limit = self.config.turn
        return Following(
            distance=min(self._room(after), state.distance + self.config.ease_out),
            offset=state.offset + float(np.clip(heading - state.offset, -limit, limit)),
            walked=state.walked + (-step if backwards else step),
            moving=moving,
        )

    def camera(self, state: Following, stance: Stance) -> Array:
        """Camera to world (4, 4)."""
        origin, config = self._pivot(stance), self.config
        place = self._hang(stance, state.distance)
        free = float(sight_of(self.scene).free_shares(origin, place[None])[0])
        if free < 1:
            place = origin + (place - origin) * max(free - config.clearance / config.distance, 0.05)
        return camera_to_world(place, np.array(stance.pitch - config.tilt), np.array(stance.yaw))

    def placed(self, state: Following, stance: Stance, camera: Array) -> Placed | None:
        """The body as it is drawn; None when the camera is inside it."""
        away = np.hypot(camera[0, 3] - stance.place[0], camera[2, 3] - stance.place[1])
        if away < BODY_RADIUS and -camera[1, 3] < self.measures.height + 0.1:
            return None
        phase = walking_phase(self.index, state.walked, self.speed) if state.moving else PHASES
        return Placed(place=stance.place, facing=stance.yaw + state.offset, phase=phase)

    def track(self, state: Following, stance: Stance) -> Array:
        """The body's columns (6,) of ``raw_pose``."""
        eyes = np.array([stance.place[0], -self.measures.eye_height, stance.place[1]])
        return pack_track(eyes, stance.pitch, stance.yaw, stance.yaw + state.offset)

    def _pivot(self, stance: Stance) -> Array:
        return np.array([stance.place[0], -self.config.pivot * self.measures.height, stance.place[1]])

    def _hang(self, stance: Stance, distance: float, yaw: float = 0.0) -> Array:
        """Where the camera is at the end of an arm of this length, turned by ``yaw`` degrees."""
        config = self.config
        turned = camera_to_world(np.zeros(3), np.array(stance.pitch - config.tilt), np.array(stance.yaw + yaw))
        share = distance / config.distance
        up = np.array([0.0, -config.rise * (1 - share), 0.0])
        return np.asarray(self._pivot(stance) - turned[:3, 2] * distance + turned[:3, 0] * config.shoulder * share + up)

    def _room(self, stance: Stance) -> float:
        """How long the arm may be here: a fan of rays round it, whiskers beside it, the ground and people."""
        config, origin = self.config, self._pivot(stance)
        full = self._hang(stance, config.distance)
        right = np.array([np.cos(np.radians(stance.yaw)), 0.0, -np.sin(np.radians(stance.yaw))]) * config.clearance
        down = np.array([0.0, config.clearance, 0.0])
        beside = [self._hang(stance, config.distance, degrees) for degrees in config.whiskers]
        ends = np.stack([full, full + right, full - right, full + down, full - down, *beside])
        hits = sight_of(self.scene).free_shares(origin, ends) * config.distance
        slack = np.array([0.0] * 5 + [abs(degrees) * config.whisker_slack for degrees in config.whiskers])
        room = float((hits + np.where(hits < config.distance, slack, np.inf)).min()) - config.clearance
        low = -config.lowest - origin[1]  # metres that the camera may sink below what it looks at, y down
        if full[1] - origin[1] > low:
            room = min(room, config.distance * low / (full[1] - origin[1]))
        return float(np.clip(min(room, self._room_to_people(stance, origin, full)), 0.0, config.distance))

    def _room_to_people(self, stance: Stance, origin: Array, full: Array) -> float:
        """As ``_room``, for those who walk by: closer beside the arm counts for more, so that they push it gently."""
        people = character_places(self.scene, stance.tick / self.fps) - origin[[0, 2]]
        arm = (full - origin)[[0, 2]]
        length = float(np.linalg.norm(arm))
        if not len(people) or length < 1e-6:
            return self.config.distance
        along = people @ arm / length
        aside = np.abs(people @ np.array([arm[1], -arm[0]])) / length
        behind = along > BODY_RADIUS
        if not behind.any():
            return self.config.distance
        room = along[behind] - BODY_RADIUS - self.config.clearance + 4 * np.maximum(aside[behind] - BODY_RADIUS, 0)
        return float(room.min()) * self.config.distance / length
