"""How an action becomes camera commands: along a plan in a scene that we know, swept and read back in one that we do not."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.body import Body
from engine.characters.follow import Follower, Following
from engine.characters.people import Placed
from engine.embedded.recorder import eye_height_of, worn_by
from engine.games.explorer import Action
from engine.job import Job
from engine.unreal.convention import WORLD, c2w_from_unreal, unreal_from_stance
from engine.unreal.walk import DepthWalker
from engine.unreal.walker import showing, spawning
from engine.unreal.wire import numbers_text
from engine.walks import WalkPlan
from infra.dynamics import DynamicsConfig, displacement, turn, wrap_degrees
from infra.errors import WorldloomError

Array = NDArray[np.float64]

READ_BACK: Array = np.array([6e-4, 6e-4, 6e-4, 6e-4, 6e-4, 6e-4])  # cm and degrees; the plugin prints three decimals
BLOCKED: float = 0.5  # cm that a swept move may fall short before it counts as blocked


class CameraAstrayError(WorldloomError):
    """The camera is not where it was put."""


class Drive(Protocol):
    """Chooses actions one row ahead and turns them into commands; told what the engine read back."""

    reads_back: bool  # the engine says where a move ended, so that the next row waits for it

    def choose(self, row: int, depth: NDArray[np.float32] | None) -> Action | None:
        """Action of ``row``, chosen on what the row before showed; None after the last."""
        ...

    def commands(self, action: Action) -> list[str]:
        """What carries the action out; the last two read the pose back where ``reads_back``."""
        ...

    def moved(self, pose: Array) -> None:
        """Take the pose (6,) that was read back after the commands."""
        ...

    def reached(self, read: Array) -> "Reached":
        """The state whose camera reads ``read`` (6,)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Reached:
    """Where a state is."""

    c2w: Array  # (4, 4)
    raw_pose: Array  # (6,) as read; in third person with the body's track (infra/body_track.py) after it
    collided: bool  # the move that led here was blocked


@dataclass(frozen=True, kw_only=True)
class _View:
    """A state that is on its way: what the engine is told of it."""

    c2w: Array
    location: Array  # (3,) cm
    rotation: Array  # (3,) degrees
    collided: bool
    track: Array  # (6,) of the body, or (0,)
    body: Placed | None


class PlannedDrive:
    """In the embedded world: the walk is planned on the scene, and the pose is the plan's.

    The engine is told where the camera goes in full precision and what it reads back must agree.
    """

    reads_back = False

    def __init__(self, body: Body, plan: WalkPlan, job: Job) -> None:
        self._body, self._plan, self._stance = body, plan, plan.start
        self.character = worn_by(job)
        third = job.perspective == "third" and self.character is not None
        self._follower = Follower(body.scene, self.character, body.fps) if third and self.character is not None else None
        self._following = self._follower.begin(plan.start) if self._follower else Following(distance=0.0)
        self._views = [self._view()]  # of states that are on their way

    def start(self) -> list[str]:
        """Commands that put the camera at the start, and in third person the body before it."""
        follower = self._follower
        return [*(spawning(follower.index, follower.speed) if follower else []), *self._placing()]

    def choose(self, row: int, depth: NDArray[np.float32] | None) -> Action | None:
        """The plan's row."""
        return (self._plan.keyboard[row], self._plan.mouse[row]) if row < len(self._plan.keyboard) else None

    def commands(self, action: Action) -> list[str]:
        """Put the camera, and the body, where the action leads."""
        before, self._stance = self._stance, self._body.advance(self._stance, *action)
        if self._follower is not None:
            self._following = self._follower.advance(self._following, before, self._stance, action[0])
        self._views.append(self._view())
        return self._placing()

    def moved(self, pose: Array) -> None:
        """Nothing was read."""

    def reached(self, read: Array) -> Reached:
        """The plan's own.

        Raises:
            CameraAstrayError: the engine shows another.
        """
        view = self._views.pop(0)
        away = np.abs(read - np.concatenate([view.location, view.rotation]))
        away[3:] = np.abs(wrap_degrees(away[3:]))
        if (away > READ_BACK + 1e-6 * np.abs(read)).any():
            raise CameraAstrayError(f"the engine's camera is at {read.tolist()} instead of {[*view.location, *view.rotation]}")
        return Reached(c2w=view.c2w, raw_pose=np.concatenate([read, view.track]), collided=view.collided)

    def _view(self) -> _View:
        stance, follower, following = self._stance, self._follower, self._following
        c2w = follower.camera(following, stance) if follower else stance.c2w(eye_height_of(self.character))
        pitch = stance.pitch - (follower.config.tilt if follower else 0.0)
        location, rotation = unreal_from_stance(c2w[:3, 3], pitch, stance.yaw)
        return _View(
            c2w=c2w,
            location=location,
            rotation=rotation,
            collided=stance.collided,
            track=follower.track(following, stance) if follower else np.zeros(0),
            body=follower.placed(following, stance, c2w) if follower else None,
        )

    def _placing(self) -> list[str]:
        view = self._views[-1]
        camera = (("location", view.location), ("rotation", view.rotation))
        moves = [f"vset /camera/0/{noun} {numbers_text(*values)}" for noun, values in camera]
        return [*moves, *(showing(view.body) if self._follower else [])]


class SweptDrive:
    """In a map that nobody knows: moves are swept, and the pose is what the engine reads back."""

    reads_back = True

    def __init__(self, start: Array, offset: Array, frames: int, walker: DepthWalker, dynamics: DynamicsConfig) -> None:
        self._pose = self._seen_from = start  # (6,) of the camera after the last commands, and where the last depth was seen
        self._offset = offset  # (3,) cm from the pawn, which is moved, to the camera, which is read
        self._frames = frames
        self._walker = walker
        self._dynamics = dynamics
        self._wanted, self._turned = start[:3], start[3:]
        self._collided = [False]

    def choose(self, row: int, depth: NDArray[np.float32] | None) -> Action | None:
        """What the explorer does."""
        if row >= self._frames:
            return None
        if depth is None:
            raise WorldloomError("the engine sends no depth, which the explorer needs; use a build whose UnrealCV has depth npy")
        seen_from, now = (c2w_from_unreal(pose[:3], pose[3:]) for pose in (self._seen_from, self._pose))
        return self._walker.act(depth, seen_from, now, self._collided[-1])

    def commands(self, action: Action) -> list[str]:
        """Turn, move until something is in the way, and read the pose."""
        keyboard, mouse = action
        turned = turn(mouse, self._dynamics)
        yaw = float(self._pose[4] + turned[1])
        pitch = float(np.clip(self._pose[3] + turned[0], -self._dynamics.max_pitch, self._dynamics.max_pitch))
        x, z = displacement(keyboard, np.array(self._pose[4]), np.array(yaw), self._dynamics)
        self._wanted = self._pose[:3] + WORLD.T @ np.array([x, 0.0, z]) * 100
        self._turned = np.array([pitch, wrap_degrees(yaw), 0.0])
        return [
            f"vset /camera/0/rotation {numbers_text(*self._turned)}",
            f"vset /camera/0/moveto {numbers_text(*(self._wanted - self._offset))}",
            "vget /camera/0/location",
            "vget /camera/0/rotation",
        ]

    def moved(self, pose: Array) -> None:
        """The next move starts from where this one ended, and from where it was told to look.

        A player's camera turns with the next tick of its game: read in the tick of the command, it still looks as before.
        """
        self._seen_from, self._pose = self._pose, np.concatenate([pose[:3], self._turned])
        self._collided.append(bool(np.linalg.norm(pose[:2] - self._wanted[:2]) > BLOCKED))

    def reached(self, read: Array) -> Reached:
        """As it was read."""
        return Reached(c2w=c2w_from_unreal(read[:3], read[3:]), raw_pose=read, collided=self._collided.pop(0))
