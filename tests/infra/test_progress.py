import io
import re
from types import SimpleNamespace

import pytest

from infra.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("infra.progress.time", SimpleNamespace(monotonic=lambda: self.now))  # for no other thread


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_log_gets_a_line_at_most_every_five_seconds_and_the_last_one(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress("train", stream=stream)
    for step in range(101):
        progress(step, 100, "loss 0.5")
        clock.now += 0.2
    lines = stream.getvalue().splitlines()
    assert len(lines) == 5
    assert [re.search(r"(\d+)/100", line).group(1) for line in lines] == ["0", "25", "50", "75", "100"]  # type: ignore[union-attr]


def test_a_line_names_stage_count_rate_and_time_left(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress("train", stream=stream)
    progress(0, 100, "")
    clock.now += 10
    progress(20, 100, "loss 0.5")
    assert stream.getvalue().splitlines()[1] == "train      [####................] 20/100 loss 0.5 (10 s, 2/s, 40 s left)"


def test_a_continued_stage_takes_no_credit_for_earlier_steps(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress("train", stream=stream)
    progress(80, 100, "")
    clock.now += 10
    progress(85, 100, "")
    assert "0.5/s, 30 s left" in stream.getvalue()


def test_a_new_part_starts_its_own_rate(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress("train", stream=stream)
    progress(0, 10, "first")
    clock.now += 10
    progress(10, 10, "first")
    progress(0, 1000, "second")
    clock.now += 10
    progress(100, 1000, "second")
    assert "10/s, 90 s left" in stream.getvalue()


def test_a_terminal_renews_one_line_and_ends_it(clock: Clock) -> None:
    stream = Terminal()
    progress = Progress("train", stream=stream)
    for step in range(11):
        progress(step, 10, "")
        clock.now += 1
    progress.close()
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().count("\r") == 11


def test_no_total_and_no_time_are_no_fault(clock: Clock) -> None:
    stream = io.StringIO()
    Progress("collect", stream=stream)(0, 0, "nothing to do")
    assert "0/0 nothing to do" in stream.getvalue()


def test_what_it_waits_for_is_said_at_once_and_where_the_work_stands(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress("collect", stream=stream)
    progress(3, 10, "episodes")
    progress.say("paused")  # a message within the pause between lines
    assert "3/10 paused" in stream.getvalue()
