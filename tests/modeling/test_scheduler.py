"""UniPC reaches what a perfect model points at, is of the order it says, and keeps the sample's type."""

import itertools
import math

import pytest
import torch

from modeling.scheduler import UniPC, flow_schedule


def test_a_model_that_knows_the_answer_is_followed_to_it():
    clean, noise = torch.randn(2, 3), torch.randn(2, 3)
    for steps in (1, 2, 3, 50):
        scheduler, x = UniPC(steps, 5.0), noise
        for level in scheduler.schedule.noise_levels[:-1]:
            x = scheduler.step((x - clean) / level, x)
        torch.testing.assert_close(x, clean)


def curved_end(steps: int, *, euler: bool = False) -> float:
    """Where a model ends whose x_0 = cos(2 level) x changes on the way, so that every step has an error."""
    scheduler, x = UniPC(steps, 1.0), torch.ones(1)
    for level, following in itertools.pairwise(scheduler.schedule.noise_levels):
        clean = math.cos(2 * level) * x
        x = clean + following / level * (x - clean) if euler else scheduler.step((x - clean) / level, x)
    return float(x)


@pytest.mark.parametrize("steps", [10, 20, 40])
def test_the_error_is_a_tenth_of_eulers_with_as_many_steps(steps):
    truth = curved_end(800)
    assert abs(curved_end(steps) - truth) < abs(curved_end(steps, euler=True) - truth) / 10


def test_levels_fall_to_zero_and_stay_higher_with_more_shift():
    for steps in (1, 3, 50, 999):
        plain, shifted = flow_schedule(steps, 1.0).noise_levels, flow_schedule(steps, 5.0).noise_levels
        assert len(plain) == steps + 1 and plain[-1] == shifted[-1] == 0
        assert all(low <= high for low, high in zip(plain, shifted, strict=True))
        assert sorted(plain, reverse=True) == list(plain)


def test_timesteps_are_cut_and_a_bfloat16_pipeline_sees_others():
    schedule = flow_schedule(3, 5.0)
    assert schedule.timesteps == (999, 908, 713)
    assert schedule.as_seen_in_bfloat16() == (1000, 908, 712)


def test_a_sample_keeps_its_type_and_a_batch_is_one_by_one():
    x, velocity = torch.randn(3, 4), torch.randn(3, 4)
    assert UniPC(3, 5.0).step(velocity, x.bfloat16()).dtype == torch.bfloat16
    together, alone = UniPC(4, 3.0), UniPC(4, 3.0)
    whole, part = x, x[1:2]
    for _ in together.timesteps:
        whole, part = together.step(velocity, whole), alone.step(velocity[1:2], part)
    torch.testing.assert_close(whole[1:2], part, atol=0, rtol=0)


@pytest.mark.parametrize(("steps", "shift"), [(0, 5.0), (1000, 5.0), (3, 0.0), (3, float("nan"))])
def test_what_cannot_be_sampled_is_refused(steps, shift):
    with pytest.raises(ValueError, match="give 1 to 999 steps"):
        flow_schedule(steps, shift)


def test_a_run_ends_after_its_steps():
    scheduler = UniPC(1, 5.0)
    x = scheduler.step(torch.zeros(1), torch.ones(1))
    with pytest.raises(ValueError, match="make a new UniPC"):
        scheduler.step(x, x)
