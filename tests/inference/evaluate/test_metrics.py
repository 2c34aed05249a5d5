"""Image metrics against values worked out by hand or by definition."""

import numpy as np
import pytest

from inference.evaluate.metrics import MAX_PSNR, mean_square_error, psnr, sharpness, ssim


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def test_psnr_of_a_uniform_error_of_one_grey_level_is_48_13_db() -> None:
    truth = np.full((4, 16, 20, 3), 100, np.uint8)
    assert psnr(truth + np.uint8(1), truth) == pytest.approx(np.full(4, 48.1308), abs=1e-4)


def test_psnr_of_equal_frames_is_the_cap_and_of_black_against_white_is_zero() -> None:
    black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    assert psnr(black, black) == pytest.approx(MAX_PSNR)
    assert psnr(black, white) == pytest.approx(0)


def test_mean_square_error_does_not_wrap_around_in_uint8() -> None:
    assert mean_square_error(np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 200, np.uint8)) == 40000


def test_ssim_is_one_for_equal_frames_and_near_zero_for_unrelated_noise() -> None:
    first, second = noise(0, 48, 64), noise(1, 48, 64)
    assert ssim(first, first) == pytest.approx(1)
    assert abs(ssim(first, second)) < 0.05


def test_ssim_of_two_flat_pictures_is_the_luminance_term_alone() -> None:
    x, y = 100.0, 150.0
    c1 = (0.01 * 255) ** 2
    expected = (2 * x * y + c1) / (x * x + y * y + c1)
    first, second = np.full((32, 32, 3), 100, np.uint8), np.full((32, 32, 3), 150, np.uint8)
    assert ssim(first, second) == pytest.approx(expected, abs=2e-3)


def test_ssim_matches_the_formula_evaluated_window_by_window() -> None:
    from inference.evaluate.metrics import luma

    truth, made = noise(2, 13, 14), noise(3, 13, 14)
    offsets = np.arange(11) - 5
    kernel = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    kernel /= kernel.sum()
    x, y = luma(made).astype(np.float64), luma(truth).astype(np.float64)
    values = []
    for i in range(3):
        for j in range(4):
            a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            ma, mb = (kernel * a).sum(), (kernel * b).sum()
            va, vb = (kernel * (a - ma) ** 2).sum(), (kernel * (b - mb) ** 2).sum()
            cov = (kernel * (a - ma) * (b - mb)).sum()
            c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
            values.append((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    assert ssim(made, truth) == pytest.approx(np.mean(values), abs=1e-3)


def test_sharpness_is_one_for_the_truth_zero_for_a_flat_picture_and_a_quarter_at_half_contrast() -> None:
    truth = noise(4, 32, 32) // 2 * 2
    assert sharpness(truth, truth) == pytest.approx(1)
    assert sharpness(np.full_like(truth, 128), truth) == pytest.approx(0)
    assert sharpness(truth // 2, truth) == pytest.approx(0.25)


def test_blurring_lowers_psnr_ssim_and_sharpness() -> None:
    truth = np.kron(noise(5, 8, 8), np.ones((6, 6, 1), np.uint8))
    blurred = np.mean([np.roll(truth, k, 1) for k in range(-2, 3)], 0).astype(np.uint8)
    assert psnr(blurred, truth) < 30
    assert ssim(blurred, truth) < 0.95
    assert sharpness(blurred, truth) < 0.8


def test_frames_of_different_size_or_type_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        psnr(noise(0, 8, 8), noise(0, 8, 9))
    with pytest.raises(ValueError, match="uint8"):
        psnr(noise(0, 8, 8).astype(np.float32), noise(0, 8, 8))
