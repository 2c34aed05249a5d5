"""The collect stage: plans episodes from its config, records those that the store does not have yet, writes them."""

import functools
import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from engine.games.doom import FPS as DOOM_FPS
from engine.job import Job, scene_seed
from engine.record import record_job
from engine.render import EGL_ADVICE, RendererUnavailableError, egl_available
from engine.walks import EVALUATION_WALKS, REVISITING
from infra.digest import canonical_json, sha256_of
from infra.episodes import list_episodes, write_episode
from infra.errors import WorldloomError
from infra.schema import Episode
from infra.schema.episode import MAX_EPISODE_SECONDS, Split
from infra.stage import StageContext, StageResult, run_stage
from infra.store import Store, open_store

VERSION: Final = 1
RESTARTS: Final = 3  # times that killed recorder processes are replaced


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
    workers: int = 0  # recorder processes; 0 records in this one
    seed: int = 0
    min_free_gigabytes: float = 1.0  # of disk; recording stops below
    max_seconds: float | None = None  # time cap of the stage


class CollectError(WorldloomError):
    """Recording cannot go on; what was recorded is kept."""


class Pool(Protocol):
    """Runs a function on many jobs somewhere else, results in any order."""

    def map_unordered(self, function: Callable[[Job], str], jobs: Sequence[Job]) -> Iterator[str]:
        """Results as they come."""
        ...


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


def record_and_write(store_uri: str, job: Job) -> str:
    """Record one job and keep it: what a worker process runs. Returns the episode's id."""
    return write_episode(open_store(store_uri), record_job(job)).episode_id


def collect(config: CollectConfig, store: Store, *, pool: Pool | None = None, fresh: bool = False) -> StageResult:
    """Record every planned episode that the store lacks; killed and called again, it continues.

    Raises:
        CollectError: too little disk is left, or recorder processes keep being killed.
        RendererUnavailableError: ``renderer = "egl"`` and EGL does not work here.
    """
    jobs = plan_jobs(config)
    renderer = resolve_renderer(config.renderer)

    def work(context: StageContext) -> dict[str, Any]:
        done = {episode.episode_id for episode in list_episodes(store)}
        missing = [job for job in jobs if job.episode_id not in done]
        finished = len(jobs) - len(missing)
        fell_back = renderer != config.renderer and renderer == "software"
        note = "episodes (software renderer, no depth: EGL does not work here)" if fell_back else "episodes"
        context.progress(finished, len(jobs), note)
        for _ in _record_all(config, store, pool, missing, context):
            finished += 1
            context.progress(finished, len(jobs), note)
        return summarise(jobs, list_episodes(store))

    return run_stage(store, name="collect", version=VERSION, inputs={"renderer": renderer}, config=config, work=work, fresh=fresh)


def summarise(jobs: Sequence[Job], episodes: Sequence[Episode]) -> dict[str, Any]:
    """The stage's outputs: which of the planned episodes there are."""
    planned = {job.episode_id for job in jobs}
    found = [episode for episode in episodes if episode.episode_id in planned]
    ids = sorted(episode.episode_id for episode in found)
    training = [episode for episode in found if episode.split == "train" and episode.source == "embedded"]
    return {
        "episodes": len(found),
        "planned": len(jobs),
        "frames": sum(episode.frames for episode in found),
        "digest": sha256_of(canonical_json(ids)),
        "by_split": {split: sum(episode.split == split for episode in found) for split in ("train", "val", "test")},
        "by_source": {source: sum(episode.source == source for episode in found) for source in ("embedded", "vizdoom")},
        "revisit_share": float(np.mean([episode.revisit_share for episode in training])) if training else 0.0,
    }


def _record_all(
    config: CollectConfig, store: Store, pool: Pool | None, jobs: Sequence[Job], context: StageContext
) -> Iterator[str]:
    """Record jobs where the config says; yields episode ids as they are written."""
    record = functools.partial(record_and_write, store.uri)
    if pool is not None:
        results: Iterable[str] = pool.map_unordered(record, jobs)
    elif config.workers > 0:
        results = _map_processes(record, jobs, config.workers)
    else:
        results = map(record, jobs)
    results = iter(results)
    for _ in jobs:
        _check_disk(config, store)
        if context.out_of_time():
            return
        yield next(results)


def _map_processes(record: Callable[[Job], str], jobs: Sequence[Job], workers: int) -> Iterator[str]:
    """Warm recorder processes; killed ones are replaced and their jobs recorded again."""
    left = list(jobs)
    for _ in range(RESTARTS):
        executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _end_with_parent)
        try:
            waiting = {executor.submit(record, job): job for job in left}
            for future in as_completed(waiting):
                result = future.result()
                left.remove(waiting[future])
                yield result
            return
        except BrokenProcessPool:
            continue
        finally:
            executor.shutdown(wait=True, cancel_futures=True)
    raise CollectError(
        f"recorder processes were killed {RESTARTS} times ({len(left)} episodes missing); free memory and start again"
    )


def _end_with_parent() -> None:
    """A recorder whose collector was killed would wait for jobs for ever: end it as soon as the collector is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)  # episodes are written whole or not at all

    threading.Thread(target=watch, daemon=True).start()


def _check_disk(config: CollectConfig, store: Store) -> None:
    folder = store.home
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free / 1e9
    if free < config.min_free_gigabytes:
        raise CollectError(
            f"only {free:.1f} GB free at {folder}, collect.min_free_gigabytes = {config.min_free_gigabytes}; "
            "free space and start again, finished episodes are kept"
        )
