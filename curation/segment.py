"""Cutting episodes into clips."""

from dataclasses import dataclass

from infra.schema import Clip
from infra.schema.episode import Split


@dataclass(frozen=True, kw_only=True)
class CutConfig:
    """Lengths are in frames. 4 k + 1 frames fill k + 1 latents without a rest."""

    clip_frames: int = 65
    stride: int = 64  # from one clip's start to the next; smaller strides overlap
    least_frames: int = 33  # a shorter rest at an episode's end is dropped


def cut_clips(episode_id: str, frames: int, split: Split, config: CutConfig) -> list[Clip]:
    """Half-open clips of one episode; walks of the test split are kept whole, since they are truth from start to end.

    Raises:
        ValueError: the configuration could never cut anything.
    """
    if config.clip_frames < 2 or config.stride < 1 or config.least_frames < 2:
        raise ValueError(f"cut.clip_frames, stride and least_frames must be at least 2, 1 and 2: {config}")
    if split == "test":
        return [Clip(episode_id=episode_id, start=0, stop=frames)]
    clips = []
    for start in range(0, frames, config.stride):
        stop = min(start + config.clip_frames, frames)
        stop -= (stop - start - 1) % 4  # so that no frame is left over when four become one latent
        if stop - start >= config.least_frames:
            clips.append(Clip(episode_id=episode_id, start=start, stop=stop))
    return clips
