"""A small job of Minetest."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.job import Job

_JOB = Job(
    source="minetest",
    family="minetest",
    split="train",
    scene_seed=11,
    walk="explore",
    seed=1,
    frames=100,
    width=224,
    height=128,
    fps=16,
    renderer="minetest",
)


def minetest_job(**changes: Any) -> Job:
    """A job of about six seconds."""
    return replace(_JOB, **changes)


@pytest.fixture
def job() -> Callable[..., Job]:
    return minetest_job
