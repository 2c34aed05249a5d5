"""The environment: Gymnasium's own checker, rewards that say what they should, training scenes apart from others."""

import numpy as np
from gymnasium.utils.env_checker import check_env

from engine.explore.env import ExploreConfig, ExploreEnv, disjoint_from_training
from engine.explore.observe import CHOICES, HOLD, MOVES, OBSERVED
from engine.job import scene_seed


def total(env: ExploreEnv, seed: int, choice: int) -> tuple[float, dict[str, float]]:
    env.reset(seed=seed)
    reward, sums, done = 0.0, dict.fromkeys(("area", "revisit", "stuck", "near_wall"), 0.0), False
    while not done:
        _, got, _, done, info = env.step(np.int64(choice))
        reward += got
        for key in sums:
            sums[key] += float(info[key])
    return reward, sums


def test_gymnasium_accepts_the_environment() -> None:
    check_env(ExploreEnv(ExploreConfig(frames=80)), skip_render_check=True)


def test_a_walk_ends_by_being_cut_off_after_its_frames() -> None:
    env = ExploreEnv(ExploreConfig(frames=40))
    observation, _ = env.reset(seed=0)
    assert observation.shape == (OBSERVED,)
    ends = [env.step(np.int64(0))[2:4] for _ in range(40 // HOLD)]
    assert ends == [(False, False)] * (40 // HOLD - 1) + [(False, True)]


def test_routes_to_new_ground_find_more_and_routes_back_see_more_again() -> None:
    env = ExploreEnv(ExploreConfig(frames=480, families=("park",)))
    _, new = total(env, 5, 0)
    _, old = total(env, 5, 1)
    assert new["area"] > 2 * old["area"] and old["revisit"] > new["revisit"] + 5


def test_walking_into_a_wall_costs() -> None:
    env = ExploreEnv(ExploreConfig(frames=480, families=("rooms",)))
    ahead = CHOICES - len(MOVES) + MOVES.index(("W", 0.0, 0.0))
    reward, sums = total(env, 1, ahead)
    assert sums["stuck"] > 20 and reward < total(env, 1, 0)[0]


def test_observations_stay_in_their_space_for_any_choice() -> None:
    env, rng = ExploreEnv(ExploreConfig(frames=240)), np.random.default_rng(0)
    for seed in range(2):
        env.reset(seed=seed)
        done = False
        while not done:
            observation, _, _, done, _ = env.step(rng.integers(CHOICES))
            assert env.observation_space.contains(observation)


def test_scenes_of_other_splits_are_not_training_scenes() -> None:
    config = ExploreConfig()
    assert disjoint_from_training(config, [scene_seed("park", "val", index, 0) for index in range(100)])
    assert not disjoint_from_training(config, [scene_seed("park", "train", 0, 0)])
