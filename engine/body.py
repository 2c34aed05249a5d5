"""A walker in a scene: where one row of actions leads, with what stands in the way."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.obstacles import BODY_RADIUS, EYE_HEIGHT, character_places, obstacles_of
from engine.scenes.scene import Scene
from infra.dynamics import DynamicsConfig, camera_to_world, displacement, turn

Array = NDArray[np.float64]

MARGIN: Final = 0.2  # metres that a planned walk keeps from everything


@dataclass(frozen=True, kw_only=True)
class Stance:
    """Where the walker stands and looks at one tick."""

    place: tuple[float, float]  # (x, z) in metres
    pitch: float  # degrees, + up
    yaw: float  # degrees, + right
    tick: int = 0
    collided: bool = False  # the move that led here was blocked or slid

    def c2w(self, eye_height: float = EYE_HEIGHT) -> Array:
        """Camera to world (4, 4) of eyes so many metres above the ground."""
        position = np.array([self.place[0], -eye_height, self.place[1]])
        return camera_to_world(position, np.array(self.pitch), np.array(self.yaw))


class Body:
    """Moves a walker through one scene by the shared dynamics; deterministic."""

    def __init__(self, scene: Scene, fps: float, dynamics: DynamicsConfig | None = None) -> None:
        self.scene = scene
        self.fps = fps
        self.dynamics = dynamics or DynamicsConfig()
        self.things = obstacles_of(scene.objects)

    def advance(self, stance: Stance, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> Stance:
        """Apply one action, keyboard (6,) and mouse (2,). Free moves equal ``infra.dynamics.integrate``."""
        turned = turn(mouse, self.dynamics)
        yaw = stance.yaw + float(turned[1])
        limit = self.dynamics.max_pitch
        pitch = float(np.clip(stance.pitch + float(turned[0]), -limit, limit))
        move = displacement(keyboard, np.array(stance.yaw), np.array(yaw), self.dynamics)
        tick = stance.tick + 1
        blocked = self.things.with_circles(character_places(self.scene, tick / self.fps), BODY_RADIUS)
        place, collided = blocked.slide(np.array(stance.place), move)
        return Stance(place=(float(place[0]), float(place[1])), pitch=pitch, yaw=yaw, tick=tick, collided=collided)

    def follow(self, start: Stance, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> list[Stance]:
        """The stances that T actions lead to, without the start."""
        stances = []
        for keys, motion in zip(keyboard, mouse, strict=True):
            start = self.advance(start, keys, motion)
            stances.append(start)
        return stances

    def walks_free(self, start: Stance, keyboard: NDArray[np.int8], mouse: NDArray[np.float32], reach: float) -> bool:
        """Whether T actions touch nothing and never look at a surface within ``reach``; stops at the first touch."""
        stances = []
        for keys, motion in zip(keyboard, mouse, strict=True):
            start = self.advance(start, keys, motion)
            if start.collided:
                return False
            stances.append(start)
        return bool(self.clear_steps(stances[::3] + stances[-1:], reach).all())

    def is_clear(self, stance: Stance, reach: float) -> bool:
        """Whether the walker has room and no surface fills the view."""
        return bool(self.clear_steps([stance], reach)[0])

    def clear_steps(self, stances: list[Stance], reach: float) -> NDArray[np.bool_]:
        """Which stances (S,) keep ``MARGIN`` to everything and look at no surface within ``reach`` metres."""
        places = np.array([stance.place for stance in stances])
        yaws = np.radians([stance.yaw for stance in stances])
        people = np.stack([character_places(self.scene, stance.tick / self.fps) for stance in stances])  # (S, K, 2)
        gap = self.things.clearance(places)
        if people.shape[1]:
            gap = np.minimum(gap, np.linalg.norm(people - places[:, None], axis=-1).min(1) - 2 * BODY_RADIUS)
        ahead = yaws[:, None, None] + np.radians([-28, 0, 28])[:, None]
        out = reach * np.array([1 / 3, 2 / 3, 1])
        probes = places[:, None, None] + np.stack([np.sin(ahead) * out, np.cos(ahead) * out], -1)
        view = self.things.clearance(probes.reshape(-1, 2)).reshape(len(stances), -1).min(1)
        return np.asarray((gap > BODY_RADIUS + MARGIN) & (view > 0.1))
