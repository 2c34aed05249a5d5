"""Which walks are played: the same for every arm, so that arms pair up, and for every run over the same recordings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from inference.evaluate.cases import BRANCHES, LONG_WALKS, Start, case_name, find_starts, starts_with
from inference.evaluate.measure import MeasureConfig
from infra.datasets import load_dataset
from infra.store import Store

_SHOWN_LONG: Final = ("out_and_back", "turn_and_back")
_SHOWN_KEYS: Final = ("key_WR", "key_A", "key_W", "key_WL", "key_R", "key_D", "key_S", "key_L")


@dataclass(frozen=True, kw_only=True)
class PlanConfig:
    """How many walks; starts are spread over scenes first."""

    starts: int = 3  # places to start from, eight single-key walks each
    long_starts: int = 2  # places for out-and-back, turn-and-back, spin and idle walks
    shown: int = 6  # walks that the report shows as video
    seed: int = 0  # of the noise


@dataclass(frozen=True, kw_only=True)
class TestPlan:
    """The walks to play and how each is measured."""

    __test__ = False  # no test class, whatever its name looks like

    branch_starts: tuple[Start, ...]
    long_starts: tuple[Start, ...]
    shown: frozenset[str]  # names of the cases that the report shows
    fps: float
    measure: MeasureConfig
    seed: int


def plan_tests(store: Store, dataset: str, config: PlanConfig, measure: MeasureConfig) -> TestPlan:
    """Choose the walks.

    Raises:
        ValueError: there are no test walks, or none with all eight single keys, or a test scene was trained on.
    """
    manifest = load_dataset(store, dataset)
    starts = find_starts(store, manifest)
    branch_starts = starts_with(starts, BRANCHES, config.starts)
    long_starts = starts_with(starts, LONG_WALKS, config.long_starts)
    if not branch_starts:
        raise ValueError("no test start has all eight single-key walks; record the evaluation walks with collect")
    return TestPlan(
        branch_starts=tuple(branch_starts),
        long_starts=tuple(long_starts),
        shown=choose_shown(branch_starts, long_starts, config.shown),
        fps=manifest.fps,
        measure=measure,
        seed=config.seed,
    )


def choose_shown(branch_starts: Sequence[Start], long_starts: Sequence[Start], count: int) -> frozenset[str]:
    """Names of the cases to show: long walks first, each from another start, then single keys, likewise."""
    names = [case_name(start, walk) for start, walk in zip(long_starts, _SHOWN_LONG, strict=False)]
    for number, walk in enumerate(_SHOWN_KEYS):
        names.append(case_name(branch_starts[number % len(branch_starts)], walk))
    return frozenset(names[:count])
