"""Bodies in training scenes."""

import functools
from collections.abc import Callable

import pytest

from engine.body import Body
from engine.job import scene_seed
from engine.scenes.build import build_scene

BodyOf = Callable[..., Body]


@functools.cache
def _body(family: str, index: int) -> Body:
    return Body(build_scene(family, scene_seed(family, "train", index, 0)), 16.0)


@pytest.fixture
def body_of() -> BodyOf:
    """The body of a family's training scene by its index."""

    def make(family: str, index: int = 0) -> Body:
        return _body(family, index)

    return make
