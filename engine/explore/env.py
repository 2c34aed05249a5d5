"""The exploration task as a Gymnasium environment: ray-cast observations, held keys, rewards for ground and returns."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from engine.body import Body, Stance
from engine.explore.metrics import is_near_wall
from engine.explore.observe import CHOICES, HOLD, OBSERVED, Observation, Walker
from engine.explore.surroundings import Surroundings, surroundings_of
from engine.job import scene_seed
from engine.scenes.build import FAMILIES, build_scene
from engine.walks import free_stance


@dataclass(frozen=True, kw_only=True)
class ExploreConfig:
    """Scenes, length of a walk, and what is rewarded."""

    families: tuple[str, ...] = FAMILIES
    scenes_per_family: int = 6  # of the training split: indices from 0 on
    frames: int = 960  # of one walk: a minute
    fps: float = 16.0
    seed: int = 0  # of the scenes
    area: float = 0.05  # for a square metre that is new
    revisit: float = 1.2  # for a useful revisit
    stuck: float = 0.3  # taken for a choice that ends stuck
    near_wall: float = 0.15  # taken for a choice that ends near a wall
    variety: float = 0.03  # for a choice not made in the last eight


class ExploreEnv(gymnasium.Env[Observation, np.int64]):
    """Each episode is one walk of ``frames`` in a training scene; a choice is held for ``HOLD`` frames."""

    def __init__(self, config: ExploreConfig | None = None) -> None:
        self.config = config or ExploreConfig()
        self.observation_space = spaces.Box(-2.0, 2.0, (OBSERVED,), np.float32)
        self.action_space = spaces.Discrete(CHOICES)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, dict[str, Any]]:
        """Start in a scene drawn at random."""
        super().reset(seed=seed)
        config = self.config
        family = config.families[int(self.np_random.integers(len(config.families)))]
        index = int(self.np_random.integers(config.scenes_per_family))
        self._body, around = _scene(family, scene_seed(family, "train", index, config.seed), config.fps)
        self._walker = Walker(around)
        self._stance: Stance = free_stance(self._body, self.np_random)
        self._walker.see(self._stance)
        return self._walker.observe(), {"family": family, "scene": index}

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Hold a choice; the walk is cut off, not ended, after its frames."""
        walker, config = self._walker, self.config
        fresh = int(action) not in walker.choices[-8:]
        walker.choices.append(int(action))
        area, returned = 0.0, False
        for _ in range(HOLD):
            self._stance = self._body.advance(self._stance, *walker.action(int(action)))
            new, again = walker.see(self._stance)
            area, returned = area + new, returned or again
        near = is_near_wall(self._body, walker.around.field, self._stance)
        reward = config.area * area + config.revisit * returned + config.variety * fresh
        reward -= config.stuck * walker.stuck + config.near_wall * near
        info = {"area": area, "revisit": returned, "stuck": walker.stuck, "near_wall": near}
        return walker.observe(), float(reward), False, self._stance.tick >= config.frames, info


@functools.lru_cache(maxsize=128)
def _scene(family: str, seed: int, fps: float) -> tuple[Body, Surroundings]:
    """Built scenes are kept for the next walks in them; nothing in them changes."""
    body = Body(build_scene(family, seed), fps)
    return body, surroundings_of(body)


def disjoint_from_training(config: ExploreConfig, seeds: Sequence[int]) -> bool:
    """Whether none of the scene ``seeds`` is one of the training scenes."""
    trained = {
        scene_seed(family, "train", index, config.seed) for family in config.families for index in range(config.scenes_per_family)
    }
    return trained.isdisjoint(seeds)
