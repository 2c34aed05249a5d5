"""The agents side by side on scenes that training never saw: equal time, equal starts, intervals over scenes."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.body import Body
from engine.explore.explorer import AGENTS, agent_start, make_agent, walk_with
from engine.explore.metrics import measure_walk
from engine.explore.surroundings import surroundings_of
from engine.job import scene_seed
from engine.scenes.build import FAMILIES, build_scene

Array = NDArray[np.float64]

TITLES: Final = {
    "area_per_minute": "ground seen, m² a minute",
    "revisits_per_minute": "useful revisits a minute",
    "stuck_share": "share of time stuck",
    "near_wall_share": "share of frames near a wall",
    "action_entropy": "entropy of actions, bits",
}
OURS: Final = "policy"
COVERAGE_AIM: Final = 0.9


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """Unseen scenes, all of the validation split, and how long each agent walks in each."""

    families: tuple[str, ...] = FAMILIES
    scenes_per_family: int = 3
    seed: int = 4
    frames: int = 960  # a minute
    fps: float = 16.0
    resamples: int = 4000  # of the bootstrap
    agents: tuple[str, ...] = AGENTS


def bench_explore(config: ReportConfig, say: Callable[[str], None]) -> dict[str, Any]:
    """Walk every agent through every scene; return rows, means with 95 % intervals over scenes, and the aims."""
    rows: list[dict[str, Any]] = []
    for family in config.families:
        for index in range(config.scenes_per_family):
            body = Body(build_scene(family, scene_seed(family, "val", index, config.seed)), config.fps)
            rows += _scene_rows(config, body)
        say(f"{family}: " + "; ".join(_line(rows, family, agent) for agent in config.agents))
    result: dict[str, Any] = {"config": asdict(config), "scenes": len(rows) // len(config.agents), "rows": rows}
    result |= summarise(rows, config)
    for agent, figures in result["agents"].items():
        say(f"{agent:7}" + "".join(f"  {key} {mean:.3f} [{low:.3f}, {high:.3f}]" for key, (mean, low, high) in figures.items()))
    for aim, met in result["aims"].items():
        say(f"{'met   ' if met['met'] else 'MISSED'} {aim}: {met['figure']:.3f} [{met['low']:.3f}, {met['high']:.3f}]")
    return result


def _scene_rows(config: ReportConfig, body: Body) -> list[dict[str, Any]]:
    around, start = surroundings_of(body), agent_start(body, 0)
    rows = []
    for agent in config.agents:
        stances, plan = walk_with(make_agent(agent, around, 0), body, start, config.frames)
        figures = measure_walk(body, stances, plan.keyboard, plan.mouse).as_dict()
        rows.append({"family": body.scene.family, "scene_id": body.scene.scene_id, "agent": agent} | figures)
    return rows


def _line(rows: list[dict[str, Any]], family: str, agent: str) -> str:
    own = [row for row in rows if row["family"] == family and row["agent"] == agent]
    area, again = (np.mean([row[key] for row in own]) for key in ("area_per_minute", "revisits_per_minute"))
    return f"{agent} {area:.0f} m², {again:.1f} revisits"


def summarise(rows: list[dict[str, Any]], config: ReportConfig) -> dict[str, Any]:
    """Means (figure, low, high) by agent, and the aims, by the same resamples of whole scenes for all agents."""
    values = {agent: {key: _column(rows, agent, key) for key in TITLES} for agent in config.agents}
    count = len(values[config.agents[0]]["area_per_minute"])
    draws = np.random.default_rng(0).integers(count, size=(config.resamples, count))
    agents = {
        agent: {key: _interval(column.mean(), column[draws].mean(1)) for key, column in columns.items()}
        for agent, columns in values.items()
    }
    return {"agents": agents, "aims": _aims(values, draws) if {OURS, "route", "random"} <= set(config.agents) else {}}


def _column(rows: list[dict[str, Any]], agent: str, key: str) -> Array:
    return np.array([row[key] for row in rows if row["agent"] == agent], float)


def _interval(figure: float, resampled: Array) -> tuple[float, float, float]:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return float(figure), float(low), float(high)


def _aims(values: dict[str, dict[str, Array]], draws: NDArray[np.int64]) -> dict[str, dict[str, Any]]:
    """Aims are met by the figure itself; its interval says how sure that is."""
    aims: dict[str, dict[str, Any]] = {}

    def add(name: str, figure: float, resampled: Array, met: bool) -> None:
        mean, low, high = _interval(figure, resampled)
        aims[name] = {"figure": mean, "low": low, "high": high, "met": bool(met)}

    for rival in ("route", "random"):
        more = values[OURS]["revisits_per_minute"] - values[rival]["revisits_per_minute"]
        add(f"more useful revisits a minute than {rival}", more.mean(), more[draws].mean(1), more.mean() > 0)
        less = values[OURS]["stuck_share"] - values[rival]["stuck_share"]
        add(f"less time stuck than {rival}", less.mean(), less[draws].mean(1), less.mean() < 0)
    ours, route = values[OURS]["area_per_minute"], values["route"]["area_per_minute"]
    share = ours.mean() / route.mean()
    add("ground seen as a share of route following's", share, ours[draws].mean(1) / route[draws].mean(1), share >= COVERAGE_AIM)
    return aims


def plot_report(result: dict[str, Any], path: Path) -> None:
    """Bars with intervals, one panel a figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(TITLES))
    names = list(result["agents"])
    colours = {OURS: "#d1495b", "route": "#30638e", "sweep": "#8fb8de", "random": "#b0a990", "explore": "#b0a990"}
    for panel, (key, title) in zip(panels, TITLES.items(), strict=True):
        figures = np.array([result["agents"][name][key] for name in names])
        spread = np.abs(figures[:, 1:] - figures[:, :1]).T
        panel.bar(names, figures[:, 0], yerr=spread, capsize=4, color=[colours[name] for name in names])
        panel.set_title(title, fontsize=10)
        panel.tick_params(labelsize=9)
        panel.set_ylim(bottom=0)
        panel.spines[["top", "right"]].set_visible(False)
    seconds = result["config"]["frames"] / result["config"]["fps"]
    figure.suptitle(f"{result['scenes']} unseen scenes, {seconds:g} s each; lines: 95 % bootstrap over scenes", fontsize=10)
    figure.savefig(path, dpi=120)
