import json
import multiprocessing
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from infra.digest import sha256_of
from infra.lineage import code_commit
from infra.schema.run import Run
from infra.stage import StageContext, StageResult, drop_scratch, find_run, run_stage, stage_key
from infra.store import Store, open_store
from infra.tables import read_records


@dataclass(frozen=True, kw_only=True)
class CountConfig:
    steps: int = 3
    max_seconds: float | None = None


class Counter:
    """Stage work that counts how often it was done."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, context: StageContext) -> Mapping[str, Any]:
        self.runs += 1
        return {"digest": sha256_of(b"result"), "run": self.runs}


def count(store: Store, work: Any, *, config: CountConfig = CountConfig(), version: int = 1, fresh: bool = False) -> StageResult:
    return run_stage(store, name="count", version=version, inputs={"data": "d1"}, config=config, work=work, fresh=fresh)


def test_a_finished_stage_is_found_again_and_not_done_twice(store: Store) -> None:
    work = Counter()
    first, second = count(store, work), count(store, work)
    assert (first.reused, second.reused, work.runs) == (False, True, 1)
    assert second.outputs == first.outputs == {"digest": sha256_of(b"result"), "run": 1}
    assert second.seconds == first.seconds


def test_fresh_works_again_and_its_result_is_the_one_found(local_store: Store) -> None:
    work = Counter()
    count(local_store, work)
    (local_store.home / "work" / stage_key("count", 1, {"data": "d1"}, CountConfig())).mkdir(parents=True)
    again = count(local_store, work, fresh=True)
    assert (again.reused, again.outputs["run"]) == (False, 2)
    assert count(local_store, work).outputs["run"] == 2
    assert not (local_store.home / "work" / again.key).exists()


def test_the_key_is_made_of_name_version_inputs_and_config_alone() -> None:
    keys = {
        stage_key("count", 1, {"data": "d1"}, CountConfig()),
        stage_key("other", 1, {"data": "d1"}, CountConfig()),
        stage_key("count", 2, {"data": "d1"}, CountConfig()),
        stage_key("count", 1, {"data": "d2"}, CountConfig()),
        stage_key("count", 1, {"data": "d1"}, CountConfig(steps=4)),
    }
    assert len(keys) == 5
    assert stage_key("count", 1, {"b": "1", "a": "2"}, CountConfig()) == stage_key(
        "count", 1, {"a": "2", "b": "1"}, CountConfig()
    )


def test_the_row_records_where_when_and_by_which_code(local_store: Store) -> None:
    began = time.time()
    result = count(local_store, Counter())
    (run,) = read_records(local_store, "runs", Run)
    assert run.key == result.key
    assert run.code_commit == code_commit()
    assert began <= run.started <= time.time()
    assert run.host
    assert json.loads(run.config) == {"max_seconds": None, "steps": 3}
    assert run.config_digest == sha256_of(run.config.encode())


def test_work_that_fails_records_nothing_and_its_error_goes_through(local_store: Store) -> None:
    def fail(context: StageContext) -> Mapping[str, Any]:
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        count(local_store, fail)
    assert find_run(local_store, stage_key("count", 1, {"data": "d1"}, CountConfig())) is None


def test_a_time_cap_stops_early_and_says_so(local_store: Store) -> None:
    def work(context: StageContext) -> Mapping[str, Any]:
        steps = 0
        while steps < 1000 and not context.out_of_time():
            steps += 1
            time.sleep(0.01)
        return {"steps": steps}

    capped = count(local_store, work, config=CountConfig(max_seconds=0.05))
    assert capped.stopped_early
    assert capped.outputs["steps"] < 1000
    assert count(local_store, work, config=CountConfig(max_seconds=0.05)).stopped_early
    assert not count(local_store, Counter()).stopped_early


def test_work_may_say_itself_that_it_stopped_early(local_store: Store) -> None:
    assert count(local_store, lambda context: {"stopped_early": True}).stopped_early


def test_observers_see_the_progress(local_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int, int, str]] = []
    monkeypatch.setattr("infra.stage.OBSERVERS", [lambda *event: seen.append(event)])

    def work(context: StageContext) -> Mapping[str, Any]:
        context.progress(3, 3, "all")
        return {}

    count(local_store, work)
    assert seen == [("count", 3, 3, "all")]


def _count_slowly(uri: str) -> StageResult:
    """Does ten steps, each of which is kept in the scratch folder; killed, it goes on from there."""

    def work(context: StageContext) -> Mapping[str, Any]:
        context.scratch.mkdir(parents=True, exist_ok=True)
        fresh_steps = 0
        for step in range(10):
            if not (context.scratch / str(step)).exists():
                time.sleep(0.05)
                (context.scratch / str(step)).touch()
                fresh_steps += 1
        return {"steps": fresh_steps}

    return count(open_store(uri), work)


def test_a_killed_stage_goes_on_from_its_scratch_folder(local_store: Store) -> None:
    key = stage_key("count", 1, {"data": "d1"}, CountConfig())
    process = multiprocessing.get_context("spawn").Process(target=_count_slowly, args=(local_store.uri,))
    process.start()
    deadline = time.monotonic() + 60
    while not (local_store.home / "work" / key / "2").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert find_run(local_store, key) is None
    assert 0 < _count_slowly(local_store.uri).outputs["steps"] <= 7


def test_a_finished_stage_leaves_nothing_but_what_it_keeps_for_the_next(local_store: Store) -> None:
    def work(context: StageContext) -> Mapping[str, Any]:
        for name in ("states", "windows"):
            (context.scratch / name).mkdir(parents=True)
            (context.scratch / name / "file").write_text("x")
        (context.scratch / "marker").touch()
        return {}

    def stage(**options: Any) -> StageResult:
        return run_stage(local_store, name="a", version=1, inputs={}, config=CountConfig(), work=work, **options)

    folder = local_store.home / "work" / stage(keeps=("windows",)).key
    assert [path.name for path in folder.iterdir()] == ["windows"]
    (folder / "states").mkdir()  # as one that was killed after its row leaves it
    assert stage(keeps=("windows",)).reused and [path.name for path in folder.iterdir()] == ["windows"]
    drop_scratch(local_store, folder.name)
    assert not folder.exists()
    stage(fresh=True)
    assert not folder.exists()
