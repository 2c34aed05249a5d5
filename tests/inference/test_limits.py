"""Bursts up to a bound pass, sustained floods do not."""

from hypothesis import given
from hypothesis import strategies as st

from inference.limits import RateConfig, RateLimit

CONFIG = RateConfig(messages_per_second=10, messages_at_once=20, bytes_per_second=1000, bytes_at_once=2000)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_one_more_does_not():
    limit = RateLimit(CONFIG, Clock())
    assert [limit.allow(1) for _ in range(21)] == [True] * 20 + [False]


def test_the_allowed_rate_passes_for_ever():
    clock = Clock()
    limit = RateLimit(CONFIG, clock)
    for _ in range(500):
        assert limit.allow(100)
        clock.now += 0.1


def test_bytes_are_limited_apart_from_messages():
    assert not RateLimit(CONFIG, Clock()).allow(2001)


@given(st.lists(st.tuples(st.floats(0, 0.5), st.integers(0, 300)), max_size=60))
def test_no_more_passes_than_the_burst_and_the_rate_together(arrivals):
    clock = Clock()
    limit = RateLimit(CONFIG, clock)
    passed, size = 0, 0
    for gap, length in arrivals:
        clock.now += gap
        if limit.allow(length):
            passed, size = passed + 1, size + length
    assert passed <= CONFIG.messages_at_once + CONFIG.messages_per_second * clock.now + 1e-6
    assert size <= CONFIG.bytes_at_once + CONFIG.bytes_per_second * clock.now + 1e-6
