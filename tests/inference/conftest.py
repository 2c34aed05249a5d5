"""A generator over the panning world, shared: starting a process takes a second."""

from collections.abc import Iterator

import pytest

from inference.generator import Generator, GeneratorConfig
from tests.inference.panning_world import load_panning, panning_shape


@pytest.fixture(scope="session")
def panning_generator() -> Iterator[Generator]:
    config = GeneratorConfig(load_seconds=60, stall_seconds=20)
    with Generator(load_panning, panning_shape(), config) as generator:
        generator.wait_ready(60)
        yield generator
