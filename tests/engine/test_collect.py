"""Collecting: plans that keep their promises, restarts that record nothing twice, clean stops."""

import collections
import dataclasses
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from engine import collect as stage
from engine.collect import CollectConfig, CollectError, collect, plan_jobs, resolve_renderer
from engine.job import Job
from engine.record import record_job
from engine.walks import EVALUATION_WALKS, REVISITING
from infra.episodes import Recording, list_episodes, read_episode
from infra.stage import StageResult
from infra.store import open_store

TINY = CollectConfig(
    train_scenes=2,
    val_scenes=1,
    test_scenes=0,
    episodes_per_scene=1,
    frames_per_episode=6,
    vizdoom_episodes=0,
    renderer="software",
    min_free_gigabytes=0.0,
)


def test_the_plan_has_every_evaluation_walk_from_every_start() -> None:
    jobs = [job for job in plan_jobs(dataclasses.replace(TINY, test_scenes=2, starts_per_test_scene=3)) if job.split == "test"]
    by_scene = collections.Counter((job.scene_seed, job.seed) for job in jobs)
    assert len(by_scene) == 6 and set(by_scene.values()) == {len(EVALUATION_WALKS)}


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_stated_share_of_training_episodes_revisits(share: float) -> None:
    config = dataclasses.replace(TINY, train_scenes=25, episodes_per_scene=4, revisit_share=share)
    walks = [job.walk for job in plan_jobs(config) if job.split == "train"]
    assert sum(walk in REVISITING for walk in walks) == share * 100
    if share:
        assert set(REVISITING) <= set(walks)


def test_splits_share_no_scene_and_every_job_is_its_own() -> None:
    jobs = plan_jobs(dataclasses.replace(TINY, train_scenes=9, val_scenes=4, test_scenes=4, vizdoom_episodes=5))
    scenes = {split: {job.scene_seed for job in jobs if job.split == split} for split in ("train", "val", "test")}
    assert not scenes["train"] & scenes["test"] and not scenes["train"] & scenes["val"]
    assert len({job.episode_id for job in jobs}) == len(jobs)


def test_a_plan_is_interleaved_so_that_an_early_stop_leaves_some_of_each_split() -> None:
    jobs = plan_jobs(dataclasses.replace(TINY, train_scenes=8, val_scenes=2, test_scenes=2))
    assert {job.split for job in jobs[: len(jobs) // 2]} == {"train", "val", "test"}


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ValueError, match=r"collect\.renderer = 'vulkan'"):
        resolve_renderer("vulkan")
    with pytest.raises(ValueError, match=r"collect\.frames_per_episode = 2000"):
        plan_jobs(dataclasses.replace(TINY, frames_per_episode=2000))


def test_collecting_writes_episodes_once_and_continues_after_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path)
    recorded: list[str] = []

    def counting(job: Job) -> Recording:
        recorded.append(job.episode_id)
        return record_job(job)

    def stopping(job: Job) -> Recording:
        if len(recorded) == 2:
            raise KeyboardInterrupt
        return counting(job)

    monkeypatch.setattr(stage, "record_job", stopping)
    with pytest.raises(KeyboardInterrupt):
        collect(TINY, store)
    assert len(list_episodes(store)) == 2
    monkeypatch.setattr(stage, "record_job", counting)
    result = collect(TINY, store)
    assert result.outputs["episodes"] == result.outputs["planned"] == 3
    assert sorted(recorded) == sorted(episode.episode_id for episode in list_episodes(store))
    assert collect(TINY, store).reused
    other = collect(TINY, open_store(tmp_path / "other"))
    assert other.outputs["digest"] == result.outputs["digest"]
    frames, video, depth = read_episode(store, list_episodes(store)[0])
    assert len(frames) == len(video) == 6 and depth is None


def test_too_little_disk_stops_with_one_line(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(CollectError, match=r"free space and start again") as caught:
        collect(dataclasses.replace(TINY, min_free_gigabytes=1e9), store)
    assert "\n" not in str(caught.value) and not list_episodes(store)


def test_a_pool_gets_all_jobs_that_are_missing(tmp_path: Path) -> None:
    class Pool:
        def map_unordered(self, function: Callable[[Job], str], jobs: Sequence[Job]) -> Iterator[str]:
            yield from map(function, reversed(jobs))

    assert collect(TINY, open_store(tmp_path), pool=Pool()).outputs["episodes"] == 3


def test_a_time_cap_stops_early_and_says_so(tmp_path: Path) -> None:
    result = collect(dataclasses.replace(TINY, max_seconds=0.0), open_store(tmp_path))
    assert result.stopped_early and result.outputs["episodes"] == 0


@pytest.mark.slow
def test_worker_processes_record_the_same_episodes(tmp_path: Path) -> None:
    alone = collect(TINY, open_store(tmp_path / "alone"))
    shared = collect(dataclasses.replace(TINY, workers=2), open_store(tmp_path / "shared"))
    assert alone.outputs["digest"] == shared.outputs["digest"]
    hashes = []
    for folder in ("alone", "shared"):
        store = open_store(tmp_path / folder)
        hashes.append([read_episode(store, episode)[0].rgb_sha256 for episode in list_episodes(store)])
    assert hashes[0] == hashes[1]


@pytest.mark.slow
@pytest.mark.fault
@pytest.mark.timeout(300)
def test_a_killed_recorder_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    config = dataclasses.replace(TINY, workers=1, train_scenes=4)
    store = open_store(tmp_path)
    results: list[StageResult] = []
    run = threading.Thread(target=lambda: results.append(collect(config, store)))
    run.start()
    while not (children := [child for child in multiprocessing.active_children() if child.name.startswith("SpawnProcess")]):
        time.sleep(0.02)
    time.sleep(1.0)
    os.kill(children[0].pid or 0, signal.SIGKILL)
    run.join(280)
    assert results and results[0].outputs["episodes"] == results[0].outputs["planned"] == 5
    assert len({episode.episode_id for episode in list_episodes(store)}) == 5


COLLECTOR = """
import multiprocessing, sys, threading, time
from engine.collect import CollectConfig, collect
from infra.store import open_store

if __name__ == "__main__":
    config = CollectConfig(workers=1, train_scenes=40, vizdoom_episodes=0, renderer="software")
    threading.Thread(target=collect, args=(config, open_store(sys.argv[1])), daemon=True).start()
    while not multiprocessing.active_children():
        time.sleep(0.02)
    print(multiprocessing.active_children()[0].pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.fault
def test_recorders_end_with_their_collector(tmp_path: Path) -> None:
    script = tmp_path / "collector.py"
    script.write_text(COLLECTOR)
    with subprocess.Popen([sys.executable, script, tmp_path / "store"], stdout=subprocess.PIPE, text=True) as collector:
        assert collector.stdout is not None
        recorder = int(collector.stdout.readline())
        time.sleep(5.0)  # it is at work
        collector.kill()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{recorder}").exists():
        assert time.monotonic() < deadline, f"recorder {recorder} outlives its collector"
        time.sleep(0.1)
