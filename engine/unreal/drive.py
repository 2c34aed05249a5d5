"""How an action becomes camera commands: along a plan in a scene that we know, swept and read back in one that we do not."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.body import Body, Stance
from engine.games.explorer import Action
from engine.unreal.convention import WORLD, c2w_from_unreal, unreal_from_stance
from engine.unreal.walk import ReturningExplorer
from engine.unreal.wire import numbers_text
from engine.walks import WalkPlan
from infra.dynamics import DynamicsConfig, displacement, turn
from infra.errors import WorldloomError

Array = NDArray[np.float64]

READ_BACK: Array = np.array([6e-4, 6e-4, 6e-4, 6e-4, 6e-4, 6e-4])  # cm and degrees; the plugin prints three decimals
BLOCKED: float = 0.5  # cm that a swept move may fall short before it counts as blocked


class CameraAstrayError(WorldloomError):
    """The camera is not where it was put."""


class Drive(Protocol):
    """Chooses actions one row ahead and turns them into commands; told what the engine read back."""

    def choose(self, row: int, depth: NDArray[np.float32] | None) -> Action | None:
        """Action of ``row``, chosen on what the row before showed; None after the last."""
        ...

    def commands(self, action: Action) -> list[str]:
        """What carries the action out; the last two read the pose back where ``reads_back``."""
        ...

    def moved(self, pose: Array) -> None:
        """Take the pose (6,) that was read back after the commands."""
        ...

    def pose(self, read: Array) -> tuple[Array, bool]:
        """c2w (4, 4) of the state whose pose reads ``read`` (6,), and whether its move was blocked."""
        ...


class PlannedDrive:
    """In the embedded world: the walk is planned on the scene, and the pose is the plan's.

    The engine is told where the camera goes in full precision and what it reads back must agree.
    """

    reads_back = False

    def __init__(self, body: Body, plan: WalkPlan) -> None:
        self._body = body
        self._plan = plan
        self._shown: list[Stance] = [plan.start]  # of states that are on their way

    def start(self) -> list[str]:
        """Commands that put the camera at the start."""
        return _placing(self._shown[0])

    def choose(self, row: int, depth: NDArray[np.float32] | None) -> Action | None:
        """The plan's row."""
        return (self._plan.keyboard[row], self._plan.mouse[row]) if row < len(self._plan.keyboard) else None

    def commands(self, action: Action) -> list[str]:
        """Put the camera where the action leads."""
        self._shown.append(self._body.advance(self._shown[-1], *action))
        return _placing(self._shown[-1])

    def moved(self, pose: Array) -> None:
        """Nothing was read."""

    def pose(self, read: Array) -> tuple[Array, bool]:
        """The plan's own.

        Raises:
            CameraAstrayError: the engine shows another.
        """
        stance = self._shown.pop(0)
        location, rotation = _unreal(stance)
        away = np.abs(read - np.concatenate([location, rotation]))
        away[3:] = np.abs((away[3:] + 180) % 360 - 180)
        if (away > READ_BACK + 1e-6 * np.abs(read)).any():
            raise CameraAstrayError(f"the engine's camera is at {read.tolist()} instead of {[*location, *rotation]}")
        return stance.c2w(), stance.collided


class SweptDrive:
    """In a map that nobody knows: moves are swept, and the pose is what the engine reads back."""

    reads_back = True

    def __init__(self, start: Array, offset: Array, frames: int, seed: list[int], dynamics: DynamicsConfig) -> None:
        self._pose = start  # (6,) of the camera after the last commands
        self._offset = offset  # (3,) cm from the pawn, which is moved, to the camera, which is read
        self._frames = frames
        self._explorer = ReturningExplorer(seed)
        self._dynamics = dynamics
        self._wanted = start[:3]
        self._collided = [False]

    def choose(self, row: int, depth: NDArray[np.float32] | None) -> Action | None:
        """What the explorer does."""
        if row >= self._frames:
            return None
        if depth is None:
            raise WorldloomError("the engine sends no depth, which the explorer needs; use a build whose UnrealCV has depth npy")
        return self._explorer.act(depth)

    def commands(self, action: Action) -> list[str]:
        """Turn, move until something is in the way, and read the pose."""
        keyboard, mouse = action
        turned = turn(mouse, self._dynamics)
        yaw = float(self._pose[4] + turned[1])
        pitch = float(np.clip(self._pose[3] + turned[0], -self._dynamics.max_pitch, self._dynamics.max_pitch))
        x, z = displacement(keyboard, np.array(self._pose[4]), np.array(yaw), self._dynamics)
        self._wanted = self._pose[:3] + WORLD.T @ np.array([x, 0.0, z]) * 100
        return [
            f"vset /camera/0/rotation {numbers_text(pitch, yaw, 0.0)}",
            f"vset /camera/0/moveto {numbers_text(*(self._wanted - self._offset))}",
            "vget /camera/0/location",
            "vget /camera/0/rotation",
        ]

    def moved(self, pose: Array) -> None:
        """The next move starts from here."""
        self._pose = pose
        self._collided.append(bool(np.linalg.norm(pose[:2] - self._wanted[:2]) > BLOCKED))

    def pose(self, read: Array) -> tuple[Array, bool]:
        """As it was read."""
        return c2w_from_unreal(read[:3], read[3:]), self._collided.pop(0)


def _unreal(stance: Stance) -> tuple[Array, Array]:
    return unreal_from_stance(stance.c2w()[:3, 3], stance.pitch, stance.yaw)


def _placing(stance: Stance) -> list[str]:
    location, rotation = _unreal(stance)
    return [f"vset /camera/0/location {numbers_text(*location)}", f"vset /camera/0/rotation {numbers_text(*rotation)}"]
