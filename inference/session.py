"""One walk through a world model: reset it with an image, step it with actions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from inference.accelerate import AccelerateConfig, accelerate, choose_threads
from infra.datasets import load_bundle
from infra.schema import Keyboard, Mouse, idle_actions
from infra.store import open_store
from modeling.device import Precision, set_precision
from modeling.rollout import RolloutOptions, RolloutState, Segment, rollout_segment, start_rollout
from modeling.world_model import WorldModel, load_world_model

Actions: TypeAlias = tuple[Keyboard, Mouse]  # (F, 6) and (F, 2), F the model's new frames


class WorldSession:
    """What a player holds. The same image, prompt, seed and actions give the same frames."""

    def __init__(self, model: WorldModel, options: RolloutOptions = RolloutOptions()) -> None:
        self.model, self.options = model, options
        self._state: RolloutState | None = None

    @property
    def state(self) -> RolloutState:
        """Where the walk stands; states never change, so it may be kept and restored later.

        Raises:
            ValueError: there was no reset yet.
        """
        if self._state is None:
            raise ValueError("the session has not begun; call reset(image, prompt, seed) first")
        return self._state

    def reset(self, image: NDArray[np.uint8], prompt: str, seed: int) -> None:
        """Begin at ``image`` (H, W, 3).

        Raises:
            ValueError: the image is not of the model's size.
        """
        self._state = start_rollout(self.model, image, prompt, seed=seed, options=self.options)

    def restore(self, state: RolloutState) -> None:
        """Go on from a state that was kept."""
        self._state = state

    def step(self, actions: Actions) -> Segment:
        """Generate the F frames that the actions lead to.

        Raises:
            ValueError: there was no reset yet, or the actions are not F finite rows.
        """
        keyboard, mouse = actions
        segment, self._state = rollout_segment(self.model, self.state, keyboard, mouse)
        return segment


@dataclass(frozen=True, kw_only=True)
class BundleLoader:
    """Loads a bundle in the process that calls it; picklable, so that the model's process can."""

    store: str  # URI
    digest: str  # of the bundle
    int8: bool = False
    device: str = "cpu"
    precision: Precision = "auto"
    speed: AccelerateConfig = AccelerateConfig()

    def __call__(self) -> Callable[[], WorldSession]:
        """What makes sessions over one model. It is made fast and warmed up first, so that no player waits for it.

        Raises:
            MissingObjectError: the bundle or one of its checkpoints is gone.
        """
        torch.set_num_threads(1)
        set_precision(self.precision)
        store = open_store(self.store)
        model = load_world_model(store, load_bundle(store, self.digest), int8=self.int8, device=self.device)
        accelerate(model, self.speed)
        warm_up(model, self.speed)
        return lambda: WorldSession(model)


def warm_up(model: WorldModel, speed: AccelerateConfig) -> None:
    """Play some segments of nothing: the first ones pay for allocation and the text encoder, the rest settle the threads."""
    session, still = WorldSession(model), idle_actions(model.segments.new_frames)
    session.reset(np.zeros((model.height, model.width, 3), np.uint8), "warm up", 0)
    session.step(still)
    choose_threads(lambda: session.step(still), speed)
