"""With a real Prefect server: states match processes, missed rounds are cancelled, broken retraining is planned again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.marks import leave_mark
from flows.orphans import close_orphans, process_tag
from flows.schedule import SCHEDULED
from flows.server import PrefectServer, ServerConfig, ServerMark
from flows.triggers import RETRAIN, event_id, list_flow_runs, post, retrain_once
from flows.upkeep import CLOCKED, FIRST_PAUSE, RETRIES, cancel_missed, retrain_again, unheard
from infra.store import open_store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerMark]:
    with pytest.MonkeyPatch.context() as patch, PrefectServer(tmp_path_factory.mktemp("prefect"), ServerConfig()) as started:
        patch.setattr(os, "environ", os.environ.copy())
        started.use()
        yield started.running


def deploy(server: ServerMark, flow: str, name: str) -> str:
    found = post(server, "/flows/", {"name": flow})
    return str(post(server, "/deployments/", {"name": name, "flow_id": found["id"]})["id"])


def begin(server: ServerMark, deployment: str | None, state: str, **more: Any) -> str:
    """A run in a state, as the API gives it."""
    if deployment is not None:
        run = post(server, f"/deployments/{deployment}/create_flow_run", more)["id"]
    else:
        run = post(server, "/flow_runs/", {"flow_id": post(server, "/flows/", {"name": "loop"})["id"], **more})["id"]
    if state != "SCHEDULED":
        post(server, f"/flow_runs/{run}/set_state", {"state": {"type": state}, "force": True})
    return str(run)


def state_of(server: ServerMark, run: str, kind: str = "flow_runs") -> str:
    (found,) = post(server, f"/{kind}/filter", {kind: {"id": {"any_": [run]}}})
    return str(found["state_type"])


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_no_run_and_no_task_is_running_without_its_process(server: ServerMark, tmp_path: Path) -> None:
    retraining = deploy(server, RETRAIN, "orphaned")
    alive = begin(server, None, "RUNNING", tags=[process_tag()])
    gone = begin(server, None, "RUNNING", tags=[f"process {dead_process()}"])
    before = begin(server, None, "RUNNING", tags=["process 1"])  # as if process 1 had been given its number later
    pending, deployed = begin(server, retraining, "PENDING"), begin(server, retraining, "RUNNING")
    body = {"flow_run_id": gone, "task_key": "train", "dynamic_key": "0", "state": {"type": "RUNNING"}}
    task = str(post(server, "/task_runs/", body)["id"])
    with leave_mark(tmp_path, "deploy"):
        assert close_orphans(server, tmp_path) == 1
        assert [state_of(server, run) for run in (alive, gone, pending, deployed)] == ["RUNNING", "CRASHED", "PENDING", "RUNNING"]
        assert state_of(server, task, "task_runs") == "CRASHED"
    assert close_orphans(server, tmp_path) == 2  # nobody deploys
    assert [state_of(server, run) for run in (alive, pending, deployed, before)] == ["RUNNING", "CRASHED", "CRASHED", "RUNNING"]
    assert close_orphans(server, tmp_path, fresh=True) == 2
    assert {state_of(server, run) for run in (alive, before)} == {"CRASHED"}


def test_missed_rounds_are_cancelled_and_those_that_a_person_asked_for_are_not(server: ServerMark) -> None:
    nights, days = deploy(server, SCHEDULED, "nights"), deploy(server, SCHEDULED, "days")
    now = datetime.now(UTC)

    def planned(deployment: str, minutes: float) -> str:
        when = (now + timedelta(minutes=minutes)).isoformat()
        planned = {"type": "SCHEDULED", "state_details": {"scheduled_time": when}}
        body = {"state": planned, "tags": [CLOCKED]}
        return str(post(server, f"/deployments/{deployment}/create_flow_run", body)["id"])

    old, late, next_one = planned(nights, -9), planned(nights, -5), planned(nights, 5)
    other, by_hand = planned(days, -5), begin(server, days, "SCHEDULED")
    assert cancel_missed(server) == 1  # one a schedule may wait, for instance for a retraining to end
    assert [state_of(server, run) for run in (old, late, other)] == ["CANCELLED", "SCHEDULED", "SCHEDULED"]
    going_on = begin(server, nights, "RUNNING")
    assert cancel_missed(server) == 1 and state_of(server, late) == "CANCELLED"
    assert cancel_missed(server, before=datetime.now(UTC)) == 1 and state_of(server, other) == "CANCELLED"
    assert [state_of(server, run) for run in (next_one, by_hand)] == ["SCHEDULED"] * 2
    post(server, f"/flow_runs/{going_on}/set_state", {"state": {"type": "COMPLETED"}, "force": True})


def test_broken_retraining_is_planned_again_later_each_time_and_not_for_ever(server: ServerMark, tmp_path: Path) -> None:
    store, deployment, pauses = open_store(tmp_path), deploy(server, RETRAIN, "retrain"), list[float]()
    assert unheard(server, store) is None
    parameters = {"version": "1" * 64, "event": "e"}
    run = begin(server, deployment, "CRASHED", parameters=parameters)
    for turn in range(RETRIES):
        (line,) = retrain_again(server, store)
        assert line.startswith("1" * 12) and f"{turn + 1} of {RETRIES}" in line
        assert not list(retrain_again(server, store))  # it is planned
        (broken,) = [one for one in list_flow_runs(server, RETRAIN) if one["id"] == run]
        waiting = [one for one in list_flow_runs(server, RETRAIN) if one["state_type"] == "SCHEDULED"]
        (planned,) = [one for one in waiting if one["parameters"].get("version") == "1" * 64]
        assert planned["parameters"] == broken["parameters"]
        due, ended = (datetime.fromisoformat(text) for text in (planned["expected_start_time"], broken["end_time"]))
        pauses.append(round((due - ended) / FIRST_PAUSE))
        run = planned["id"]
        post(server, f"/flow_runs/{run}/set_state", {"state": {"type": "FAILED" if turn else "CRASHED"}, "force": True})
    assert pauses == [1, 2, 4, 8, 16]
    assert not list(retrain_again(server, store))
    refused = {"version": "2" * 64, "event": "e"}
    begin(server, deployment, "FAILED", parameters=refused)
    retrain_once(store, refused["version"], event_id(store, refused["version"]), lambda: {"bundle": "b"})  # the gate decided
    assert not list(retrain_again(server, store))
