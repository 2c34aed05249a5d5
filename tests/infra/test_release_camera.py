"""The release's camera agrees with our dynamics, survives round trips, and a batch is its members one by one."""

import math

import numpy as np
import pytest
import torch

from infra.dynamics import DynamicsConfig, integrate
from infra.release_camera import (
    camera_to_world,
    clip_rays,
    extrinsics,
    fit_intrinsics,
    from_release,
    integrate_actions,
    interpolate_poses,
    intrinsics_of,
    memory_poses,
    memory_rays,
    pixel_rays,
    ray_channels,
    relative_poses,
    to_release,
    wrap_degrees,
)

ONE_KEY = torch.tensor([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 1]])
DIAGONALS = torch.tensor([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]])


def actions(steps: int, keys: torch.Tensor, turn: float = 0.2, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    keyboard = torch.nn.functional.pad(keys[torch.randint(len(keys), (steps,), generator=generator)], (0, 2)).float()
    return keyboard, turn * (2 * torch.rand(steps, 2, generator=generator) - 1)


def random_poses(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    position = 300 * torch.randn(count, 3, generator=generator)
    return camera_to_world(position, 360 * torch.rand(count, 3, generator=generator) - 180)


def ours(keyboard: torch.Tensor, mouse: torch.Tensor) -> torch.Tensor:
    c2w = integrate(np.eye(4), keyboard.numpy().astype(np.int8), mouse.numpy(), DynamicsConfig())
    return torch.from_numpy(c2w)


def theirs(keyboard: torch.Tensor, mouse: torch.Tensor) -> torch.Tensor:
    before, after = integrate_actions(keyboard, mouse, torch.zeros(5))
    return from_release(extrinsics(torch.cat([before[1:], after[None]])))


def test_walks_agree_with_our_dynamics():
    keyboard, mouse = actions(200, ONE_KEY)
    torch.testing.assert_close(theirs(keyboard, mouse), ours(keyboard, mouse), atol=1e-6, rtol=0)


def test_a_diagonal_is_the_three_hundredth_of_a_percent_shorter_that_the_release_makes_it():
    keyboard, mouse = actions(100, DIAGONALS, turn=0.0)
    found, expected = theirs(keyboard, mouse)[:, :3, 3], ours(keyboard, mouse)[:, :3, 3]
    torch.testing.assert_close(found, expected * (8.73 * math.sqrt(2) / 12.35), atol=1e-9, rtol=1e-9)
    assert (found - expected).norm(dim=-1).max() < 4e-4 * expected.norm(dim=-1).max()


def test_a_step_across_the_half_turn_goes_backwards_as_in_the_release():
    keyboard, mouse = torch.tensor([[1.0, 0, 0, 0, 0, 0]]), torch.tensor([[0.0, 0.5]])
    _, plain = integrate_actions(keyboard, mouse, torch.tensor([0.0, 0, 0, 0, 170]))
    _, across = integrate_actions(keyboard, mouse, torch.tensor([0.0, 0, 0, 0, 176]))
    assert plain[0] < -12 and across[0] > 12 and across[4] == 176 + 7.5 - 360


def test_exactly_half_a_turn_keeps_the_side_it_was_reached_from():
    angles = torch.tensor([165.0, 180.0, 180.0, 195.0, 180.0, 165.0, -165.0, -180.0, -195.0])
    assert wrap_degrees(angles).tolist() == [165, 180, 180, -165, -180, 165, -165, -180, 165]
    assert wrap_degrees(torch.tensor([-180.0, -180.0, -165.0])).tolist() == [-180, -180, -165]


def test_walking_in_two_parts_is_walking_at_once_and_a_batch_is_one_by_one():
    keyboard, mouse = actions(60, torch.cat([ONE_KEY, DIAGONALS]))
    poses, after = integrate_actions(keyboard, mouse, torch.zeros(5))
    first, between = integrate_actions(keyboard[:23], mouse[:23], torch.zeros(5))
    rest, end = integrate_actions(keyboard[23:], mouse[23:], between)
    torch.testing.assert_close(torch.cat([first, rest]), poses)
    torch.testing.assert_close(end, after)
    both = integrate_actions(torch.stack([keyboard, keyboard.flip(0)]), torch.stack([mouse, -mouse]), torch.zeros(2, 5))
    torch.testing.assert_close(both[0][0], poses, atol=0, rtol=0)
    torch.testing.assert_close(both[1][1], integrate_actions(keyboard.flip(0), -mouse, torch.zeros(5))[1], atol=0, rtol=0)


def test_release_cameras_are_left_handed_and_ours_are_not():
    release = random_poses(20)
    assert torch.allclose(torch.linalg.det(release[:, :3, :3]), torch.tensor(-1.0).double())
    assert torch.allclose(torch.linalg.det(from_release(release)[:, :3, :3]), torch.tensor(1.0).double())
    torch.testing.assert_close(to_release(from_release(release)), release, atol=0, rtol=0)
    torch.testing.assert_close(from_release(extrinsics(torch.zeros(5))), torch.eye(4).double(), atol=0, rtol=0)


def test_resizing_scales_intrinsics_and_a_crop_about_the_middle_moves_only_the_centre():
    lens = intrinsics_of(720, 1280)
    torch.testing.assert_close(fit_intrinsics(lens, (720, 1280), (352, 640), (352, 640)), intrinsics_of(352, 640))
    cropped = fit_intrinsics(lens, (720, 1280), (720, 1280), (704, 1280))
    assert (cropped - lens).tolist() == [0, 0, 0, -8]


def test_relative_poses_chain_back_to_the_clip():
    c2w = random_poses(7)
    steps = relative_poses(c2w, framewise=True, normalise=False)
    pose = c2w[0]
    for i, step in enumerate(steps):
        pose = pose @ step
        torch.testing.assert_close(pose, c2w[i])
    total = relative_poses(c2w, framewise=False, normalise=False)
    torch.testing.assert_close(c2w[:1] @ total, c2w)


@pytest.mark.parametrize("framewise", [True, False])
def test_normalised_translations_are_a_metre_at_most_whatever_the_scale_and_zero_stays_zero(framewise):
    c2w = random_poses(7)
    found = relative_poses(c2w, framewise=framewise, normalise=True)
    assert found[..., :3, 3].norm(dim=-1).max() == pytest.approx(1)
    larger = c2w.clone()
    larger[:, :3, 3] *= 50
    torch.testing.assert_close(relative_poses(larger, framewise=framewise, normalise=True), found)
    still = relative_poses(c2w[:1].expand(5, 4, 4), framewise=framewise, normalise=True)
    torch.testing.assert_close(still, torch.eye(4).double().expand(5, 4, 4))


def test_a_memory_pose_is_a_metre_from_its_reference_or_on_it():
    c2w, reference = random_poses(4), random_poses(4, seed=1)
    reference[3] = c2w[3]
    length = memory_poses(c2w, reference)[:, :3, 3].norm(dim=-1)
    torch.testing.assert_close(length, torch.tensor([1.0, 1, 1, 0]).double())


@pytest.mark.parametrize("convert", [from_release, torch.clone], ids=["right-handed", "left-handed"])
def test_interpolation_passes_through_its_poses_keeps_handedness_and_turns_evenly(convert):
    c2w, times = convert(random_poses(6)), torch.arange(6).double()
    torch.testing.assert_close(interpolate_poses(c2w, times, times), c2w)
    between = interpolate_poses(c2w, times, torch.linspace(0, 5, 41).double())
    torch.testing.assert_close(torch.linalg.det(between[:, :3, :3]), torch.linalg.det(c2w[:1, :3, :3]).expand(41))
    turns = torch.linalg.inv(between[:-1, :3, :3]) @ between[1:, :3, :3]
    cosines = (turns.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
    for part in cosines.view(5, 8):
        torch.testing.assert_close(part, part[:1].expand(8))
    torch.testing.assert_close(interpolate_poses(c2w, times, torch.tensor([-1.0, 9.0]).double()), c2w[[0, -1]])
    torch.testing.assert_close(interpolate_poses(c2w[:1], times[:1], torch.tensor([3.0]).double()), c2w[:1])


def test_interpolation_of_a_half_turn_and_of_no_turn_is_sound():
    c2w = camera_to_world(torch.zeros(3, 3), torch.tensor([[0.0, 0, 0], [0, 0, 180], [0, 0, 180]]))
    found = interpolate_poses(c2w, torch.arange(3).double(), torch.tensor([0.5, 1.5]).double())
    assert found.isfinite().all()
    assert abs(found[0, 1, 2]) == pytest.approx(1)  # looks sideways, to either side
    torch.testing.assert_close(found[1], c2w[1])


def test_rays_are_unit_vectors_from_the_camera_and_the_middle_one_looks_ahead():
    c2w = random_poses(3)
    rays = pixel_rays(c2w, intrinsics_of(5, 7), 5, 7)
    torch.testing.assert_close(rays[..., 3:].norm(dim=-1), torch.ones(3, 5, 7).double())
    torch.testing.assert_close(rays[:, 2, 3], torch.cat([c2w[:, :3, 3], c2w[:, :3, 2]], -1))


def test_ray_channels_hold_each_pixel_once_and_a_batch_is_one_by_one():
    c2w, reference = random_poses(6).view(2, 3, 4, 4), random_poses(6, seed=1).view(2, 3, 4, 4)
    lens = intrinsics_of(8, 12)
    clip, recalled = clip_rays(c2w, lens, 8, 12, 4), memory_rays(c2w, reference, lens, 8, 12, 4)
    assert clip.shape == recalled.shape == (2, 6 * 16, 3, 2, 3) and clip.dtype == torch.float32
    for i in range(2):
        torch.testing.assert_close(clip_rays(c2w[i], lens, 8, 12, 4)[0], clip[i], atol=0, rtol=0)
        torch.testing.assert_close(memory_rays(c2w[i], reference[i], lens, 8, 12, 4)[0], recalled[i], atol=0, rtol=0)


def test_a_cell_of_the_channels_is_its_pixels_rays_by_component_row_and_column():
    c2w, lens = relative_poses(random_poses(3), framewise=True, normalise=True), intrinsics_of(8, 12)
    pixels = pixel_rays(c2w, lens, 8, 12).float()
    cell = ray_channels(c2w, lens, 8, 12, 4)[0, :, 2, 1, 2]
    torch.testing.assert_close(cell.view(6, 4, 4), pixels[2, 4:8, 8:12].movedim(-1, 0))


def unfilled(*shape: int) -> torch.Tensor:
    return torch.empty(shape, device="meta")  # without values: a step that asked for one would fail


def test_nothing_waits_for_the_device():
    poses, after = integrate_actions(unfilled(2, 57, 6), unfilled(2, 57, 2), unfilled(2, 5))
    clip = interpolate_poses(extrinsics(poses), unfilled(57), unfilled(15))
    asked = to_release(from_release(clip[:, 5:10]))
    assert after.shape == (2, 5)
    assert clip_rays(clip, unfilled(4), 32, 48, 16).shape == (2, 1536, 15, 2, 3)
    assert memory_rays(clip[:, :5], asked, unfilled(4), 32, 48, 16).shape == (2, 1536, 5, 2, 3)
