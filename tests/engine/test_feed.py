"""The feed of jobs: quotas are met, failures wait, come again or are replaced, pauses hold."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from engine.feed import CollectError, Feed, Outcome, Patience
from engine.job import Job

QUICK = Patience(first_pause=0.0, longest_pause=0.0)


def job(number: int) -> Job:
    return Job(
        source="embedded", family="park", split="train", scene_seed=number, walk="explore", seed=0,
        frames=160, width=64, height=32, fps=16.0, renderer="software",
    )  # fmt: skip


def endless() -> Iterator[Job]:
    return map(job, itertools.count())


def feed_of(jobs: Iterator[Job], there: Mapping[str, float] | None = None, **options: Any) -> Feed:
    defaults: dict[str, Any] = {
        "wanted_seconds": None,
        "may_go_on": lambda: True,
        "is_paused": lambda: False,
        "say": lambda _: None,
        "patience": QUICK,
    }
    return Feed(jobs, there or {}, **(defaults | options))


def done(job: Job) -> Outcome:
    return Outcome(job=job, frames=job.frames, seconds=job.frames / job.fps)


def work_off(feed: Feed, outcome_of: Callable[[Job], Outcome]) -> list[Job]:
    """Every job handed out, in order."""
    given: list[Job] = []
    while not feed.finished or not given:
        for job in feed:
            given.append(job)
            feed.note(outcome_of(job))
        if feed.finished:
            break
    return given


def test_jobs_are_handed_out_until_the_wanted_seconds_are_there() -> None:
    feed = feed_of(endless(), wanted_seconds=35.0)
    assert [job.scene_seed for job in work_off(feed, done)] == [0, 1, 2, 3]
    assert feed.seconds == 40.0 and feed.finished


def test_no_more_jobs_are_out_than_the_quota_needs() -> None:
    feed = feed_of(endless(), wanted_seconds=35.0)
    assert len(list(feed)) == 4  # nobody has come back yet
    assert not feed.finished


def test_what_is_there_counts_and_is_not_handed_out() -> None:
    there = {job(number).episode_id: 10.0 for number in (0, 2)}
    feed = feed_of(endless(), there, wanted_seconds=40.0)
    assert [given.scene_seed for given in work_off(feed, done)] == [1, 3]
    assert [given.scene_seed for given in feed.done] == [0, 1, 2, 3]


def test_a_failed_job_comes_again_and_one_that_cannot_work_is_replaced() -> None:
    tries: dict[int, int] = {}

    def outcome_of(job: Job) -> Outcome:
        tries[job.scene_seed] = tries.get(job.scene_seed, 0) + 1
        if job.scene_seed == 0:
            return Outcome(job=job, cause="ValueError", message="no free place", lasting=True)
        if job.scene_seed == 1 and tries[1] == 1:
            return Outcome(job=job, cause="EngineDied", message="killed")
        return done(job)

    feed = feed_of(endless(), wanted_seconds=30.0)
    work_off(feed, outcome_of)
    assert tries == {0: 1, 1: 2, 2: 1, 3: 1}
    assert [outcome.job.scene_seed for outcome in feed.dropped] == [0]
    assert feed.failures == {"ValueError": 1, "EngineDied": 1}


def test_attempts_at_one_job_are_bounded() -> None:
    feed = feed_of(iter([job(0)]), patience=Patience(attempts=3, first_pause=0.0))
    given = work_off(feed, lambda job: Outcome(job=job, cause="EngineDied", message="killed"))
    assert len(given) == 3 and len(feed.dropped) == 1


def test_a_store_that_fails_is_not_held_against_the_job() -> None:
    tries: list[int] = []

    def outcome_of(job: Job) -> Outcome:
        tries.append(job.scene_seed)
        if len(tries) <= 5:
            return Outcome(job=job, cause="StoreUnreachableError", message="no answer", blameless=True)
        return done(job)

    feed = feed_of(iter([job(0)]), patience=Patience(attempts=3, first_pause=0.0))
    work_off(feed, outcome_of)
    assert len(tries) == 6 and not feed.dropped and [job.scene_seed for job in feed.done] == [0]


def test_a_source_that_only_fails_is_given_up_with_its_last_message() -> None:
    feed = feed_of(endless(), wanted_seconds=100.0)
    with pytest.raises(CollectError, match="failed 8 times in a row, last: EngineDied: killed") as caught:
        work_off(feed, lambda job: Outcome(job=job, cause="EngineDied", message="killed"))
    assert "\n" not in str(caught.value)


def test_pauses_after_failures_double_up_to_a_bound_and_a_success_ends_them() -> None:
    said: list[str] = []
    patience = Patience(first_pause=0.02, longest_pause=0.05, attempts=9)
    feed = feed_of(endless(), wanted_seconds=1000.0, patience=patience, say=said.append)
    rests: list[float] = []
    for number, given in enumerate(feed):
        if number == 6:
            break
        began = time.monotonic()
        feed.note(done(given) if number == 4 else Outcome(job=given, cause="EngineDied", message="killed"))
        rests.append(feed._resting_until - began)
    assert len(said) == 5 and all(line.endswith("after EngineDied: killed") for line in said)
    assert rests[:4] == pytest.approx([0.02, 0.04, 0.05, 0.05], abs=0.005) and rests[5] == pytest.approx(0.02, abs=0.005)


def test_jobs_that_were_out_together_and_failed_of_one_cause_count_once() -> None:
    feed = feed_of(endless(), wanted_seconds=1000.0)
    together = list(itertools.islice(feed, 40))
    for given in together:
        feed.note(Outcome(job=given, cause="StoreUnreachableError", message="no answer", blameless=True))
    again = list(itertools.islice(feed, 40))
    assert again == together, "each comes again"
    for given in again:
        feed.note(done(given))
    assert not feed.dropped and len(feed.done) == 40


def test_a_paused_feed_waits_and_goes_on_when_resumed() -> None:
    ends = time.monotonic() + 0.5
    feed = feed_of(iter([job(0)]), is_paused=lambda: time.monotonic() < ends)
    next(iter(feed))
    assert time.monotonic() >= ends


def test_a_paused_feed_still_ends_when_time_is_up() -> None:
    feed = feed_of(iter([job(0)]), is_paused=lambda: True, may_go_on=lambda: False)
    assert list(feed) == [] and feed.stopped and feed.finished
