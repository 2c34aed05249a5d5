"""Tunes the random walk on training scenes, for the same worth that the policy is rewarded for, so that it is a fair rival."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.body import Body
from engine.explore.env import ExploreConfig
from engine.explore.explorer import RandomWalk, RandomWalkConfig, agent_start, walk_with
from engine.explore.metrics import WalkMetrics, measure_walk
from engine.explore.observe import HOLD
from engine.explore.surroundings import surroundings_of
from engine.job import scene_seed
from engine.scenes.build import FAMILIES, build_scene


@dataclass(frozen=True, kw_only=True)
class TuneConfig:
    """The grid, and the first training scenes of each family that it is tried on."""

    forward: tuple[float, ...] = (0.7, 0.9, 1.0)
    turning: tuple[float, ...] = (0.15, 0.3, 0.7)
    longest: tuple[int, ...] = (16, 24, 48)
    families: tuple[str, ...] = FAMILIES
    scenes_per_family: int = 1
    frames: int = 480


def worth(metrics: WalkMetrics, reward: ExploreConfig) -> float:
    """What a minute of a walk earns by the weights of the environment, variety left out."""
    choices = 60 * reward.fps / HOLD
    earned = reward.area * metrics.area_per_minute + reward.revisit * metrics.revisits_per_minute
    return earned - choices * (reward.stuck * metrics.stuck_share + reward.near_wall * metrics.near_wall_share)


def tune_random_walk(config: TuneConfig, say: Callable[[str], None]) -> RandomWalkConfig:
    """Try the grid; return the figures that were worth most on average over the scenes."""
    reward = ExploreConfig()
    bodies = [
        Body(build_scene(family, scene_seed(family, "train", index, reward.seed)), reward.fps)
        for family in config.families
        for index in range(config.scenes_per_family)
    ]
    places = [(body, surroundings_of(body), agent_start(body, 0)) for body in bodies]
    best, most = RandomWalkConfig(), -np.inf
    for forward, turning, longest in itertools.product(config.forward, config.turning, config.longest):
        tried = RandomWalkConfig(forward=forward, turning=turning, longest=longest)
        earned = []
        for body, around, start in places:
            stances, plan = walk_with(RandomWalk(around, 0, tried), body, start, config.frames)
            earned.append(worth(measure_walk(body, stances, plan.keyboard, plan.mouse), reward))
        say(f"forward {forward} turning {turning} longest {longest}: {np.mean(earned):.2f}")
        if np.mean(earned) > most:
            best, most = tried, float(np.mean(earned))
    return best


if __name__ == "__main__":
    print(tune_random_walk(TuneConfig(), print))
