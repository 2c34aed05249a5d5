"""The plan of a profile's collection: which episodes of which scenes the loop trains, validates and tests on."""

import functools
from dataclasses import dataclass

import numpy as np

from engine.embedded.render import EGL_ADVICE, RendererUnavailableError, egl_available
from engine.games.doom import FPS as DOOM_FPS
from engine.job import Job, scene_seed
from engine.walks import EVALUATION_WALKS, REVISITING
from infra.schema.episode import MAX_EPISODE_SECONDS, Split


@dataclass(frozen=True, kw_only=True)
class CollectConfig:
    """What to record. Scene counts are for each family; every test scene gets all evaluation walks from each start."""

    width: int = 224  # pixels
    height: int = 128  # pixels
    fps: float = 16.0
    families: tuple[str, ...] = ("park",)
    train_scenes: int = 24
    val_scenes: int = 2
    test_scenes: int = 4
    episodes_per_scene: int = 3  # train and val scenes
    frames_per_episode: int = 320  # at most 60 seconds
    starts_per_test_scene: int = 2
    vizdoom_episodes: int = 2
    revisit_share: float = 0.4  # of the training episodes: out_and_back, loop, spin, idle
    renderer: str = "auto"  # auto | egl | software (no depth)
    seed: int = 0
    min_free_gigabytes: float = 1.0  # of disk; recording stops below
    max_seconds: float | None = None  # time cap of the stage


@functools.cache
def resolve_renderer(renderer: str) -> str:
    """Turn ``auto`` into what works here.

    Raises:
        RendererUnavailableError: EGL was asked for and does not work.
        ValueError: no such renderer.
    """
    match renderer:
        case "software":
            return "software"
        case "egl" | "auto":
            if egl_available():
                return "egl"
            if renderer == "egl":
                raise RendererUnavailableError(EGL_ADVICE)
            return "software"
        case _:
            raise ValueError(f"collect.renderer = {renderer!r}; use auto, egl or software")


def plan_jobs(config: CollectConfig) -> list[Job]:
    """All jobs of a collection, scene by scene, the splits interleaved so that an early stop leaves some of each.

    Raises:
        ValueError: an episode would be longer than 60 seconds.
    """
    if config.frames_per_episode > MAX_EPISODE_SECONDS * config.fps:
        raise ValueError(
            f"collect.frames_per_episode = {config.frames_per_episode} at {config.fps} fps is more than "
            f"{MAX_EPISODE_SECONDS:.0f} s; use at most {int(MAX_EPISODE_SECONDS * config.fps)}"
        )
    groups: list[tuple[float, list[Job]]] = []
    splits: tuple[tuple[Split, int], ...] = (
        ("train", config.train_scenes),
        ("val", config.val_scenes),
        ("test", config.test_scenes),
    )
    for family in config.families:
        for split, count in splits:
            for index in range(count):
                groups.append(((index + 0.5) / count, _scene_jobs(config, family, split, index)))
    for number in range(config.vizdoom_episodes):
        groups.append(((number + 0.5) / config.vizdoom_episodes, [_doom_job(config, number)]))
    return [job for _, group in sorted(groups, key=lambda item: item[0]) for job in group]


def _scene_jobs(config: CollectConfig, family: str, split: Split, index: int) -> list[Job]:
    walks: list[tuple[str, int]]
    if split == "test":
        walks = [(walk, start) for start in range(config.starts_per_test_scene) for walk in EVALUATION_WALKS]
    elif split == "val":
        walks = [("explore", number) for number in range(config.episodes_per_scene)]
    else:
        walks = [(_training_walk(config, index, number), number) for number in range(config.episodes_per_scene)]
    return [
        Job(
            source="embedded",
            family=family,
            split=split,
            scene_seed=scene_seed(family, split, index, config.seed),
            walk=walk,
            seed=seed,
            frames=config.frames_per_episode,
            width=config.width,
            height=config.height,
            fps=config.fps,
            renderer=resolve_renderer(config.renderer),
        )
        for walk, seed in walks
    ]


def _training_walk(config: CollectConfig, index: int, number: int) -> str:
    """Spread the share of revisiting walks evenly, and their kinds in turn."""
    episode = index * config.episodes_per_scene + number
    before, after = (int(np.floor(config.revisit_share * (episode + k) + 0.5)) for k in (0, 1))
    return REVISITING[before % len(REVISITING)] if after > before else "explore"


def _doom_job(config: CollectConfig, number: int) -> Job:
    split: Split = "test" if number % 5 == 4 else "val" if number % 5 == 3 else "train"
    return Job(
        source="vizdoom",
        family="doom",
        split=split,
        scene_seed=scene_seed("doom", split, number, config.seed),
        walk="explore",
        seed=number,
        frames=min(config.frames_per_episode, int(MAX_EPISODE_SECONDS * DOOM_FPS)),
        width=config.width,
        height=config.height,
        fps=DOOM_FPS,
        renderer="vizdoom",
    )
