"""Scheduled collection: entries of a profile become deployments that record their hours, and can be paused while they do."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.collect import is_paused
from flows.pipeline import Loop
from flows.profile import load_profile
from flows.publish import published_dataset
from flows.schedule import SCHEDULED, ScheduleConfig, find_schedule, next_round
from flows.server import ServerMark, read_mark
from flows.triggers import list_flow_runs, post
from flows.workplace import open_workplace
from infra.datasets import load_dataset
from infra.episodes import list_episodes
from infra.store import open_store
from tests.flows.conftest import SmokeRun, command, worldloom
from tests.hostile import hostile

NIGHTS = (
    'schedules=[{name="park-loops", cron="0 2 * * *", request={hours=0.06, seconds=7.0, families=["park"], agents=["loop"], '
    'width=112, height=64, renderer="auto"}}]'
)
EVERY_MINUTE = NIGHTS.replace("0 2 * * *", "* * * * *")  # so that the clock itself starts a round
EPISODES = 31  # of 7 s in 0.06 h: enough that a pause finds some left to do


def test_a_profile_states_what_to_record_and_when() -> None:
    (entry,) = load_profile("smoke", [NIGHTS]).schedules
    assert (entry.name, entry.cron, entry.timezone, entry.request.hours) == ("park-loops", "0 2 * * *", "UTC", 0.06)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ('schedules=[{name="Nights", cron="0 2 * * *"}]', "schedule name 'Nights'"),
        ('schedules=[{name="nights", cron="at two"}]', "'at two' is no cron line"),
        ('schedules=[{name="nights", cron="0 2 * * *", request={hours=-1.0}}]', "schedules.0.request: hours = -1.0: ask"),
        ('schedules=[{name="nights", cron="0 2 * * *", request={familie=["park"]}}]', "did you mean families"),
    ],
)
def test_wrong_schedules_are_named(wrong: str, named: str) -> None:
    with pytest.raises(ValueError, match=named) as caught:
        load_profile("smoke", [wrong])
    assert "\n" not in str(caught.value)


def test_rounds_of_a_schedule_never_share_a_seed() -> None:
    entry = ScheduleConfig(name="nights", cron="* * * * *")
    first = datetime(2026, 11, 21, 2, tzinfo=UTC)
    assert len({entry.slot(first + timedelta(minutes=minute)) for minute in range(100)}) == 100


def test_a_schedule_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="no schedule 'days'; it has nights"):
        find_schedule([ScheduleConfig(name="nights", cron="0 2 * * *")], "days")


def test_the_next_round_is_none_of_an_older_registration_and_none_of_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    began = datetime.now(UTC)
    registered = {"updated": (began - timedelta(minutes=1)).isoformat()}
    late, ahead = ((began + timedelta(hours=hours)).isoformat() for hours in (-1, 1))

    def answer(server: ServerMark, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        """As the server, which keeps rounds that nobody worked off."""
        if path == "/deployments/filter":
            return [registered]
        after = body["flow_runs"].get("expected_start_time", {}).get("after_", "")
        return [{"expected_start_time": when} for when in (late, ahead) if when > after]

    monkeypatch.setattr("flows.schedule.post", answer)
    server = ServerMark(pid=1, port=1)
    assert next_round(server, "nights", began) is None
    registered["updated"] = (began + timedelta(seconds=1)).isoformat()
    assert next_round(server, "nights", began) == datetime.fromisoformat(ahead)


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"no {what} within {seconds:.0f} s"
        time.sleep(0.5)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_clock_starts_a_run_that_pauses_resumes_records_its_hours_and_publishes(smoke_run: SmokeRun, tmp_path: Path) -> None:
    home = smoke_run.copy_to(tmp_path / "home")
    store, place = open_store(home / "store"), ("--profile", "smoke", "--home", home, "--set", EVERY_MINUTE)
    before, version = len(list_episodes(store)), published_dataset(store)
    with deployed(place, tmp_path / "deploy.log") as log:
        mark = wait_for(lambda: read_mark(home / "prefect"), 30, "server")
        wait_for(lambda: "next       park-loops: 20" in log.read_text(), 200, "word of the next round")
        assert worldloom("deploy", *place, "--pause", "park-loops").returncode == 0
        assert is_paused(store, "park-loops") and deployment_of(mark)["paused"]
        assert worldloom("deploy", *place, "--resume", "park-loops").returncode == 0
        wait_for(lambda: len(list_episodes(store)) > before, 260, "episode of a round that the clock started")
        said = len(log.read_text())
        assert worldloom("deploy", *place, "--pause", "park-loops").returncode == 0
        wait_for(lambda: "paused" in log.read_text()[said:], 60, "word that it is paused")
        assert "RUNNING" in {run["state_type"] for run in list_flow_runs(mark, SCHEDULED)}
        held = len(list_episodes(store))
        assert worldloom("deploy", *place, "--resume", "park-loops").returncode == 0
        wait_for(lambda: published_dataset(store) != version, 300, "new dataset version")
    recorded = [episode for episode in list_episodes(store) if episode.walk == "loop" and episode.frames == 112]
    assert before < held < before + EPISODES <= len(list_episodes(store))
    assert sum(episode.frames / episode.fps for episode in recorded) >= 0.06 * 3600
    with deployed((*place[:-1], NIGHTS), tmp_path / "again.log") as log:  # the same home, another cron line
        wait_for(lambda: "next       park-loops: " in log.read_text(), 200, "word of the next round")
        assert log.read_text().partition("next       park-loops: ")[2].splitlines()[0].endswith(" 02:00 UTC")


@contextmanager
def deployed(place: tuple[str | Path, ...], log: Path) -> Iterator[Path]:
    """Serve the deployments of a home, in surroundings as bad as they come; what they say goes into ``log``."""
    folder = log.with_suffix(".place")
    surroundings, line = os.environ | hostile(folder), command("deploy", *place)
    with (
        log.open("wb") as output,
        subprocess.Popen(line, stdout=output, stderr=subprocess.STDOUT, env=surroundings, cwd=folder) as served,
    ):
        try:
            wait_for(lambda: "deployed   park-loops: 0.06 h of embedded" in log.read_text(encoding="utf-8"), 300, "deployment")
            yield log
        finally:
            served.terminate()
            served.wait(120)


def deployment_of(mark: ServerMark) -> dict[str, Any]:
    """The schedule's deployment, as the server's API gives it; empty if there is none yet."""
    found = post(mark, "/deployments/filter", {"flows": {"name": {"any_": [SCHEDULED]}}})
    return found[0] if found else {}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_round_in_a_fresh_home_records_what_retraining_is_judged_by(tmp_path: Path) -> None:
    nights = NIGHTS.replace("0.06", "0.01").replace('"park"', '"street"').replace('"loop"', '"route", "sweep"')
    place = open_workplace("smoke", tmp_path, None, (nights,))
    (entry,) = place.profile.schedules
    loop = Loop(profile=place.profile, store=place.store, schedule=entry)
    assert [result.stage for result in loop.run("curate")] == ["collect", "annotate", "curate"]
    dataset = load_dataset(place.store, loop.results["curate"].outputs["dataset"])
    assert {clip.split for clip in dataset.clips} == {"train", "val", "test"}
    assert {episode.family for episode in list_episodes(place.store)} == {"street"}
