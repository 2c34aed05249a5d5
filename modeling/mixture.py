"""A mixture of denoisers: one for high noise in each viewpoint and a shared one for low noise, switched at a boundary.

Three experts are stored and one pair of them is active: what the actions do is decided at high noise, where first and
third person differ; what things look like is decided at low noise, where they do not.
Legend: B batch, C channels, F latents, h w latent cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import torch
from torch import Tensor, nn

from modeling.action_module import Actions
from modeling.denoiser import Denoiser, DenoiserConfig, Memory

Perspective = Literal["first", "third"]
ExpertName = Literal["high_first", "high_third", "low"]
PERSPECTIVES: Final[tuple[Perspective, ...]] = ("first", "third")
NOISE: Final = 1000  # the time of pure noise


@dataclass(frozen=True, kw_only=True)
class MixtureConfig:
    """All experts have one size."""

    expert: DenoiserConfig
    boundary: float = 0.900  # noise level from which on, itself included, the high-noise expert predicts
    perspectives: tuple[Perspective, ...] = PERSPECTIVES  # whose high-noise experts are there; one makes a pair


class Mixture(nn.Module):
    """Denoisers behind one call: each sample goes to the expert of its viewpoint and noise level."""

    def __init__(self, config: MixtureConfig) -> None:
        super().__init__()
        if not 0 <= config.boundary <= 1:
            raise ValueError(f"the noise boundary is {config.boundary}; it lies between 0 (clean) and 1 (noise)")
        self.config = config
        names = [*(high_expert(perspective) for perspective in config.perspectives), "low"]
        self.experts = nn.ModuleDict({name: Denoiser(config.expert) for name in names})

    def forward(
        self,
        x: Tensor,  # (B, C, F, h, w)
        time: Tensor,  # (B,), (B, F) or (B, F tokens): 0 clean to 1000 noise
        text: Tensor,  # (B, K, text width)
        perspectives: Sequence[Perspective],  # one a sample
        *,
        rays: Tensor | None = None,
        actions: Actions | None = None,
        memory: Memory | None = None,
        positions: Tensor | None = None,
        extra: Tensor | None = None,
    ) -> Tensor:
        """Return the prediction (B, C, F, h, w); arguments are as for ``Denoiser``. An expert without samples does not run.

        Raises:
            ValueError: viewpoints and samples differ in number, or a sample needs an expert that is not there.
        """
        routes = route(time, perspectives, self.config.boundary)
        out = torch.zeros_like(x)
        for name in dict.fromkeys(routes):
            if name not in self.experts:
                raise ValueError(f"the mixture has no expert {name}; build it with perspective {name.removeprefix('high_')}")
            rows = torch.tensor([i for i, found in enumerate(routes) if found == name], device=x.device)
            out[rows] = self.experts[name](
                x[rows],
                time[rows],
                text[rows],
                rays=_take(rays, rows),
                actions=None if actions is None else _take_actions(actions, rows),
                memory=None if memory is None else _take_memory(memory, rows),
                positions=positions,
                extra=_take(extra, rows),
            ).to(out.dtype)
        return out


def high_expert(perspective: Perspective) -> ExpertName:
    """The high-noise expert of a viewpoint."""
    return "high_first" if perspective == "first" else "high_third"


def route(time: Tensor, perspectives: Sequence[Perspective], boundary: float) -> list[ExpertName]:
    """The expert of each sample, by its noisiest latent: clean ones of the same clip have time 0.

    Times are read once, which on a GPU waits for it.

    Raises:
        ValueError: viewpoints and samples differ in number.
    """
    if len(time) != len(perspectives):
        raise ValueError(f"{len(time)} samples but {len(perspectives)} viewpoints; name one for each sample")
    levels = time.flatten(1).amax(1) if time.ndim > 1 else time
    pairs = zip(levels.tolist(), perspectives, strict=True)
    return [high_expert(perspective) if level >= boundary * NOISE else "low" for level, perspective in pairs]


def _take_actions(actions: Actions, rows: Tensor) -> Actions:
    return Actions(
        keyboard=actions.keyboard[rows],
        mouse=actions.mouse[rows],
        memory_keyboard=_take(actions.memory_keyboard, rows),
        memory_mouse=_take(actions.memory_mouse, rows),
    )


def _take_memory(memory: Memory, rows: Tensor) -> Memory:
    """Latent numbers are those of the whole batch."""
    return replace(memory, latents=memory.latents[rows], time=_take(memory.time, rows))


def _take(value: Tensor | None, rows: Tensor) -> Tensor | None:
    return None if value is None else value[rows]
