"""The error buffer keeps what it is given and disturbs only what it should."""

import torch

from modeling.error_buffer import ErrorBuffer, ErrorBufferConfig


def filled(**changes: float) -> ErrorBuffer:
    buffer = ErrorBuffer((2, 3, 4), ErrorBufferConfig(capacity=8, warmup=4, **changes))
    buffer.add(torch.ones(6, 2, 3, 4))
    return buffer


def test_nothing_is_disturbed_before_the_buffer_is_warm():
    buffer = ErrorBuffer((2, 3, 4), ErrorBufferConfig(capacity=8, warmup=4))
    past = torch.randn(5, 2, 4, 3, 4)
    assert torch.equal(buffer.disturb(past, torch.Generator().manual_seed(0)), past)


def test_a_share_of_the_samples_is_marked_by_at_most_gamma():
    past = torch.zeros(400, 2, 1, 3, 4)
    disturbed = filled(probability=0.25, gamma=0.5).disturb(past, torch.Generator().manual_seed(0))
    touched = disturbed.flatten(1).abs().amax(1) > 0
    assert 0.15 < touched.float().mean() < 0.35
    assert disturbed.max() <= 0.5 and disturbed.min() >= 0


def test_the_oldest_errors_make_room_and_broken_ones_are_dropped():
    buffer = filled()
    buffer.add(torch.full((4, 2, 3, 4), 2.0))
    assert int(buffer.count) == 10 and int((buffer.errors == 2).all((1, 2, 3)).sum()) == 4
    buffer.add(torch.full((1, 2, 3, 4), float("nan")))
    assert int(buffer.count) == 10


def test_the_same_generator_gives_the_same_marks():
    past = torch.randn(5, 2, 4, 3, 4)
    first, second = (filled().disturb(past, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
