"""Intervals resample scenes, never frames."""

import numpy as np
import pytest

from inference.evaluate.bootstrap import BootstrapConfig, interval, scene_means
from inference.evaluate.scores import Measurement, score_difference


def test_a_scene_with_many_cases_counts_once() -> None:
    found = interval([0.0] * 99 + [1.0], ["a"] * 99 + ["b"], BootstrapConfig())
    assert found.value == pytest.approx(0.5)
    assert (found.scenes, found.cases) == (2, 100)


def test_more_frames_of_the_same_scenes_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(0)
    means = rng.normal(20, 2, 8)
    few = interval(means, [str(i) for i in range(8)], BootstrapConfig())
    many = interval(np.repeat(means, 50), [str(i) for i in range(8) for _ in range(50)], BootstrapConfig())
    assert (few.low, few.high) == pytest.approx((many.low, many.high))


def test_the_interval_holds_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    scenes = [str(i) for i in range(20)]
    hits = 0
    for _ in range(200):
        found = interval(rng.normal(5, 1, 20), scenes, BootstrapConfig(draws=400))
        hits += found.low <= 5 <= found.high
    assert 0.86 <= hits / 200 <= 0.99


def test_one_scene_gives_a_value_without_a_range() -> None:
    found = interval([1.0, 3.0], ["a", "a"], BootstrapConfig())
    assert found.value == 2
    assert np.isnan(found.low) and np.isnan(found.high)


def test_the_same_values_give_the_same_interval_twice() -> None:
    values, scenes = list(range(10)), [str(i) for i in range(10)]
    assert interval(values, scenes, BootstrapConfig()) == interval(values, scenes, BootstrapConfig())


def test_a_paired_difference_is_narrower_than_the_spread_of_scenes() -> None:
    spread = np.linspace(10, 30, 10)

    def arm(gain: float) -> list[Measurement]:
        return [Measurement(metric="psnr", horizon=4, scene_id=str(i), case=f"{i}", value=v + gain) for i, v in enumerate(spread)]

    (score,) = score_difference("gain", arm(1.0), arm(0.0), BootstrapConfig())
    assert score.value == pytest.approx(1.0)
    assert (score.low, score.high) == pytest.approx((1.0, 1.0))


def test_a_difference_uses_only_the_cases_that_both_arms_played() -> None:
    first = [Measurement(metric="psnr", horizon=4, scene_id=str(i), case=str(i), value=5.0) for i in range(6)]
    second = [Measurement(metric="psnr", horizon=4, scene_id=str(i), case=str(i), value=3.0) for i in range(2, 9)]
    (score,) = score_difference("gain", first, second, BootstrapConfig())
    assert (score.value, score.cases) == (2.0, 4)


def test_nothing_measured_or_a_missing_number_is_an_error_not_a_zero() -> None:
    with pytest.raises(ValueError, match="at least one case"):
        scene_means([], [])
    with pytest.raises(ValueError, match="not finite"):
        scene_means([1.0, float("nan")], ["a", "b"])
