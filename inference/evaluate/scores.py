"""Measurements of single cases, and the scores over scenes that are made of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inference.evaluate.bootstrap import BootstrapConfig, interval


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One number of one case under one arm."""

    metric: str
    horizon: int  # frame number, 0 where the metric has none
    scene_id: str
    case: str  # names the walk, equal across arms, so that arms can be paired
    value: float


@dataclass(frozen=True, kw_only=True)
class Score:
    """A metric of one arm: the mean over scenes with its 95 % interval; ``low`` and ``high`` are NaN with one scene."""

    metric: str
    arm: str
    horizon: int
    value: float
    low: float
    high: float
    scenes: int
    cases: int


def score_arm(arm: str, measurements: Iterable[Measurement], config: BootstrapConfig) -> list[Score]:
    """One score for each metric and horizon that was measured, in order of name and horizon."""
    groups: dict[tuple[str, int], list[Measurement]] = {}
    for measurement in measurements:
        groups.setdefault((measurement.metric, measurement.horizon), []).append(measurement)
    return [_score(arm, metric, horizon, group, config) for (metric, horizon), group in sorted(groups.items())]


def score_difference(
    name: str, first: Iterable[Measurement], second: Iterable[Measurement], config: BootstrapConfig
) -> list[Score]:
    """Paired scores of ``first`` minus ``second`` over the cases that both have; arms that share none give no score."""
    other = {(m.metric, m.horizon, m.case): m.value for m in second}
    paired = [
        Measurement(metric=m.metric, horizon=m.horizon, scene_id=m.scene_id, case=m.case, value=m.value - other[key])
        for m in first
        if (key := (m.metric, m.horizon, m.case)) in other
    ]
    return score_arm(name, paired, config)


def _score(arm: str, metric: str, horizon: int, group: Sequence[Measurement], config: BootstrapConfig) -> Score:
    found = interval([m.value for m in group], [m.scene_id for m in group], config)
    return Score(
        metric=metric,
        arm=arm,
        horizon=horizon,
        value=found.value,
        low=found.low,
        high=found.high,
        scenes=found.scenes,
        cases=found.cases,
    )
