"""Which latents the tokens of a stream belong to."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stream is memory, past and noisy latents in this order, ``spots`` tokens each; the first two are clean."""

    clean: int  # latents
    noisy: int  # latents
    spots: int  # tokens a latent
    absent: int = 0  # latents left out in front: none, or all clean ones

    @property
    def split(self) -> int:
        """Clean tokens that are there, in front."""
        return (self.clean - self.absent) * self.spots

    @property
    def skipped(self) -> int:
        """Clean tokens that are not there."""
        return self.absent * self.spots
