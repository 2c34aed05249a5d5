"""Which frames and latents a clip of the published pipeline takes, makes, remembers and hands on.

Frames and latents are numbered from the start of the video. Latent 0 is frame 0; latent L is frames 4 L - 3 to 4 L.
"""

from dataclasses import dataclass
from typing import Final

from infra.schema import SegmentConfig

QUERY_STEP: Final = 8  # frames between two views that memory is asked for


@dataclass(frozen=True, kw_only=True)
class ClipPlan:
    """The bookkeeping of one clip; clip 0 begins with the picture, later ones with latents of the clip before."""

    number: int
    segments: SegmentConfig = SegmentConfig()

    @property
    def latents(self) -> range:
        """Latents of the clip, the clean ones in front included."""
        config = self.segments
        if self.number == 0:
            return range(config.first_latents)
        stop = config.first_latents + self.number * config.new_latents
        return range(stop - config.new_latents - config.past_latents, stop)

    @property
    def clean(self) -> int:
        """Latents in front that are known; their time is 0."""
        return 1 if self.number == 0 else self.segments.past_latents

    @property
    def frames(self) -> range:
        """Frames whose actions the clip is given."""
        per = self.segments.frames_per_latent
        return range(max(0, per * (self.latents.start - 1) + 1), per * (self.latents.stop - 1) + 1)

    @property
    def camera_frames(self) -> range:
        """The frame of each latent, whose pose stands for it: its last."""
        per = self.segments.frames_per_latent
        return range(per * self.latents.start, self.frames.stop, per)

    @property
    def decoded(self) -> range:
        """Latents that become frames of the video: the new ones, in clip 0 the picture too."""
        return self.latents if self.number == 0 else self.latents[self.clean :]

    @property
    def handed_on(self) -> range:
        """Latents that the next clip begins with."""
        return self.latents[-self.segments.past_latents :]

    @property
    def new_frames(self) -> range:
        """Frames that the decoded latents are."""
        return self.frames if self.number == 0 else self.frames[self.segments.frames_per_latent * self.clean :]

    @property
    def queries(self) -> tuple[int, ...]:
        """Frames whose views memory is asked for, newest first; none in clip 0, which has no memory."""
        last = self.frames.stop - 1
        return tuple(last - QUERY_STEP * i for i in range(self.segments.memory_latents)) if self.number else ()

    @property
    def candidates(self) -> range:
        """Frames that memory may answer with: all before the clip but the picture."""
        return range(1, self.frames.start) if self.number else range(0)

    def memory_latent(self, frame: int) -> int:
        """The latent that holds a frame."""
        return -(-frame // self.segments.frames_per_latent)

    def memory_block(self, frame: int) -> range:
        """All frames of the latent that holds ``frame``; the pose of the last stands for it."""
        per, latent = self.segments.frames_per_latent, self.memory_latent(frame)
        return range(per * (latent - 1) + 1, per * latent + 1)

    def with_sink(self, selected: tuple[int, ...]) -> tuple[int, ...]:
        """The memory frames that are used: the last one is always the sink frame, whatever was selected for it."""
        return (*selected[:-1], self.segments.sink_frame)
