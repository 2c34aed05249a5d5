"""Is a model sane enough to be judged at all? The first question of every release gate."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from infra.schema import idle_actions
from modeling.finite import NotFiniteError
from modeling.rollout import rollout_segment, start_rollout
from modeling.world_model import WorldModel


@dataclass(frozen=True, kw_only=True)
class Sanity:
    """What a short rollout showed."""

    frames: int
    expected_frames: int
    finite: bool  # weights, generated latents and poses

    @property
    def passed(self) -> bool:
        return self.finite and self.frames == self.expected_frames


def check_sanity(model: WorldModel, image: NDArray[np.uint8], prompt: str, *, segments: int, seed: int = 0) -> Sanity:
    """Walk forward from ``image`` (H, W, 3) for ``segments`` segments and count what comes out."""
    finite = all(bool(torch.isfinite(value).all()) for value in _floats(model))
    state = start_rollout(model, image, prompt, seed=seed)
    keyboard, mouse = idle_actions(model.segments.new_frames)
    keyboard[:, 0] = 1
    frames = 0
    for _ in range(segments):
        try:
            segment, state = rollout_segment(model, state, keyboard, mouse)
        except NotFiniteError:
            return Sanity(frames=frames, expected_frames=segments * model.segments.new_frames, finite=False)
        whole = segment.frames.shape[1:] == (model.height, model.width, 3)
        frames += len(segment.frames) if whole else 0
        finite = finite and bool(np.isfinite(segment.c2w).all()) and bool(torch.isfinite(state.past).all())
    return Sanity(frames=frames, expected_frames=segments * model.segments.new_frames, finite=finite)


def _floats(model: WorldModel) -> list[torch.Tensor]:
    parts = (model.autoencoder, model.denoiser)
    return [value for part in parts for value in part.state_dict().values() if value.is_floating_point()]
