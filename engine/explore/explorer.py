"""The agents that walk a scene in closed loop: the learned hybrid, two that only follow routes, a tuned random walk."""

from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.body import Body, Stance
from engine.explore.navigator import Action
from engine.explore.network import Policy, load_policy
from engine.explore.observe import FOLLOW_NEW, GLIDE_RIGHT, HOLD, Walker
from engine.explore.surroundings import Surroundings, surroundings_of
from engine.walks import WalkPlan, free_stance
from infra.schema import idle_actions, parse_action

Array = NDArray[np.float64]
AgentName = Literal["policy", "route", "sweep", "random"]

AGENTS: Final[tuple[AgentName, ...]] = ("policy", "route", "sweep", "random")


class Agent(Protocol):
    """One who sees stances in order and answers each with a row of actions."""

    def act(self, stance: Stance) -> Action:
        """The action for this frame: keyboard (6,), mouse (2,)."""
        ...


class Explorer:
    """Routes from the mesh, the rest by the policy; without one it makes the same ``choice`` for ever."""

    def __init__(self, around: Surroundings, seed: int, policy: Policy | None, choice: int = FOLLOW_NEW) -> None:
        self._walker = Walker(around)
        self._policy = policy
        self._rng = np.random.default_rng([seed, 4])
        self._choice = choice
        self._count = 0

    def act(self, stance: Stance) -> Action:
        """Choose anew every ``HOLD`` frames."""
        self._walker.see(stance)
        if self._policy is not None and self._count % HOLD == 0:
            self._choice = self._policy.choose(self._walker.observe(), self._rng)
            self._walker.choices.append(self._choice)
        self._count += 1
        return self._walker.action(self._choice)

    def move_into(self, around: Surroundings) -> None:
        """Go on with a better map of the same ground."""
        self._walker.move_into(around)


@dataclass(frozen=True, kw_only=True)
class RandomWalkConfig:
    """Tuned on training scenes for the reward that the policy is trained for (engine/explore/tune.py)."""

    forward: float = 1.0  # share of holds that walk ahead; the others share what is left
    turning: float = 0.7  # share of forward holds that turn as well
    longest: int = 16  # frames of a hold; the shortest has 8
    near: float = 1.6  # metres ahead at which it turns away to the more open side


class RandomWalk:
    """Draws holds of keys and turns; turns to the more open side when something is near ahead."""

    def __init__(self, around: Surroundings, seed: int, config: RandomWalkConfig | None = None) -> None:
        self._around, self._config = around, config or RandomWalkConfig()
        self._rng = np.random.default_rng([seed, 5])
        self._held: list[Action] = []
        self._away = False

    def act(self, stance: Stance) -> Action:
        """The next row of the hold; a new hold when it is over or leads into something."""
        if not self._away and (not self._held or self._held[0][0][0]) and self._near(stance):
            self._held, self._away = self._turn_away(stance), True
        if not self._held:
            self._held, self._away = self._draw(), False
        return self._held.pop(0)

    def _near(self, stance: Stance) -> bool:
        rays = self._around.rays(np.array(stance.place), stance.yaw + np.array([-25.0, 0.0, 25.0]), 10.0, stance.tick)
        return bool(rays.min() < self._config.near)

    def _turn_away(self, stance: Stance) -> list[Action]:
        sides = [
            self._around.rays(np.array(stance.place), stance.yaw + side * np.arange(30.0, 150.0, 15.0), 10.0, stance.tick).mean()
            for side in (-1, 1)
        ]
        return _rows("none", 0.2 if sides[1] > sides[0] else -0.2, int(self._rng.integers(10, 40)))

    def _draw(self) -> list[Action]:
        rng, config = self._rng, self._config
        frames = int(rng.integers(8, config.longest + 1))
        turn = round(float(rng.uniform(0.03, 0.2)), 3) * (1 if rng.random() < 0.5 else -1)
        if rng.random() < config.forward:
            return _rows("W", turn if rng.random() < config.turning else 0.0, frames)
        keys = str(rng.choice(["S", "A", "D", "none", "W+A", "W+D"]))
        return _rows(keys, turn if keys == "none" or rng.random() < 0.5 else 0.0, frames)


def _rows(keys: str, turn: float, frames: int) -> list[Action]:
    keyboard, mouse = idle_actions(frames)
    keyboard[:] = parse_action(keys)[0]
    mouse[:, 1] = turn
    return list(zip(keyboard, mouse, strict=True))


def make_agent(name: str, around: Surroundings, seed: int) -> Agent:
    """An agent at the start of a walk.

    Raises:
        ValueError: no agent of this name.
        PolicyError: the shipped policy does not fit.
    """
    match name:
        case "policy":
            return Explorer(around, seed, load_policy())
        case "route":
            return Explorer(around, seed, None)
        case "sweep":  # walks the same routes, its view turning to the right all the time
            return Explorer(around, seed, None, GLIDE_RIGHT)
        case "random":
            return RandomWalk(around, seed)
        case _:
            raise ValueError(f"unknown agent {name!r}; use one of {', '.join(AGENTS)}")


def agent_start(body: Body, seed: int) -> Stance:
    """Where the walk of ``seed`` starts, the same for all agents."""
    return free_stance(body, np.random.default_rng([body.scene.seed, seed, 6]))


def walk_with(agent: Agent, body: Body, start: Stance, frames: int) -> tuple[list[Stance], WalkPlan]:
    """Let an agent walk: the stances (T) and its actions (T); the last action is not carried out."""
    stances = [start]
    actions: list[Action] = []
    while len(actions) < frames:
        actions.append(agent.act(stances[-1]))
        stances.append(body.advance(stances[-1], *actions[-1]))
    keyboard, mouse = (np.stack(rows) for rows in zip(*actions, strict=True))
    return stances[:frames], WalkPlan(start=start, keyboard=keyboard, mouse=mouse)


def plan_agent_walk(body: Body, name: str, seed: int, frames: int) -> WalkPlan:
    """The walk of an agent as a plan; the world is deterministic, so closed loop and plan are the same.

    Raises:
        ValueError: no agent of this name.
    """
    agent = make_agent(name, surroundings_of(body), seed)
    return walk_with(agent, body, agent_start(body, seed), frames)[1]
