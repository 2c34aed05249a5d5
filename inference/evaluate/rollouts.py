"""Play test walks: from the first frame and the recorded actions alone, as a player would."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.evaluate.cases import Case
from infra.schema import Keyboard, Mouse
from modeling.rollout import RolloutOptions, RolloutState, rollout_segment, start_rollout
from modeling.world_model import WorldModel

_OTHER_FRAMES: Final = 32  # played of another scene before its frames serve as wrong memory


@dataclass(frozen=True, kw_only=True)
class Playback:
    """What came out of one walk; frame 0 is the start image itself."""

    frames: NDArray[np.uint8]  # (N + 1, H, W, 3)
    segment_seconds: tuple[float, ...] = ()  # wall time of each segment
    step_seconds: tuple[Mapping[str, float], ...] = ()  # of each segment, by step of the model
    memory_frames: tuple[tuple[int, ...], ...] = ()  # frame numbers that memory gave to each segment


class Player(Protocol):
    """Anything that makes frames from a start image and actions: a model, a baseline, a test double."""

    def play(self, case: Case, count: int, seed: int) -> Playback:
        """Make frames 1 to ``count`` of the walk."""


@dataclass(frozen=True, kw_only=True)
class ModelPlayer:
    """A world model under fixed options; ``other`` is a walk of another scene, whose frames ``wrong_scene`` memory recalls."""

    model: WorldModel
    options: RolloutOptions = RolloutOptions()
    other: Case | None = None

    def play(self, case: Case, count: int, seed: int) -> Playback:
        """Roll segments until ``count`` frames are there; the last segment's surplus is dropped.

        Raises:
            ValueError: the walk's pictures are not of the model's size, wrong-scene memory has no other scene, or a
                segment has the wrong number of frames.
        """
        state = start(self.model, case, seed, self.options, self._wrong_scene(case, seed))
        made, seconds, steps, memory = [case.frames[:1]], [], [], []
        for keyboard, mouse in action_blocks(case, count, self.model.segments.new_frames):
            began = time.perf_counter()
            segment, state = rollout_segment(self.model, state, keyboard, mouse)
            seconds.append(time.perf_counter() - began)
            if segment.frames.shape != (len(keyboard), *case.frames.shape[1:]):
                raise ValueError(f"walk {case.name}: a segment has shape {segment.frames.shape}, expected {len(keyboard)} frames")
            made.append(segment.frames)
            steps.append(dict(segment.timings))
            memory.append(tuple(segment.memory_frames))
        return Playback(
            frames=np.concatenate(made)[: count + 1],
            segment_seconds=tuple(seconds),
            step_seconds=tuple(steps),
            memory_frames=tuple(memory),
        )

    def _wrong_scene(self, case: Case, seed: int) -> RolloutState | None:
        """A rollout of ``other``, if these options need one."""
        if self.options.memory != "wrong_scene":
            return None
        if self.other is None or self.other.scene_id == case.scene_id:
            raise ValueError(f"walk {case.name}: memory 'wrong_scene' needs a walk of another scene; record more test scenes")
        state = start(self.model, self.other, seed, replace(self.options, memory="own"), None)
        for keyboard, mouse in action_blocks(self.other, _OTHER_FRAMES, self.model.segments.new_frames):
            _, state = rollout_segment(self.model, state, keyboard, mouse)
        return state


def start(model: WorldModel, case: Case, seed: int, options: RolloutOptions, wrong_scene: RolloutState | None) -> RolloutState:
    """Begin a walk at its first frame, recorded pose and lens; depth is the model's own guess."""
    return start_rollout(
        model,
        case.frames[0],
        case.prompt,
        seed=seed,
        c2w=case.c2w[0],
        intrinsics=case.intrinsics,
        options=options,
        wrong_scene=wrong_scene,
    )


def action_blocks(case: Case, count: int, block: int) -> Iterator[tuple[Keyboard, Mouse]]:
    """The walk's actions in blocks (block, 6) and (block, 2) that cover ``count`` frames."""
    segments = math.ceil(count / block)
    keyboard, mouse = case.actions(segments * block)
    for index in range(segments):
        rows = slice(index * block, (index + 1) * block)
        yield keyboard[rows], mouse[rows]
