"""What every source of episodes offers: lock-step frames with their exact state."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.job import Job
from infra.schema.episode import Perspective


@dataclass(frozen=True, kw_only=True)
class State:
    """One frame and the state that it shows."""

    tick: int
    seconds: float
    rgb: NDArray[np.uint8]  # (H, W, 3); (0, 0, 3) while a source plays whose pictures come later
    depth: NDArray[np.float32] | None  # (H, W) z-depth in metres, inf where there is none
    c2w: NDArray[np.float64]  # (4, 4)
    intrinsics: NDArray[np.float64]  # (4,)
    raw_pose: NDArray[np.float64]  # (R,) the source's own pose
    collided: bool  # the move that led here was blocked or slid
    mask: NDArray[np.uint16] | None = None  # (H, W) number of the thing that a pixel shows, 0 is none of them
    over: bool = False  # the source shows no world any more, so that the episode ends before this frame


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """What an episode row says of the source, beyond its frames."""

    scene_id: str
    weather: str
    depth_kind: Literal["exact", "coarse", "none"]
    scale_known: bool
    licence: str
    redistributable: bool
    commercial_ok: bool
    source_url: str
    scene: dict[str, Any]  # JSON values for captions
    character_id: str = ""  # of the body that the camera follows or looks out of
    time_of_day: str = ""
    season: str = ""
    perspective: Perspective | None = None  # None is the job's; games have their own
    sync: Literal["exact", "measured"] = "exact"  # whether one fixed tick lies between a row and the next by construction


class Recorder(Protocol):
    """A source in lock-step: it waits for each action."""

    def reset(self, job: Job) -> State:
        """Start the job's episode; return its first frame."""
        ...

    def step(self, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> State:
        """Carry out one action, keyboard (6,) and mouse (2,); return the frame that it leads to."""
        ...

    def act(self, state: State) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
        """What the job's walk does in ``state``; None when the walk is over."""
        ...

    def facts(self) -> SourceFacts:
        """Of the running episode."""
        ...

    def close(self) -> None:
        """Give back what the source holds."""
        ...


@runtime_checkable
class LateRecorder(Recorder, Protocol):
    """A source that is filmed: it is played through first, and its pictures are there when it is over."""

    def develop(self) -> Iterator[State]:
        """The states that were acted in, in order and with their pictures; once, after ``act`` or the agent ended it."""
        ...
