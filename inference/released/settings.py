"""How a video is made from the published files: files, sampling, and the processes that share the work."""

from dataclasses import dataclass
from typing import Final

from inference.released.loop import SamplingConfig
from inference.released.published import NEGATIVE_PROMPT, PublishedConfig


@dataclass(frozen=True, kw_only=True)
class LayoutConfig:
    """Which processes make a video."""

    ranks: int = 1  # that share each clip's tokens, one device each
    decoder_apart: bool = False  # one process more, which decodes while the next clip is made


LAYOUTS: Final = {  # the last is the published one: eight devices and one
    "1": LayoutConfig(),
    "1+1": LayoutConfig(decoder_apart=True),
    "2": LayoutConfig(ranks=2),
    "2+1": LayoutConfig(ranks=2, decoder_apart=True),
    "4+1": LayoutConfig(ranks=4, decoder_apart=True),
    "8+1": LayoutConfig(ranks=8, decoder_apart=True),
}


@dataclass(frozen=True, kw_only=True)
class GenerateConfig:
    """One video."""

    segments: int = 1
    seed: int = 0
    sampling: SamplingConfig = SamplingConfig()
    published: PublishedConfig = PublishedConfig()
    layout: LayoutConfig = LayoutConfig()
    negative: str = NEGATIVE_PROMPT
