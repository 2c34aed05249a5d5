"""Requests for hours of a source: the plan covers what was asked, goes on where it stopped, and survives failures."""

import collections
import dataclasses
import itertools
from pathlib import Path
from typing import Any

import pytest

from engine import collect as stage
from engine.collect import collect_request, is_paused, pause
from engine.endpoints import EndpointsConfig
from engine.feed import CollectError
from engine.job import Job
from engine.record import record_episode
from engine.request import BODIES, CollectionRequest, candidates, collection_of
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


def test_what_a_build_cannot_show_is_refused_before_it_is_started(tmp_path: Path) -> None:
    listed, build = tmp_path / "scenes.toml", UnrealConfig(command=("MyWorld.sh",))
    areas = "start_areas = [{ centre = [0, 0, 0], half_size = [1, 1], yaw = [0, 9] }]"
    listed.write_text(
        f'[[scene]]\nname = "wet"\nmap = "Wet"\nlicence = "own"\n{areas}\nweather = {{ rain = ["Rain"] }}\n'
        f'[[scene]]\nname = "dry"\nmap = "Dry"\nlicence = "own"\n{areas}\n'
    )
    known, rain = dataclasses.replace(build, scenes=str(listed)), CollectionRequest(source="unreal", weather=("rain",))
    with pytest.raises(ValueError, match="map dry has no weather 'rain'; a scene list"):
        next(candidates(rain, known))
    assert next(candidates(dataclasses.replace(rain, families=("wet",)), known)).weather == "rain"
    with pytest.raises(ValueError, match=r"scenes\.toml lists no scene 'moon'; use one of wet, dry"):
        next(candidates(dataclasses.replace(rain, families=("moon",)), known))
    town = CollectionRequest(source="unreal", families=("Town",))
    wishes: list[dict[str, Any]] = [{"weather": ("rain",)}, {"time_of_day": ("night",)}, {"season": ("winter",)}]
    for wish in wishes:
        with pytest.raises(ValueError, match=r"map Town has no .*; a scene list"):
            next(candidates(dataclasses.replace(town, **wish), build))
        next(candidates(dataclasses.replace(town, **wish), UnrealConfig(host="studio")))  # may be the embedded world
    with pytest.raises(ValueError, match="use perspective first"):
        next(candidates(dataclasses.replace(town, perspective="third"), build))
    with pytest.raises(ValueError, match="no family 'strett'"):
        next(candidates(CollectionRequest(source="unreal", families=("strett",))))


def test_another_build_and_other_maps_are_another_collection(tmp_path: Path) -> None:
    request, scenes = CollectionRequest(source="unreal", families=("Town",)), tmp_path / "scenes.toml"
    scenes.write_text("")
    build = UnrealConfig(command=("MyWorld.sh",))
    listed = collection_of(request, dataclasses.replace(build, scenes=str(scenes)))
    scenes.write_text("# another")
    names = {
        collection_of(request),
        collection_of(request, build),
        collection_of(request, UnrealConfig(command=("Other.sh",))),
        collection_of(request, UnrealConfig(host="studio")),
        listed,
        collection_of(request, dataclasses.replace(build, scenes=str(scenes))),
    }
    assert len(names) == 6
    there, here = (next(candidates(request, UnrealConfig(command=(name,)))) for name in ("A.sh", "B.sh"))
    assert there.episode_id != here.episode_id, "what one build recorded counts for another"
    embedded = CollectionRequest()
    assert collection_of(embedded, build) == collection_of(embedded) == embedded.digest


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
        ({"fps": 0.0}, "fps = 0.0"),
        ({"episodes_per_scene": 0}, "episodes_per_scene = 0"),
        ({"source": "minetest", "time_of_day": ("midnight",)}, "unknown time of day 'midnight'"),
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
