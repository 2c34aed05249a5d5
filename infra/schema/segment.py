"""How generation is cut into segments."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SegmentConfig:
    """Frames and latents of a segment. One latent is four frames, but the first of a video, which is one.

    The defaults are the release's: 57 frames first (15 latents), then 40 (10 new latents after 4 past ones).
    """

    first_latents: int = 15
    new_latents: int = 10
    past_latents: int = 4
    memory_latents: int = 5  # the last of them is the sink
    sink_frame: int = 4
    frames_per_latent: int = 4

    @property
    def first_frames(self) -> int:
        return self.frames_per_latent * (self.first_latents - 1) + 1

    @property
    def new_frames(self) -> int:
        return self.frames_per_latent * self.new_latents

    def total_frames(self, segments: int) -> int:
        """Frames of a video of ``segments`` segments, 57 + 40 (n - 1) in the release."""
        return self.first_frames + self.new_frames * (segments - 1)


TINY_SEGMENTS = SegmentConfig(first_latents=2, new_latents=1)
