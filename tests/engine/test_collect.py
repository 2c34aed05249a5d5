"""Collecting: plans that keep their promises, restarts that record nothing twice, clean stops."""

import collections
import dataclasses
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from engine import collect as stage
from engine import plan
from engine.collect import collect, collect_request, plan_comes_first
from engine.embedded.render import egl_available
from engine.endpoints import EndpointsConfig
from engine.feed import CollectError, Outcome
from engine.job import Job
from engine.plan import CollectConfig, plan_jobs, resolve_renderer
from engine.record import record_episode
from engine.request import CollectionRequest
from engine.walks import EVALUATION_WALKS, REVISITING
from infra.episodes import list_episodes, read_episode
from infra.schema import Episode
from infra.store import Store, open_store
from tests.requirements import require

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


def test_the_plan_comes_first_in_an_empty_store_and_where_it_was_begun_but_not_where_hours_were_asked_for(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert plan_comes_first(TINY, store)
    alike = plan_jobs(TINY)[0]
    hours = CollectionRequest(
        hours=1 / 3600, seconds=1.0, width=64, height=32, families=("park",), renderer="software", min_free_gigabytes=0.0
    )
    collect_request(hours, store)
    assert not plan_comes_first(TINY, store)
    (asked,) = list_episodes(store)
    same = dataclasses.replace(TINY, width=64, height=32, frames_per_episode=16)
    assert not plan_comes_first(same, store), asked.walk  # also where the plan happens to name what was asked for
    record_episode(store, alike)
    assert plan_comes_first(TINY, store)


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

    def counting(store: Store, job: Job, endpoints: EndpointsConfig) -> Episode:
        recorded.append(job.episode_id)
        return record_episode(store, job, endpoints)

    def stopping(store: Store, job: Job, endpoints: EndpointsConfig) -> Episode:
        if len(recorded) == 2:
            raise KeyboardInterrupt
        return counting(store, job, endpoints)

    monkeypatch.setattr(stage, "record_episode", stopping)
    with pytest.raises(KeyboardInterrupt):
        collect(TINY, store)
    assert len(list_episodes(store)) == 2
    monkeypatch.setattr(stage, "record_episode", counting)
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
        def map_unordered(
            self, function: Callable[[Job], Outcome], jobs: Iterable[Job], lost: Callable[[Job, str], Outcome] | None = None
        ) -> Iterator[Outcome]:
            yield from map(function, reversed(list(jobs)))

    assert collect(TINY, open_store(tmp_path), pool=Pool()).outputs["episodes"] == 3


def test_a_disk_that_fills_up_ends_a_collection_after_the_episodes_that_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Pool:
        """Hands out two jobs before it works on the first."""

        def map_unordered(
            self, function: Callable[[Job], Outcome], jobs: Iterable[Job], lost: Callable[[Job, str], Outcome] | None = None
        ) -> Iterator[Outcome]:
            waiting = iter(jobs)
            out = [next(waiting), next(waiting)]
            usage = shutil.disk_usage(tmp_path)
            monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
            assert next(waiting, None) is None
            yield from map(function, out)

    store = open_store(tmp_path)
    with pytest.raises(CollectError, match=r"only 0\.0 GB free"):
        collect(dataclasses.replace(TINY, min_free_gigabytes=0.001), store, pool=Pool())
    assert len(list_episodes(store)) == 2


def test_a_renderer_that_one_would_not_expect_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    request = CollectionRequest(hours=1 / 3600, seconds=1.0, width=64, height=32, families=("park",), agents=("spin",))
    resolve_renderer.cache_clear()
    monkeypatch.setattr(plan, "egl_available", lambda: False)
    collect_request(dataclasses.replace(request, renderer="software"), open_store(tmp_path / "asked"))
    assert "software renderer" not in capsys.readouterr().err
    collect_request(request, open_store(tmp_path / "auto"))
    assert "software renderer, no depth" in capsys.readouterr().err
    resolve_renderer.cache_clear()


@pytest.mark.slow
def test_a_stand_in_for_an_engine_is_told_and_named_in_its_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require(egl_available(), "EGL rendering")
    request = CollectionRequest(
        source="unreal", hours=1 / 3600, seconds=1.0, width=64, height=32, families=("park",), agents=("spin",)
    )
    collect_request(request, open_store(tmp_path))
    assert "no engine named by endpoints.unreal: the embedded world" in capsys.readouterr().err
    assert [(row.source, row.renderer) for row in list_episodes(open_store(tmp_path))] == [("unreal", "egl")]


def test_a_time_cap_stops_early_and_says_so(tmp_path: Path) -> None:
    result = collect(dataclasses.replace(TINY, max_seconds=0.0), open_store(tmp_path))
    assert result.stopped_early and result.outputs["episodes"] == 0
