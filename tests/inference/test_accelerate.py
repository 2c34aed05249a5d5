"""The accelerated model is the same model."""

import copy
import time

import numpy as np
import pytest
import torch

from inference.accelerate import AccelerateConfig, accelerate, choose_threads
from inference.session import WorldSession
from modeling.world_model import random_world_model
from tests.modeling.small_world import HEIGHT, SMALL_AUTOENCODER, SMALL_WORLD, WIDTH


@pytest.fixture(scope="module")
def model():
    return random_world_model(SMALL_WORLD, SMALL_AUTOENCODER, width=WIDTH, height=HEIGHT, seed=0, steps=2)


def play(model):
    session = WorldSession(model)
    image = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    session.reset(image, "a wall", 3)
    keyboard, mouse = np.zeros((4, 6), np.int8), np.full((4, 2), 0.05, np.float32)
    keyboard[:, 0] = 1
    return np.concatenate([session.step((keyboard, mouse)).frames for _ in range(4)])


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_accelerated_frames_are_those_of_the_clean_model(model, precision, monkeypatch):
    monkeypatch.setattr("modeling.device._precision", precision)
    fast = copy.deepcopy(model)
    accelerate(fast, AccelerateConfig())
    assert {p.dtype for p in fast.denoiser.parameters()} == {getattr(torch, precision), torch.float32}
    np.testing.assert_array_equal(play(fast), play(model))


def test_nothing_is_changed_where_nothing_is_asked(model):
    same = copy.deepcopy(model)
    accelerate(same, AccelerateConfig(half_weights=False))
    for mine, yours in zip(same.denoiser.parameters(), model.denoiser.parameters(), strict=True):
        assert mine.dtype == yours.dtype and torch.equal(mine, yours)


def test_the_faster_number_of_threads_is_taken():
    before = torch.get_num_threads()
    try:

        def slow_with(threads: int) -> None:
            if torch.get_num_threads() == threads:
                time.sleep(0.02)

        config = AccelerateConfig(threads=2, trials=3)
        assert choose_threads(lambda: slow_with(2), config) == 1
        assert choose_threads(lambda: slow_with(1), config) == 2
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
