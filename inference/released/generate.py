"""A video from the published weights, segment by segment: what is in memory does not grow with its length."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.released.actions import ActionSource
from inference.released.decoding import decode_clips, decode_clips_apart, decoder_device
from inference.released.loop import ClipLoop
from inference.released.memory_plot import Recall, plot_recalls
from inference.released.published import encode_prompts, open_autoencoder
from inference.released.ranks import Beginning, ClipArguments, lead
from inference.released.settings import GenerateConfig
from infra.video import encode_video
from modeling.autoencoder import Autoencoder
from modeling.finite import require_finite

FPS: Final = 17.0  # as the published player writes its videos

Frame = NDArray[np.uint8]  # (H, W, 3)
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Generated:
    """What was written."""

    video: Path
    plot: Path
    frames: int
    seconds: float  # of generation, without loading


@torch.no_grad()
def generate_video(
    weights: Path, picture: Frame, prompt: str, actions: ActionSource, out: Path, config: GenerateConfig, say: Say
) -> Generated:
    """Write ``out`` and, beside it, the plot of what memory recalled; neither is touched unless both are whole.

    Raises:
        WorldloomError, ValueError: in one line what is wrong with the weights, the prompt or the actions.
    """
    beginning = begin(weights, picture, prompt, config)
    plot, recalls = out.with_suffix(".memory.png"), list[Recall]()
    drafts = {path: path.with_name(f".{path.name}.part") for path in (out, plot)}
    try:
        with lead(beginning) as tell:
            loop = beginning.open_loop()
            started = time.perf_counter()
            clips = run_clips(loop, tell, actions, config, recalls, say)
            with closing(decode(beginning, clips)) as frames:
                encode_video(drafts[out], frames, FPS)
        plot_recalls(recalls, drafts[plot])
        for path, draft in drafts.items():
            draft.replace(path)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
    return Generated(video=out, plot=plot, frames=recalls[-1].plan.new_frames.stop, seconds=time.perf_counter() - started)


def begin(weights: Path, picture: Frame, prompt: str, config: GenerateConfig) -> Beginning:
    """Encode prompt and picture. Raises as ``encode_prompts`` and ``open_autoencoder``."""
    prompts = [prompt] if config.sampling.guidance == 1 else [prompt, config.negative]
    text = require_finite(encode_prompts(weights, prompts, config.published), "the text encoder's features")
    autoencoder = open_autoencoder(weights, config.published)
    latent = require_finite(encode_picture(autoencoder, picture), "the encoder's latent of the picture")
    stride = autoencoder.config.stride
    return Beginning(weights=weights, config=config, text=text.cpu(), latent=latent.cpu(), stride=stride)


def run_clips(
    loop: ClipLoop,
    tell: Callable[[ClipArguments], None],
    actions: ActionSource,
    config: GenerateConfig,
    recalls: list[Recall],
    say: Say,
) -> Iterator[Tensor]:
    """The latents of clip after clip, each made when it is asked for; ``recalls`` gets a row a clip."""
    generator = torch.Generator().manual_seed(config.seed)
    for number in range(config.segments):
        started, rows = time.perf_counter(), len(loop.plan.new_frames)
        keyboard, mouse = (torch.from_numpy(part).float() for part in actions.take(rows))
        noise = torch.randn(loop.noise_shape, generator=generator)
        tell((keyboard, mouse, noise))
        clip = loop.next(keyboard, mouse, noise)
        recalls.append(Recall(plan=clip.plan, frames=clip.memory_frames))
        say(f"segment {number + 1} of {config.segments}: latents of {rows} frames in {time.perf_counter() - started:.1f} s")
        yield clip.latents


def decode(beginning: Beginning, clips: Iterator[Tensor]) -> Generator[Frame, None, None]:
    """The frames of clips, where the layout says."""
    published, layout = beginning.config.published, beginning.config.layout
    if layout.decoder_apart:
        return decode_clips_apart(beginning.weights, decoder_device(published, layout.ranks), clips)
    return decode_clips(beginning.weights, published, clips)


def encode_picture(autoencoder: Autoencoder, picture: Frame) -> Tensor:
    """The picture (H, W, 3) as the first latent (1, C, 1, h, w), float32."""
    weight = autoencoder.conv1.weight
    video = torch.from_numpy(picture).to(weight.device).permute(2, 0, 1)[None, :, None] / 127.5 - 1
    return autoencoder.encode(video.to(weight.dtype)).float()
