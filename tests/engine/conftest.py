"""Small jobs for the recorders."""

import dataclasses
from typing import Any

import pytest

from engine.embedded.render import egl_available
from engine.job import Job, scene_seed
from tests.engine.jobs import MakeJob
from tests.requirements import require
from tests.seaweed import s3_server as s3_server
from tests.seaweed import s3_store_uri as s3_store_uri


@pytest.fixture(scope="session")
def egl() -> str:
    """The renderer's name, where it works."""
    require(egl_available(), "EGL (libegl1 libegl-mesa0 libgl1-mesa-dri libgles2)")
    return "egl"


@pytest.fixture
def make_job() -> MakeJob:
    """Jobs of a small park walk; keywords replace fields."""
    base = Job(
        source="embedded",
        family="park",
        split="train",
        scene_seed=scene_seed("park", "train", 0, 0),
        walk="explore",
        seed=0,
        frames=24,
        width=224,
        height=128,
        fps=16.0,
        renderer="egl",
    )

    def make(**changes: Any) -> Job:
        return dataclasses.replace(base, **changes)

    return make
