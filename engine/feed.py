"""Hands out jobs one by one; before each it looks at the quota, the disk, the clock, a pause and sources that keep failing."""

import collections
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from engine.job import Job
from infra.errors import WorldloomError

POLL_SECONDS: Final = 0.1  # of a rest
ASK_SECONDS: Final = 1.0  # between questions whether a pause is over; each is a request to the store


class CollectError(WorldloomError):
    """Recording cannot go on; what was recorded is kept."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one attempt at a job."""

    job: Job
    frames: int = 0
    seconds: float = 0.0  # of video
    cause: str = ""  # name of the error's class; empty where an episode was written
    message: str = ""
    lasting: bool = False  # the job itself is at fault, so that another attempt would fail alike
    blameless: bool = False  # the store failed, not the job: the attempt does not count against it


@dataclass(frozen=True, kw_only=True)
class Patience:
    """With what fails: pauses double after each failure in a row, and attempts are bounded."""

    attempts: int = 3  # at one job
    in_a_row: int = 8  # failures after which the source is given up
    first_pause: float = 2.0  # seconds
    longest_pause: float = 300.0  # seconds


@dataclass(frozen=True, kw_only=True)
class _Out:
    """A job that was handed out."""

    seconds: float  # expected of it
    rests: int  # that there had been


class Feed:
    """A queue of jobs whose end depends on what came of those handed out: failed ones come again or are replaced."""

    def __init__(
        self,
        jobs: Iterator[Job],
        there: Mapping[str, float],
        *,
        wanted_seconds: float | None,
        may_go_on: Callable[[], bool],
        is_paused: Callable[[], bool],
        say: Callable[[str], None],
        patience: Patience,
    ) -> None:
        """Hand out ``jobs`` but those that are ``there`` already: seconds of video by episode id, which count as done.

        ``wanted_seconds`` of video end it, None works off all jobs; ``may_go_on`` says no for a clean end, or raises a
        ``CollectError``. Either way what is out is recorded to its end.
        """
        self._jobs, self._there, self._wanted = jobs, there, wanted_seconds
        self._may_go_on, self._is_paused, self._say = may_go_on, is_paused, say
        self._patience = patience
        self._again: collections.deque[Job] = collections.deque()
        self._attempts: collections.Counter[str] = collections.Counter()
        self._failed_in_a_row = 0
        self._rests = 0
        self._resting_until = 0.0
        self._out: dict[str, _Out] = {}
        self.done: list[Job] = []
        self.seconds = 0.0  # of video, of the jobs done
        self.frames = 0  # recorded since this feed began
        self.failures: collections.Counter[str] = collections.Counter()  # by cause
        self.dropped: list[Outcome] = []  # jobs given up
        self.stopped = False  # ended early by ``may_go_on``
        self._refused: CollectError | None = None  # what it raised

    def __iter__(self) -> Iterator[Job]:
        """Jobs as they are wanted; ends when nothing more is wanted at the moment, see ``finished``."""
        while self._wait() and (job := self._next()) is not None:
            self._out[job.episode_id] = _Out(seconds=job.frames / job.fps, rests=self._rests)
            yield job

    @property
    def finished(self) -> bool:
        """Nothing is out and nothing more is to come."""
        return self.stopped or not (self._out or self._again or (self._wanted is not None and self.seconds < self._wanted))

    def check(self) -> None:
        """Raise the ``CollectError`` that ended it early, if one did."""
        if self._refused is not None:
            raise self._refused

    def attempts(self, job: Job) -> int:
        """How often the job was tried and failed."""
        return self._attempts[job.episode_id]

    def note(self, outcome: Outcome) -> None:
        """Take in what came of a job.

        Raises:
            CollectError: the source failed too often in a row.
        """
        out = self._out.pop(outcome.job.episode_id)
        if outcome.cause:
            self._note_failure(outcome, is_news=out.rests == self._rests)
            return
        self._count(outcome.job, outcome.seconds)
        self.frames += outcome.frames
        self._failed_in_a_row = 0

    def _note_failure(self, outcome: Outcome, is_news: bool) -> None:
        """``is_news`` is false of jobs handed out before the last rest: what failed them has been waited for since."""
        job, why = outcome.job, f"{outcome.cause}: {outcome.message}"
        self.failures[outcome.cause] += 1
        self._attempts[job.episode_id] += not outcome.blameless
        if outcome.lasting or self._attempts[job.episode_id] >= self._patience.attempts:
            self.dropped.append(outcome)
        else:
            self._again.append(job)
        if not is_news:
            return
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= self._patience.in_a_row:
            raise CollectError(
                f"source {job.source} failed {self._failed_in_a_row} times in a row, last: {why}; finished episodes are kept"
            )
        if not outcome.lasting:
            pause = min(self._patience.first_pause * 2 ** (self._failed_in_a_row - 1), self._patience.longest_pause)
            self._resting_until, self._rests = time.monotonic() + pause, self._rests + 1
            self._say(f"waiting {pause:.0f} s after {why}")

    def _wait(self) -> bool:
        """Sit out a pause or a rest; whether to go on."""
        told = False
        while self._goes_on():
            if time.monotonic() < self._resting_until:
                time.sleep(POLL_SECONDS)
            elif self._is_paused():
                if not told:
                    self._say("paused")
                told = True
                time.sleep(ASK_SECONDS)
            else:
                return True
        self.stopped = True
        return False

    def _goes_on(self) -> bool:
        try:
            return self._may_go_on()
        except CollectError as error:
            self._refused = error
            return False

    def _next(self) -> Job | None:
        if self._again:
            return self._again.popleft()
        while self._wanted is None or self.seconds + sum(out.seconds for out in self._out.values()) < self._wanted:
            job = next(self._jobs, None)
            if job is None or job.episode_id not in self._there:
                return job
            self._count(job, self._there[job.episode_id])
        return None

    def _count(self, job: Job, seconds: float) -> None:
        self.done.append(job)
        self.seconds += seconds
