"""Memory keeps a bounded number of latents, the older the sparser, and never loses the sink."""

import itertools

import pytest
import torch

from inference.released.bank import BankConfig, MemoryBank
from inference.released.loop import Answer
from inference.released.plan import ClipPlan


def fill(bank: MemoryBank, last: int) -> None:
    """Latents 1 to ``last``: each holds its own number, as do the poses of its frames."""
    for number in range(1, last + 1):
        bank.add(number, torch.full((1, 2, 1, 4, 6), float(number)), torch.full((4, 4, 4), float(number)))


def test_all_frames_before_a_clip_are_candidates_while_there_is_room():
    bank, plan = MemoryBank(), ClipPlan(number=3)
    fill(bank, plan.latents.stop - 1)
    frames, poses = bank.candidates(plan.frames.start)
    assert frames == list(plan.candidates)
    assert poses.shape == (len(frames), 4, 4)
    assert [int(pose[0, 0]) for pose in poses] == [plan.memory_latent(frame) for frame in frames]


def test_what_is_recalled_is_the_latent_that_holds_the_frame():
    bank, plan = MemoryBank(), ClipPlan(number=2)
    fill(bank, 34)
    latents, poses, numbers = bank.recall(plan, (31, 70, 1, 31, 4))
    assert numbers.tolist() == [8, 18, 1, 8, 1]
    assert latents[0, 0, :, 0, 0].tolist() == poses[:, 0, 0].tolist() == numbers.tolist()


def test_a_full_bank_stays_as_large_as_it_is_and_thins_out_what_is_old():
    bank = MemoryBank(BankConfig(latents=60))
    fill(bank, 1000)
    assert len(bank) <= 60
    frames, _ = bank.candidates(4 * 1000 + 1)
    numbers = sorted({-(-frame // 4) for frame in frames})
    assert numbers[0] == 1 and numbers[-20:] == list(range(981, 1001))
    gaps = [after - before for before, after in itertools.pairwise(numbers[1:])]
    assert max(gaps[:10]) > max(gaps[-10:]) == 1
    assert bank.recall(ClipPlan(number=90), (4,))[2].tolist() == [1]


def test_a_bank_that_could_not_hold_two_clips_is_refused():
    with pytest.raises(ValueError, match="a bank of 10 latents is too small; give it 50 or more"):
        MemoryBank(BankConfig(latents=10))


def test_other_frames_fall_short_by_their_overlap_and_strangers_by_everything():
    answer = Answer(frames=(2, 1), candidates=(1, 2, 5), overlap=torch.tensor([[0.5, 0.9, 0.88], [0.4, 0.3, 0.1]]))
    assert answer.shortfall((2, 1)) == 0
    assert answer.shortfall((5, 1)) == 0.02
    assert answer.shortfall((5,)) == 0.02
    assert answer.shortfall((1, 5)) == 0.4
    assert answer.shortfall((3, 1)) == float("inf")
