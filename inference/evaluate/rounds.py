"""In which order walks are played: a round is one start for every arm, so that a lack of time costs repetitions, never an arm."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from inference.evaluate.arms import Arm, Part
from inference.evaluate.cases import BRANCHES, Start
from inference.evaluate.differences import DIFFERENCES
from inference.evaluate.plan import TestPlan

_LONG_IN_TURN: Final = (("out_and_back",), ("turn_and_back",), ("spin", "idle"))  # the first proves memory, the rest widen it


@dataclass(frozen=True, kw_only=True)
class Round:
    """Walks of one start that every arm of its part plays."""

    part: Part
    start: Start
    walks: tuple[str, ...]
    always: bool  # is played however late it is: without it some arm would have nothing

    @property
    def name(self) -> str:
        return f"{self.start.scene_id}/{self.start.seed}/{'+'.join(self.walks) if self.part == 'long' else self.part}"

    def walks_of(self, arm: Arm) -> tuple[str, ...]:
        """The walks that this arm plays of the round; none if the round is not its kind."""
        if self.part not in arm.parts:
            return ()
        return self.walks if self.part == "branches" else tuple(walk for walk in self.walks if walk in arm.long_walks)


class Budget:
    """Whether a round would end in time, judged by what rounds of its part took so far."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._walk: dict[Part, float] = {}  # seconds that all arms took for one walk

    def allows(self, turn: Round) -> bool:
        return turn.always or time.monotonic() + self._walk.get(turn.part, 0.0) * len(turn.walks) <= self._deadline

    def spend(self, turn: Round, seconds: float) -> None:
        self._walk[turn.part] = seconds / len(turn.walks)


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Which of the planned rounds were played."""

    planned: tuple[Round, ...]
    played: tuple[Round, ...]

    @property
    def starts(self) -> int:
        return _starts(self.played)

    @property
    def scenes(self) -> int:
        return len({turn.start.scene_id for turn in self.played if turn.part == "branches"})

    @property
    def long_walks(self) -> int:
        return _long_walks(self.played)

    @property
    def told(self) -> str:
        """A sentence about what was left out; empty if nothing was."""
        if len(self.played) == len(self.planned):
            return ""
        starts = f"{self.starts} of {_starts(self.planned)} starts"
        walks = f"{self.long_walks} of {_long_walks(self.planned)} long walks"
        return f"Time for the evaluation was short: {starts} and {walks} were played, by every arm the same."


def _starts(rounds: Sequence[Round]) -> int:
    return sum(turn.part == "branches" for turn in rounds)


def _long_walks(rounds: Sequence[Round]) -> int:
    return sum(len(turn.walks) for turn in rounds if turn.part == "long")


def plan_rounds(plan: TestPlan, arms: Sequence[Arm]) -> list[Round]:
    """The rounds of these arms, those first that the verdict needs most: new scenes before further walks in a scene."""
    rounds = [*_first_walks(plan), *_further_walks(plan)]
    return [turn for turn in rounds if any(turn.walks_of(arm) for arm in arms)]


def _first_walks(plan: TestPlan) -> Iterator[Round]:
    """Start by start the single keys and one walk out and back; those of the first start are always played."""
    for number in range(max(len(plan.branch_starts), len(plan.long_starts))):
        for start in plan.branch_starts[number : number + 1]:
            yield Round(part="branches", start=start, walks=BRANCHES, always=number == 0)
        for start in plan.long_starts[number : number + 1]:
            yield Round(part="long", start=start, walks=_LONG_IN_TURN[0], always=number == 0)


def _further_walks(plan: TestPlan) -> Iterator[Round]:
    for walks in _LONG_IN_TURN[1:]:
        for start in plan.long_starts:
            yield Round(part="long", start=start, walks=walks, always=False)


def playing_order(arms: Sequence[Arm]) -> list[Arm]:
    """In the order in which the first lines of the report speak of them, the rest behind in the order of the tables."""
    spoken = [name for pair in DIFFERENCES for name in pair]
    return sorted(arms, key=lambda arm: spoken.index(arm.name) if arm.name in spoken else len(spoken))
