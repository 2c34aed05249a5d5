"""Noise levels fall from noise to clean, and the sampler ends where a perfect model points."""

import itertools

import torch

from modeling.int8 import Int8Linear, quantise_rows
from modeling.sampler import draw_levels, noise_levels, sample


def test_levels_start_at_noise_end_clean_and_stay_higher_with_more_shift():
    for steps in (1, 3, 50):
        even, shifted = noise_levels(steps, 1.0), noise_levels(steps, 5.0)
        assert even[0] == shifted[0] == 1 and even[-1] == shifted[-1] == 0
        assert all(a > b for a, b in itertools.pairwise(shifted))
        assert all(a <= b for a, b in zip(even, shifted, strict=True))


def test_a_perfect_prediction_is_reached_in_any_number_of_steps():
    clean, noise = torch.randn(2, 3), torch.randn(2, 3)
    for steps in (1, 4):
        found = sample(lambda x, t: clean, noise, noise_levels(steps, 3.0))
        torch.testing.assert_close(found, clean)


def test_the_stated_share_of_training_samples_is_pure_noise():
    levels = draw_levels(4000, 2.0, 0.25, torch.Generator().manual_seed(0))
    assert 0.22 < (levels == 1).float().mean() < 0.28 and levels.min() >= 0


def test_eight_bits_round_to_nearest_and_stay_close_to_floating_point():
    torch.manual_seed(0)
    values, scale = quantise_rows(torch.tensor([[127.0, 0.6, -0.6, 0.4]]))
    assert values.tolist() == [[127, 1, -1, 0]] and scale.item() == 1.0
    linear, x = torch.nn.Linear(64, 32), torch.randn(5, 7, 64)
    with torch.no_grad():
        difference = Int8Linear.from_linear(linear)(x) - linear(x)
        assert difference.norm() / linear(x).norm() < 0.02


def test_a_row_of_zeros_stays_zero():
    values, scale = quantise_rows(torch.zeros(2, 4))
    assert not values.any() and torch.isfinite(scale).all()
