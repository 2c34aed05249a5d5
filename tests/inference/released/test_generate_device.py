"""The clip loop keeps every tensor on the denoiser's device, and makes there what it makes on the CPU."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from inference.released.actions import RandomActions
from inference.released.decoding import decode_clips
from inference.released.generate import begin, run_clips
from inference.released.loop import SamplingConfig
from inference.released.published import PublishedConfig
from inference.released.ranks import Beginning
from inference.released.settings import GenerateConfig
from tests.inference.released.weights_folder import NEGATIVE, PROMPT, write_weights
from tests.modeling.pretend_device import PretendTensor, pretend_device


@torch.no_grad()
def make(beginning: Beginning) -> tuple[list[Tensor], list[np.ndarray]]:
    """Latents and frames of two clips."""
    source = RandomActions(1)
    clips = list(run_clips(beginning.open_loop(), lambda _: None, source, beginning.config, [], lambda _: None))
    return clips, list(decode_clips(beginning.weights, beginning.config.published, iter(clips)))


@pytest.mark.parametrize("plain", [True, False], ids=["clean", "fast"])
def test_a_device_makes_the_same_clips_and_frames_and_mixes_no_places(tmp_path, monkeypatch, plain):
    published = PublishedConfig(plain=plain)
    config = GenerateConfig(segments=2, sampling=SamplingConfig(steps=2, guidance=3), published=published, negative=NEGATIVE)
    beginning = begin(write_weights(tmp_path), np.full((32, 64, 3), 90, np.uint8), PROMPT, config)
    latents, frames = make(beginning)
    with pretend_device(monkeypatch) as device:
        there = replace(config, published=replace(published, device=str(device)))
        found, shown = make(replace(beginning, config=there))
        assert all(isinstance(clip, PretendTensor) for clip in found)
        kept = [clip.cpu() for clip in found]
    assert len(shown) == len(frames) == 97
    for one, other in zip(latents, kept, strict=True):
        torch.testing.assert_close(other, one, atol=1e-4, rtol=0)
    assert np.abs(np.stack(shown).astype(int) - np.stack(frames)).max() <= 1
