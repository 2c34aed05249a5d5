"""The report: unseen scenes only, intervals that hold the mean, aims that follow from the figures, a plot."""

from pathlib import Path
from typing import Any

import pytest

from engine.explore.env import ExploreConfig, disjoint_from_training
from engine.explore.explorer import AGENTS
from engine.explore.report import TITLES, ReportConfig, bench_explore, plot_report, summarise
from engine.job import scene_seed


@pytest.fixture(scope="module")
def small() -> dict[str, Any]:
    return bench_explore(ReportConfig(families=("rooms",), scenes_per_family=2, frames=160, resamples=200), lambda line: None)


def test_every_agent_walks_every_scene_and_intervals_hold_the_mean(small: dict[str, Any]) -> None:
    assert small["scenes"] == 2 and len(small["rows"]) == 2 * len(AGENTS)
    for figures in small["agents"].values():
        assert set(figures) == set(TITLES)
        assert all(low <= mean <= high for mean, low, high in figures.values())


def test_scenes_of_the_report_are_unseen_and_at_least_thirty() -> None:
    config = ReportConfig()
    seeds = [scene_seed(f, "val", index, config.seed) for f in config.families for index in range(config.scenes_per_family)]
    assert len(set(seeds)) >= 30
    assert disjoint_from_training(ExploreConfig(), seeds)


def test_an_aim_is_missed_when_the_figures_say_so() -> None:
    def row(agent: str, revisits: float, area: float, stuck: float) -> dict[str, Any]:
        known = {"revisits_per_minute": revisits, "area_per_minute": area, "stuck_share": stuck}
        return dict.fromkeys(TITLES, 0.0) | known | {"agent": agent}

    rows = [
        row("policy", 9.0, 80.0, 0.0),
        row("route", 5.0, 100.0, 0.0),
        row("sweep", 0.0, 0.0, 0.0),
        row("random", 7.0, 50.0, 0.1),
    ]
    aims = {name: aim["met"] for name, aim in summarise(rows, ReportConfig(resamples=50))["aims"].items()}
    assert aims == {
        "more useful revisits a minute than route": True,
        "more useful revisits a minute than random": True,
        "less time stuck than route": False,
        "less time stuck than random": True,
        "ground seen as a share of route following's": False,
    }


def test_the_plot_is_drawn(small: dict[str, Any], tmp_path: Path) -> None:
    plot_report(small, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000
