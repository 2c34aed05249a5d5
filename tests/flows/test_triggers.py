"""Publishing a dataset version starts retraining exactly once, however often the news arrives."""

import dataclasses
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

from flows.publish import publish_dataset, published_dataset
from flows.running import say_stage
from flows.server import ServerMark, choose_port, read_mark
from flows.triggers import PUBLISHED, RETRAIN, event_id, list_flow_runs, retrain_once, was_retrained
from flows.workplace import open_workplace
from infra.datasets import load_dataset, put_dataset
from infra.schema import DatasetVersion
from infra.schema.run import Run
from infra.stage import StageResult
from infra.store import Store, open_store
from infra.tables import append_rows, read_records, read_rows
from tests.flows.conftest import NO_CAP, SmokeRun, command, worldloom


def test_the_news_of_a_version_always_has_the_same_name(tmp_path: Path) -> None:
    store, other = open_store(tmp_path / "a"), open_store(tmp_path / "b")
    assert event_id(store, "1" * 64) == event_id(store, "1" * 64)
    assert len({event_id(store, "1" * 64), event_id(store, "2" * 64), event_id(other, "1" * 64)}) == 3


def test_a_repeated_event_does_nothing_but_a_failed_one_may_come_again(tmp_path: Path) -> None:
    store, done = open_store(tmp_path), []

    def work() -> dict[str, Any]:
        done.append(1)
        if len(done) == 1:
            raise ValueError("killed")
        return {"bundle": "b"}

    with pytest.raises(ValueError, match="killed"):
        retrain_once(store, "v", "e", work)
    assert not retrain_once(store, "v", "e", work).reused
    assert retrain_once(store, "v", "e", work).reused
    assert not was_retrained(store, "v")  # this was not the event that is sent for it
    retrain_once(store, "v", event_id(store, "v"), lambda: {"bundle": "b"})
    assert was_retrained(store, "v")
    assert len(done) == 2
    assert not retrain_once(store, "w", "f", work).reused


@pytest.fixture
def listener() -> Iterator[tuple[int, list[Any]]]:
    """A server on loopback that takes whatever is posted: its port, and what came."""
    came: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, came
        server.shutdown()
        thread.join()


def curated(version: str, *, reused: bool = False) -> StageResult:
    return StageResult(stage="curate", key="k", outputs={"dataset": version}, seconds=0.1, reused=reused, stopped_early=False)


def test_the_loop_publishes_what_it_curated_and_sends_the_event_once(
    tmp_path: Path, listener: tuple[int, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, came = listener
    monkeypatch.setattr("flows.running.summarise_stage", lambda result: result.stage)
    place = open_workplace("smoke", tmp_path, None, ())
    monkeypatch.setattr("flows.running.read_mark", lambda folder: ServerMark(pid=os.getpid(), port=port))
    version = put_dataset(place.store, DatasetVersion(name="n", width=8, height=8, fps=16.0, parents=(), clips=()))
    for reused in (False, True, False):  # a version that is published already is no news
        say_stage(place, curated(version, reused=reused))
    assert published_dataset(place.store) == version
    [(path, [event])] = came
    assert (path, event["event"], event["payload"]["version"]) == ("/api/events", PUBLISHED, version)
    assert event["payload"]["event"] == event_id(place.store, version)


def test_a_server_that_does_not_answer_does_not_stop_the_loop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.running.summarise_stage", lambda result: result.stage)
    place = open_workplace("smoke", tmp_path, None, ())
    monkeypatch.setattr("flows.running.read_mark", lambda folder: ServerMark(pid=os.getpid(), port=choose_port(0)))
    version = put_dataset(place.store, DatasetVersion(name="n", width=8, height=8, fps=16.0, parents=(), clips=()))
    say_stage(place, curated(version))
    assert published_dataset(place.store) == version
    assert "was not told" in capsys.readouterr().err


def wait_for(condition: Any, seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"no {what} within {seconds:.0f} s"
        time.sleep(1)
    return found


def retrained(store: Store) -> list[str]:
    """Dataset versions that were retrained on, one entry a run."""
    runs = [run for run in read_records(store, "runs", Run) if run.stage == "retrain"]
    return [json.loads(run.inputs)["dataset"] for run in runs]


def keep_like(store: Store, version: str, name: str) -> str:
    """Another dataset version with the same clips, and its row."""
    made = put_dataset(store, dataclasses.replace(load_dataset(store, version), name=name))
    (row,) = [row for row in read_rows(store, "datasets").to_pylist() if row["version"] == version]
    append_rows(
        store, "datasets", pa.Table.from_pylist([row | {"version": made, "name": name}], read_rows(store, "datasets").schema)
    )
    return made


def retraining_of(deployment: int) -> psutil.Process | None:
    """The process that works off a run of a deployment."""
    found = [one for one in psutil.Process(deployment).children(recursive=True) if "prefect.engine" in one.cmdline()]
    return found[0] if found else None


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_each_published_version_is_retrained_on_exactly_once_also_after_a_crash(smoke_run: SmokeRun, tmp_path: Path) -> None:
    home = smoke_run.copy_to(tmp_path / "home")
    store = open_store(home / "store")
    first = next(json.loads(run.outputs)["dataset"] for run in read_records(store, "runs", Run) if run.stage == "curate")
    second = keep_like(store, first, "second")
    place = ("--profile", "smoke", "--home", home)
    publish_dataset(store, first)  # while nothing listens: deploy must announce it itself
    served = command("deploy", *place, *NO_CAP, "--every-hours", "10000")
    log = tmp_path / "deploy.log"
    with log.open("w") as output, subprocess.Popen(served, stdout=output, stderr=subprocess.STDOUT) as deployment:
        try:
            wait_for(lambda: "deployed" in log.read_text(), 300, "deployment")
            wait_for(lambda: retraining_of(deployment.pid), 200, "retraining").kill()
            wait_for(lambda: "again      " in log.read_text(), 120, "word of another try")
            for version in (first, second, first, second):
                done = worldloom("publish", *place, version)
                assert done.returncode == 0, done.stderr
            mark = read_mark(home / "prefect")
            assert mark is not None

            def all_over() -> list[dict[str, Any]]:
                runs = list_flow_runs(mark, RETRAIN)
                over = all(run["state_type"] in ("COMPLETED", "CRASHED") for run in runs)
                return runs if over and sorted(retrained(store)) == sorted([first, second]) else []

            runs = wait_for(all_over, 900, "retraining of both versions")
        finally:
            deployment.terminate()
            deployment.wait(120)
    assert sorted(retrained(store)) == sorted([first, second])
    worked = [run for run in runs if run["state_name"] == "Completed"]
    repeated = [run for run in runs if run["state_name"] == "Repeated"]
    crashed = [run for run in runs if run["state_name"] == "Crashed"]
    assert (len(worked), len(crashed)) == (2, 1), [run["state_name"] for run in runs]
    assert len(worked) + len(repeated) + len(crashed) == len(runs), log.read_text()
    assert "again      " in log.read_text()
    assert not list((home / "store" / "work").glob("*/*"))
    assert {run["parameters"]["event"] for run in worked} == {event_id(store, first), event_id(store, second)}
