"""What memory may recall: earlier latents and the camera poses of their frames, of which a bounded number is kept."""

from dataclasses import dataclass

import torch
from torch import Tensor

from inference.released.plan import ClipPlan
from infra.schema import SegmentConfig


@dataclass(frozen=True, kw_only=True)
class BankConfig:
    """A latent of 1280x704 is 0.7 MB: with 512 of them the bank takes 350 MB of the model's device, however long the video."""

    latents: int = 512  # the first 2048 frames are remembered whole; later the older half loses every second latent


class MemoryBank:
    """Latents by number, with the poses of the four frames of each.

    When the bank is full every second latent of its older half goes, but the sink's: the further back, the sparser,
    and selection never has more than ``4 * latents`` candidates.
    """

    def __init__(self, config: BankConfig = BankConfig(), segments: SegmentConfig = SegmentConfig()) -> None:
        least = 2 * (segments.first_latents + segments.new_latents)
        if config.latents < least:
            raise ValueError(f"a bank of {config.latents} latents is too small; give it {least} or more")
        self.config, self.segments = config, segments
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, number: int, latent: Tensor, c2w: Tensor) -> None:
        """Remember a latent (1, C, 1, h, w) and the poses (4, 4, 4) of its frames. The picture, latent 0, is never recalled."""
        if len(self._kept) == self.config.latents:
            self._thin_out()
        self._kept[number] = (latent.clone(), c2w)

    def candidates(self, before: int) -> tuple[list[int], Tensor]:
        """Frames before frame ``before`` that are remembered, in order, and their poses (K, 4, 4)."""
        per = self.segments.frames_per_latent
        numbers = [number for number in self._kept if per * number < before]
        frames = [frame for number in numbers for frame in range(per * (number - 1) + 1, per * number + 1)]
        return frames, torch.cat([self._kept[number][1] for number in numbers])

    def recall(self, plan: ClipPlan, frames: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """The latents (1, C, M, h, w) that hold ``frames``, the pose (M, 4, 4) that stands for each, their numbers (M,)."""
        numbers = [plan.memory_latent(frame) for frame in frames]
        latents = torch.cat([self._kept[number][0] for number in numbers], 2)
        return latents, torch.stack([self._kept[number][1][-1] for number in numbers]), torch.tensor(numbers)

    def _thin_out(self) -> None:
        sink = -(-self.segments.sink_frame // self.segments.frames_per_latent)
        older = [number for number in self._kept if number != sink][: len(self._kept) // 2]
        for number in older[1::2]:
            del self._kept[number]
