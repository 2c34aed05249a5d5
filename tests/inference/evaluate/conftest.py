"""One small evaluation that all tests here look at."""

import pytest

from inference.evaluate.evaluate import evaluate
from infra.stage import StageResult
from tests.inference.evaluate.arena import SMALL_EVALUATION, Arena, build_arena


@pytest.fixture(scope="session")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Arena:
    return build_arena(tmp_path_factory.mktemp("evaluation"))


@pytest.fixture(scope="session")
def evaluated(arena: Arena) -> StageResult:
    return evaluate(arena.candidate, arena.dataset, SMALL_EVALUATION, arena.store)
