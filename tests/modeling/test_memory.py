"""Memory picks what sees most of a view, the earliest of equals, and does not cost more as the episode grows."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from infra.release_camera import extrinsics, integrate_actions
from modeling.memory import NO_CANDIDATE, MemoryConfig, frustum_overlap, select_frames


def wander(frames: int, seed: int = 0) -> torch.Tensor:
    """Poses of somebody who mostly walks ahead and looks about."""
    generator = torch.Generator().manual_seed(seed)
    keyboard = torch.zeros(frames, 6)
    keyboard[:, 0] = (torch.rand(frames, generator=generator) < 0.8).float()
    slow = torch.randn(frames // 10 + 1, generator=generator).repeat_interleave(10)[:frames]
    return extrinsics(integrate_actions(keyboard, torch.stack([torch.zeros(frames), 0.15 * slow], -1), torch.zeros(5))[0])


def test_a_pose_sees_all_of_its_own_view_and_nothing_of_the_one_behind_it():
    poses = extrinsics(torch.tensor([[0.0, 0, 0, 0, 0], [0, 0, 0, 0, 180], [0, 0, 0, 0, 45]]))
    overlap = frustum_overlap(poses[:1], poses, MemoryConfig(), 10)[0]
    assert overlap[0] == 1 and overlap[1] == 0 and 0.2 < overlap[2] < 0.8


def test_the_earliest_of_equal_poses_wins():
    poses = wander(40)
    picks, overlap = select_frames(poses[10:11], poses[[30, 10, 10, 0]])
    assert picks.tolist() == [1] and overlap[0, 1] == overlap[0, 2] == 1 > overlap[0, 0]


def test_without_poses_there_is_nothing_to_pick():
    poses = wander(5)
    picks, overlap = select_frames(poses, poses[:0])
    assert picks.tolist() == [0] * 5 and overlap.shape == (5, 0)


def test_views_and_episodes_in_a_batch_are_answered_as_one_by_one():
    episodes = torch.stack([wander(120), wander(120, seed=1)])
    views, poses = episodes[:, [119, 111, 103]], episodes[:, :80]
    for config in (MemoryConfig(), MemoryConfig(scored=20)):
        picks, overlap = select_frames(views, poses, config)
        for i in range(2):
            for j in range(3):
                alone = select_frames(views[i, j : j + 1], poses[i], config)
                assert picks[i, j] == alone[0][0] and torch.equal(overlap[i, j], alone[1][0])


def test_a_shortlist_misses_little_and_names_what_it_did_not_look_at():
    poses = wander(1200)
    views = poses[[1199, 1100, 1000, 900]]
    everything, full = select_frames(views, poses[:800], MemoryConfig(scored=800))
    picks, overlap = select_frames(views, poses[:800], MemoryConfig(scored=100))
    assert ((overlap != NO_CANDIDATE).sum(-1) == 100).all()
    assert torch.equal(overlap[overlap >= 0], full[overlap >= 0])
    best, found = full.gather(-1, everything[:, None]), full.gather(-1, picks[:, None])
    assert (best - found).max() <= 0.02


class LargestTensor(TorchDispatchMode):
    """Notes how many values the largest tensor holds that an operation gave."""

    values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        self.values = max([self.values, *(tensor.numel() for tensor in tensors)])
        return result


def test_memory_in_use_does_not_grow_beyond_the_shortlist_and_nothing_waits_for_the_device():
    largest = []
    for frames in (512, 2048):
        poses = torch.empty(frames, 4, 4, device="meta")  # without values: a step that asked for one would fail
        with LargestTensor() as noted:
            picks, overlap = select_frames(poses[:5], poses)
        assert picks.shape == (5,) and overlap.shape == (5, frames)
        largest.append(noted.values)
    assert largest[0] == largest[1]
