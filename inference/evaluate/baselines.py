"""What a model has to beat, and what it cannot beat: repeat the last frame, and the truth through the autoencoder."""

from dataclasses import dataclass

import numpy as np
import torch

from inference.evaluate.cases import Case
from inference.evaluate.rollouts import Playback
from modeling.autoencoder import Autoencoder


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Shows the recording itself: what the estimators of motion say of it is their floor."""

    def play(self, case: Case, count: int, seed: int) -> Playback:
        return Playback(frames=case.frames[: count + 1])


@dataclass(frozen=True, kw_only=True)
class RepeatLast:
    """Shows the start image for ever; any model must beat it."""

    def play(self, case: Case, count: int, seed: int) -> Playback:
        return Playback(frames=np.repeat(case.frames[:1], count + 1, 0))


@dataclass(frozen=True, kw_only=True)
class AutoencoderCeiling:
    """Shows the truth after encoding and decoding: what a perfect denoiser would score without pasting pixels."""

    autoencoder: Autoencoder

    def play(self, case: Case, count: int, seed: int) -> Playback:
        """Pass frames 0 to ``count`` through; the last frame is held to fill the last latent."""
        stride = self.autoencoder.config.time_stride
        wanted = -(-count // stride) * stride + 1
        rows = np.minimum(np.arange(wanted), len(case.frames) - 1)
        device = next(self.autoencoder.parameters()).device
        video = torch.from_numpy(case.frames[rows]).to(device).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
        with torch.no_grad():
            decoded = self.autoencoder.decode(self.autoencoder.encode(video))[0, :3, : count + 1]
        frames = ((decoded.permute(1, 2, 3, 0) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return Playback(frames=frames.cpu().numpy())
