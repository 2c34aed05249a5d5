"""What the tests of the recorders share."""

from collections.abc import Callable

from engine.job import Job

MakeJob = Callable[..., Job]  # keywords replace fields of a small park job
