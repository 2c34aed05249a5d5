"""Decoding in a process of its own gives the same frames, and says in one line how it failed."""

import numpy as np
import pytest
import torch

from inference.released.decoding import DecodingError, decode_clips, decode_clips_apart
from inference.released.published import PublishedConfig
from modeling.released.autoencoder import DECODER_FILES
from tests.inference.released.weights_folder import write_weights


@torch.no_grad()
def test_frames_are_the_same_in_order_and_as_many(tmp_path):
    weights = write_weights(tmp_path)
    clips = [torch.randn(1, 48, count, 2, 4) for count in (15, 10, 10)]
    here = list(decode_clips(weights, PublishedConfig(), clips))
    apart = list(decode_clips_apart(weights, PublishedConfig(), clips))
    assert len(here) == len(apart) == 57 + 40 + 40
    assert np.array_equal(np.stack(here), np.stack(apart))


def test_a_failure_there_is_said_here(tmp_path):
    weights = write_weights(tmp_path)
    (weights / DECODER_FILES["wan"]).unlink()
    with pytest.raises(DecodingError, match=r"decoding failed: .*Wan2\.2_VAE\.pth is missing") as caught:
        list(decode_clips_apart(weights, PublishedConfig(), [torch.zeros(1, 48, 15, 2, 4)]))
    assert "\n" not in str(caught.value)
