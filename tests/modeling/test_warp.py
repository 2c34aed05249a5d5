"""Warps keep what they can see, mark what they cannot, and never invent."""

import numpy as np
import torch

from infra.dynamics import camera_to_world
from modeling.rollout import trust
from modeling.warp import Sources, WarpConfig, fill_holes, warp_frames

WIDTH, HEIGHT = 64, 32
LENS = torch.tensor([40.0, 40.0, WIDTH / 2, HEIGHT / 2])


def pose(x: float = 0.0, z: float = 0.0, yaw: float = 0.0) -> torch.Tensor:
    return torch.from_numpy(camera_to_world(np.array([x, -1.6, z]), np.array(0.0), np.array(yaw)))


def wall(distance: float = 4.0) -> Sources:
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(1, 3, 4, 8) * 2 - 1, (HEIGHT, WIDTH), mode="bilinear")
    return Sources(rgb=smooth, depth=torch.full((1, HEIGHT, WIDTH), distance), c2w=pose()[None])


def test_the_same_pose_gives_the_same_picture():
    warped = warp_frames(wall(), pose()[None], LENS, WarpConfig())
    assert warped.valid.all()
    torch.testing.assert_close(warped.rgb, wall().rgb, atol=1e-4, rtol=0)


def test_walking_sideways_moves_the_wall_by_its_parallax():
    moved = warp_frames(wall(), pose(x=0.4)[None], LENS, WarpConfig())
    pixels = round(40.0 * 0.4 / 4.0)  # focal * shift / distance
    left, right = moved.rgb[0, :, :, : WIDTH - pixels], wall().rgb[0, :, :, pixels:]
    torch.testing.assert_close(left, right, atol=1e-3, rtol=0)
    assert moved.valid[0, 0, :, : WIDTH - pixels].all() and not moved.valid[0, 0, :, WIDTH - pixels + 1 :].any()


def test_what_was_behind_the_camera_is_not_valid():
    assert not warp_frames(wall(), pose(yaw=180.0)[None], LENS, WarpConfig()).valid.any()


def test_the_first_source_that_sees_a_surface_gives_its_colour():
    near = wall()
    other = Sources(rgb=-near.rgb, depth=near.depth, c2w=near.c2w)
    both = Sources(rgb=torch.cat([near.rgb, other.rgb]), depth=near.depth.repeat(2, 1, 1), c2w=near.c2w.repeat(2, 1, 1))
    torch.testing.assert_close(warp_frames(both, pose()[None], LENS, WarpConfig()).rgb, near.rgb, atol=1e-4, rtol=0)


def test_near_things_hide_far_ones():
    source = wall(8.0)
    source.depth[:, 8:24, 24:40] = 2.0
    source.rgb[:, :, 8:24, 24:40] = 1.0
    warped = warp_frames(source, pose(x=0.2)[None], LENS, WarpConfig())
    shift = round(40.0 * 0.2 / 2.0)
    assert (warped.rgb[0, :, 12:20, 26 - shift : 38 - shift] > 0.95).all()


def test_holes_are_filled_from_around_them_and_the_rest_is_left_alone():
    rgb, valid = torch.full((1, 3, 16, 24), 0.5), torch.ones(1, 1, 16, 24)
    valid[..., 8:] = 0
    filled = fill_holes(rgb * valid, valid)
    torch.testing.assert_close(filled, torch.full_like(filled, 0.5), atol=1e-5, rtol=0)


def test_the_picture_trusts_what_is_valid_and_cracks_but_not_the_depth_of_holes():
    valid = torch.ones(1, 1, 64, 96)
    valid[..., 30:32, :48] = 0  # a crack
    valid[..., :, 60:] = 0  # what comes into view
    share = trust(valid)
    assert share[valid > 0].eq(1).all()
    assert share[..., 30:32, 10:40].min() > 0.9
    assert share[..., 80:].max() == 0
    assert (share.diff(dim=-1)[..., 59:] <= 0).all()  # falls into the hole
