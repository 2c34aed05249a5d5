"""Requests for hours of a source: the plan covers what was asked, goes on where it stopped, and survives failures."""

import collections
import dataclasses
import itertools
from pathlib import Path

import pytest

from engine import collect as stage
from engine.collect import collect_request, is_paused, pause
from engine.endpoints import EndpointsConfig
from engine.feed import CollectError
from engine.job import Job
from engine.record import record_episode
from engine.request import BODIES, CollectionRequest, candidates
from engine.scenes.unreal_list import read_scene_list
from engine.unreal.process import UnrealConfig
from infra.episodes import list_episodes
from infra.errors import NotHereError
from infra.schema import Episode
from infra.schema.collection import JobFailure, PlannedJob
from infra.store import Store, open_store
from infra.tables import read_records

SHORT = CollectionRequest(
    hours=4.5 / 3600, seconds=1.0, width=64, height=32, families=("park",), agents=("spin",), renderer="software",
    min_free_gigabytes=0.0,
)  # fmt: skip


def test_the_plan_goes_through_all_combinations_that_were_asked_for() -> None:
    request = CollectionRequest(time_of_day=("night", "noon"), weather=("rain", "clear", "snow"), agents=("policy", "route"))
    jobs = list(itertools.islice(candidates(request), 24))
    mixes = collections.Counter((job.time_of_day, job.weather, job.walk) for job in jobs)
    assert len(mixes) == 12 and set(mixes.values()) == {2}


@pytest.mark.parametrize("families", [("street",), ("street", "park"), ("street", "park", "rooms", "forest")])
@pytest.mark.parametrize("takes", [1, 2, 3])
def test_every_family_goes_through_all_combinations(families: tuple[str, ...], takes: int) -> None:
    request = CollectionRequest(
        families=families, time_of_day=("night", "noon"), weather=("rain", "clear"), agents=("policy",), episodes_per_scene=takes
    )
    jobs = itertools.islice(candidates(request), 4 * takes * len(families))
    mixes = collections.Counter((job.family, job.time_of_day, job.weather) for job in jobs)
    assert len(mixes) == 4 * len(families) and set(mixes.values()) == {takes}


def test_in_the_long_run_every_body_meets_every_combination() -> None:
    request = CollectionRequest(perspective="third", time_of_day=("night", "noon"), agents=("policy",))
    jobs = list(itertools.islice(candidates(request), 4 * BODIES * 13))
    assert len({job.character for job in jobs[:BODIES]}) == BODIES
    assert len({(job.character, job.time_of_day) for job in jobs}) == 2 * BODIES


def test_an_unreal_build_goes_through_the_maps_of_its_list_or_those_that_are_named(tmp_path: Path) -> None:
    listed = Path(__file__).resolve().parents[2] / "infra" / "unreal" / "scenes.toml"
    names = [scene.name for scene in read_scene_list(listed)]
    request, build = CollectionRequest(source="unreal"), UnrealConfig(command=("MyWorld.sh",))
    given = itertools.islice(candidates(request, dataclasses.replace(build, scenes=str(listed))), 2 * len(names))
    assert [job.family for job in given][::2] == names
    with pytest.raises(ValueError, match="does not tell its maps; name them with --family"):
        next(candidates(request, build))
    assert next(candidates(CollectionRequest(source="unreal", families=("Town",)), build)).family == "Town"


def test_maps_of_an_unreal_build_are_walked_by_those_who_need_no_plan_of_them() -> None:
    build = UnrealConfig(command=("MyWorld.sh",))
    town = CollectionRequest(source="unreal", families=("Town",))
    assert {job.walk for job in itertools.islice(candidates(town, build), 10)} == {"policy", "explore"}
    with pytest.raises(ValueError, match="source unreal has no agent 'loop'; use policy, explore"):
        next(candidates(dataclasses.replace(town, agents=("loop",)), build))


def test_the_plan_takes_families_in_turn_and_never_repeats_a_job() -> None:
    request = CollectionRequest(families=("park", "rooms"), episodes_per_scene=2, renderer="software")
    jobs = list(itertools.islice(candidates(request), 40))
    assert [job.family for job in jobs[:6]] == ["park", "park", "rooms", "rooms", "park", "park"]
    assert len({job.episode_id for job in jobs}) == 40 and len({job.scene_seed for job in jobs}) == 20
    assert jobs == list(itertools.islice(candidates(request), 40))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"hours": 0.0}, "hours = 0.0"),
        ({"seconds": 61.0}, "seconds = 61.0"),
        ({"families": ("sea",)}, "source embedded has no family 'sea'; use park"),
        ({"source": "minetest", "families": ("park",)}, "source minetest has no family 'park'; use minetest"),
        ({"source": "vizdoom", "perspective": "third"}, "source vizdoom has no choice of perspective"),
        ({"source": "minetest", "weather": ("rain",)}, "source minetest has no choice of weather"),
        ({"source": "gta_v", "time_of_day": ("night",)}, "source gta_v has no choice of time of day"),
        ({"source": "vizdoom", "agents": ("policy",)}, "source vizdoom has no agent 'policy'; use explore"),
        ({"agents": ("fly",)}, "source embedded has no agent 'fly'; use policy"),
    ],
)
def test_wrong_requests_are_named(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        CollectionRequest(**wrong)  # type: ignore[arg-type]


def test_hours_are_recorded_once_and_more_hours_add_only_what_is_missing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    first = collect_request(SHORT, store)
    assert first.outputs["episodes"] == 5 and first.outputs["hours"] * 3600 == 5.0
    planned = read_records(store, "jobs", PlannedJob)
    assert {row.job_id for row in planned} == {episode.episode_id for episode in list_episodes(store)}
    assert sorted(row.number for row in planned) == list(range(5))
    assert collect_request(SHORT, store).reused
    recorded_before = {episode.episode_id for episode in list_episodes(store)}
    more = collect_request(dataclasses.replace(SHORT, hours=7.0 / 3600), store)
    assert more.outputs["episodes"] == 7 and len(list_episodes(store)) == 7
    assert recorded_before < {episode.episode_id for episode in list_episodes(store)}


def test_jobs_that_cannot_be_recorded_are_replaced_and_their_causes_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, bad = open_store(tmp_path), next(candidates(SHORT)).episode_id

    def refusing(store: Store, job: Job, endpoints: EndpointsConfig) -> Episode:
        if job.episode_id == bad:
            raise ValueError("the scene has no free place")
        return record_episode(store, job, endpoints)

    monkeypatch.setattr(stage, "record_episode", refusing)
    outputs = collect_request(SHORT, store).outputs
    assert outputs["episodes"] == 5 and outputs["failures"] == {"ValueError": 1}
    (failure,) = read_records(store, "failures", JobFailure)
    assert (failure.job_id, failure.cause, failure.attempt) == (bad, "ValueError", 1)


def test_what_this_machine_lacks_stops_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(store: Store, job: Job, endpoints: EndpointsConfig) -> Episode:
        raise NotHereError("minetest is not installed")

    monkeypatch.setattr(stage, "record_episode", lacking)
    with pytest.raises(NotHereError):
        collect_request(SHORT, open_store(tmp_path))


def test_low_disk_stops_cleanly(tmp_path: Path) -> None:
    with pytest.raises(CollectError, match="free space and start again"):
        collect_request(dataclasses.replace(SHORT, min_free_gigabytes=1e9), open_store(tmp_path))


def test_pausing_is_seen_by_whoever_opens_the_store(tmp_path: Path) -> None:
    pause(open_store(tmp_path), "nights", True)
    assert is_paused(open_store(tmp_path), "nights") and not is_paused(open_store(tmp_path), "days")
    pause(open_store(tmp_path), "nights", False)
    assert not is_paused(open_store(tmp_path), "nights")
