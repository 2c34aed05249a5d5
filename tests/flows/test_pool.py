"""Pools: nothing for size 0, otherwise Ray actors that survive being killed."""

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from engine.unreal.process import UnrealConfig
from flows.pool import PoolConfig, PoolError, RayPool, Worker, check_actors, fitting_actors, open_pool
from infra.schema.run import Run
from infra.store import Store, open_store
from infra.tables import read_records
from tests.engine.games.titles.playing import poll
from tests.flows.conftest import SmokeRun, worldloom
from tests.hostile import hostile
from tests.seaweed import free_ports

JOBS = 12


@pytest.mark.parametrize("source", ["embedded", "unreal", "vizdoom", "minetest", "gta_v"])
def test_one_recorder_always_fits_and_larger_machines_hold_more_but_titles_are_recorded_by_the_command_itself(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitting = []
    for cores in (1, 2, 8, 64):
        monkeypatch.setattr("flows.pool.cores", lambda cores=cores: cores)
        fitting.append(fitting_actors(source, UnrealConfig(), PoolConfig()))
    if source == "gta_v":
        assert not any(fitting)
    else:
        assert fitting[0] == 1 and fitting == sorted(fitting) and fitting[-1] > 1


@pytest.mark.parametrize("own", [UnrealConfig(command=("Game.sh",)), UnrealConfig(host="studio"), UnrealConfig(port=9000)])
def test_an_engine_that_is_named_gets_one_recorder_unless_it_can_be_started_again(
    own: UnrealConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.pool.cores", lambda: 64)
    assert fitting_actors("unreal", own, PoolConfig()) == 1
    check_actors("unreal", own, 1)
    check_actors("embedded", own, 8)
    if own.command:
        check_actors("unreal", own, 8)
    else:
        with pytest.raises(PoolError, match="1 worker, not 8"):
            check_actors("unreal", own, 8)


def square(number: int) -> int:
    return number * number


def square_but_die_once(marks: Path, number: int) -> int:
    """Kill the worker that first meets number 5."""
    mark = marks / "killed"
    if number == 5 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), 9)
    return number * number


def die_at_five(number: int) -> int:
    """Kill every worker that meets number 5."""
    if number == 5:
        os.kill(os.getpid(), 9)
    return number * number


def hang_at_five(number: int) -> int:
    """Give no answer for number 5."""
    if number == 5:
        time.sleep(600)
    return number * number


def here(_: int) -> str:
    """Where this worker writes as it ends by itself."""
    number, name = tempfile.mkstemp()
    os.close(number)
    atexit.register(lambda: Path(name).write_text("left", encoding="utf-8"))
    return name


def refuse(number: int) -> int:
    raise ValueError(f"number {number} is refused")


def test_size_zero_starts_nothing(tmp_path: Path) -> None:
    with open_pool(PoolConfig(actors=0), str(tmp_path)) as pool:
        assert pool is None
    assert "ray" not in sys.modules or not sys.modules["ray"].is_initialized()


def test_a_cluster_that_is_not_there_is_named_at_once(tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(PoolError, match=f"no Ray cluster at pool.address = '{nobody}': .*refused"):
        fitting_actors("embedded", UnrealConfig(), PoolConfig(address=nobody))


def test_a_worker_is_a_plain_object() -> None:
    assert Worker().run(square, 4) == 16


def run_here(tmp_path: Path) -> None:
    """What the slow test runs in a process of its own, since Ray reads its settings once."""
    with open_pool(PoolConfig(actors=2), str(tmp_path)) as pool:
        assert pool is not None
        numbers = list(range(JOBS))
        assert sorted(pool.map_unordered(square, numbers)) == [square(number) for number in numbers]
        deadly = functools.partial(square_but_die_once, tmp_path)
        assert sorted(pool.map_unordered(deadly, numbers)) == [square(number) for number in numbers]
        assert (tmp_path / "killed").exists()
        with pytest.raises(ValueError, match="number 3 is refused"):
            list(pool.map_unordered(refuse, [3]))
        assert list(pool.map_unordered(square, [])) == []
    with open_pool(PoolConfig(actors=2, retries=1, job_seconds=10.0), str(tmp_path)) as pool:
        assert pool is not None
        for lethal, why in ((die_at_five, "2 workers died"), (hang_at_five, "no answer within 10 s")):
            given_up: list[str] = []

            def give_up(number: int, reason: str, reasons: list[str] = given_up) -> int:
                reasons.append(f"{number}: {reason}")
                return -1

            results = sorted(pool.map_unordered(lethal, numbers, give_up))
            assert results == [-1, *(square(number) for number in numbers if number != 5)]
            assert len(given_up) == 1 and given_up[0].startswith("5: ") and why in given_up[0]
        with pytest.raises(PoolError, match="2 workers died over one job"):
            list(pool.map_unordered(die_at_five, [5]))
    work_beside_actors_without_room()


def work_beside_actors_without_room() -> None:
    """Two of three actors never find room; the one that does gets all jobs, also those over which it had died."""
    import ray

    ray.init(num_cpus=1, include_dashboard=False, _node_ip_address="127.0.0.1")
    made: Any = ray.remote(Worker)
    try:
        pool = RayPool(made.options(num_cpus=1).remote, PoolConfig(actors=3, retries=1, job_seconds=30.0))
        assert sorted(pool.map_unordered(square, range(JOBS))) == [square(number) for number in range(JOBS)]
        assert sorted(pool.map_unordered(die_at_five, range(JOBS), lambda number, _: -1))[0] == -1
        assert list(pool.map_unordered(square, [])) == []
        for dead in pool._actors:
            ray.kill(dead)  # between two rounds, as with the node that they were on
        assert sorted(pool.map_unordered(square, [2, 3])) == [4, 9]
        assert list(pool.map_unordered(square, [])) == []
        (last,) = pool.map_unordered(here, [0])
        assert list(pool.map_unordered(square, [])) == []
        pool.end()  # those that ran end by themselves, also after a round with nothing to do
        poll(lambda: Path(last).read_text(encoding="utf-8") == "left" or None)
        full = RayPool(made.options(num_cpus=1).remote, PoolConfig(actors=1, join_seconds=2.0))
        with pytest.raises(PoolError, match="no worker found room on this machine within 2 s"):
            list(full.map_unordered(square, [1]))
    finally:
        ray.shutdown()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_actors_work_are_replaced_when_killed_and_hand_on_errors(tmp_path: Path) -> None:
    script = f"from pathlib import Path; from tests.flows.test_pool import run_here; run_here(Path({str(tmp_path)!r}))"
    environment = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=380)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / ".ray").exists(), "Ray wrote a token into the home directory"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_actors_make_the_same_dataset_as_one_process(smoke_run: SmokeRun, tmp_path: Path) -> None:
    place = tmp_path / "place"
    loop = ("curate", "--profile", "smoke", "--home", tmp_path / "home", "--set", "pool.actors=2")
    done = worldloom(*loop, environment=hostile(place), folder=place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert dataset_of(open_store(tmp_path / "home" / "store")) == dataset_of(smoke_run.store)


def dataset_of(store: Store) -> str:
    """The dataset version that the store's curate stage made."""
    (run,) = [run for run in read_records(store, "runs", Run) if run.stage == "curate"]
    return str(json.loads(run.outputs)["dataset"])
