"""Collection under fire: workers, the S3 server and the collector itself are killed at random moments."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from engine import leash
from infra.episodes import list_episodes
from infra.store import Store, open_store
from tests.flows.conftest import assert_whole, command
from tests.seaweed import SeaweedServer

pytestmark = [pytest.mark.slow, pytest.mark.fault, pytest.mark.timeout(600)]
KILLS = 5
EPISODES = 30
ENGINE, LEASH = "engine.unreal", leash.__file__  # what their command lines name
REQUEST = (
    "--source", "embedded", "--hours", str(2.0 * EPISODES / 3600), "--seconds", "2", "--size", "128x64", "--family", "park",
    "--agent", "spin", "--profile", "smoke",
)  # fmt: skip


@pytest.fixture
def moments() -> random.Random:
    """Random pauses; the seed is printed."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed of the moments: {seed}")
    return random.Random(seed)


@pytest.fixture
def collect(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start collectors; whoever is left over in the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(store: str | Path, *options: str, environment: dict[str, str] | None = None) -> "subprocess.Popen[str]":
        line = command("collect", *REQUEST, "--out", store, "--home", tmp_path / "home", *options)
        with (tmp_path / "log").open("a") as log:
            settings = os.environ | (environment or {})
            started.append(subprocess.Popen(line, stdout=log, stderr=log, text=True, start_new_session=True, env=settings))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def digests(store: Store) -> list[tuple[str, tuple[str, ...]]]:
    """What the episodes hold, sorted: the same jobs must give the same."""
    return sorted((one.episode_id, (one.frames_object, one.video_object, one.depth_object)) for one in list_episodes(store))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, tuple[str, ...]]]:
    """What the request records when nobody disturbs it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    line = command("collect", *REQUEST, "--out", folder / "store", "--home", folder / "home", "--workers", "0")
    subprocess.run(line, check=True, timeout=300, capture_output=True)
    found = digests(open_store(folder / "store"))
    assert len(found) == EPISODES
    return found


def workers_of(collector: int) -> list[psutil.Process]:
    """Ray actors that record for a collector."""
    found = psutil.Process(collector).children(recursive=True) if psutil.pid_exists(collector) else []
    return [one for one in found if one.is_running() and "ray::Worker" in _title(one)]


def _title(process: psutil.Process) -> str:
    try:
        return (process.cmdline() or [""])[0]
    except psutil.Error:
        return ""


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds:.0f} s"
        time.sleep(0.05)


def test_killed_workers_cost_nothing_that_was_finished(
    collect: Callable[..., "subprocess.Popen[str]"],
    undisturbed: list[tuple[str, tuple[str, ...]]],
    moments: random.Random,
    tmp_path: Path,
) -> None:
    collecting = collect(tmp_path / "store", "--workers", "2", "--set", "pool.retries=9")
    killed = 0
    while killed < KILLS and collecting.poll() is None:
        wait_for(lambda: workers_of(collecting.pid) or collecting.poll() is not None, 120, "worker")
        time.sleep(moments.uniform(0.1, 2.0))
        if alive := workers_of(collecting.pid):
            moments.choice(alive).kill()
            killed += 1
    assert collecting.wait(300) == 0, (tmp_path / "log").read_text()
    assert killed == KILLS, f"the collection was over after {killed} kills"
    store = open_store(tmp_path / "store")
    assert_whole(store)
    assert digests(store) == undisturbed


def engines_of(collector: int) -> list[psutil.Process]:
    """Embedded worlds that serve a collector as Unreal's peer."""
    found = psutil.Process(collector).children(recursive=True) if psutil.pid_exists(collector) else []
    return [one for one in found if one.is_running() and ENGINE in _command_line(one) and LEASH not in _command_line(one)]


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_killed_engines_cost_the_open_episode(
    collect: Callable[..., "subprocess.Popen[str]"], moments: random.Random, tmp_path: Path
) -> None:
    through_engine = ("--source", "unreal", "--seconds", "4", "--hours", str(4.0 * 12 / 3600), "--workers", "0")
    quiet = collect(tmp_path / "quiet", *through_engine)
    assert quiet.wait(200) == 0, (tmp_path / "log").read_text()
    collecting = collect(tmp_path / "store", *through_engine)
    store, killed = open_store(tmp_path / "store"), 0
    while killed < KILLS and collecting.poll() is None:
        before = len(list_episodes(store))  # each engine finishes something before it dies, so that none is given up
        wait_for(lambda: len(list_episodes(store)) > before or collecting.poll() is not None, 120, "episode")  # noqa: B023
        time.sleep(moments.uniform(0.0, 0.5))
        for engine in engines_of(collecting.pid):
            engine.kill()
            killed += 1
    assert collecting.wait(300) == 0, (tmp_path / "log").read_text()
    assert killed >= KILLS, f"the collection was over after {killed} kills"
    assert_whole(store)
    assert digests(store) == digests(open_store(tmp_path / "quiet"))


def test_a_collection_that_is_over_leaves_no_engine_and_no_socket(
    collect: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    mark = {"WORLDLOOM_TEST": str(tmp_path)}  # which every process started from here inherits, and no other
    collecting = collect(tmp_path / "store", "--source", "unreal", "--hours", "0.001", "--workers", "1", environment=mark)
    served: set[str] = set()

    def is_over() -> bool:
        served.update(socket for one in marked(mark) for socket in sockets_of(one))
        return collecting.poll() is not None

    wait_for(is_over, 200, "end of the collection")
    assert collecting.wait(1) == 0, (tmp_path / "log").read_text()
    wait_for(lambda: not marked(mark), 10, "end of all")
    assert served and not [path for path in served if Path(path).exists()]


def marked(mark: dict[str, str]) -> list[psutil.Process]:
    return [one for one in psutil.process_iter() if _environment(one).items() >= mark.items()]


def sockets_of(process: psutil.Process) -> set[str]:
    """Files through which an engine is spoken to."""
    try:
        return {str(one.laddr) for one in process.net_connections("unix") if "unrealcv_" in str(one.laddr)}
    except psutil.Error:
        return set()


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


def test_a_killed_collector_goes_on_where_it_was(
    collect: Callable[..., "subprocess.Popen[str]"],
    undisturbed: list[tuple[str, tuple[str, ...]]],
    moments: random.Random,
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path / "store")
    for _ in range(KILLS):  # the collector in one process: recorder and writer at once
        before = len(list_episodes(store))
        collecting = collect(tmp_path / "store", "--workers", "0")
        wait_for(lambda: len(list_episodes(store)) > before or collecting.poll() is not None, 120, "new episode")  # noqa: B023
        time.sleep(moments.uniform(0.0, 0.5))
        os.killpg(collecting.pid, signal.SIGKILL)
        collecting.wait(20)
        assert_whole(store)
    assert collect(tmp_path / "store", "--workers", "0").wait(300) == 0, (tmp_path / "log").read_text()
    assert_whole(store)
    assert digests(store) == undisturbed


def test_an_s3_server_that_is_killed_and_comes_back_is_waited_for(
    collect: Callable[..., "subprocess.Popen[str]"],
    undisturbed: list[tuple[str, tuple[str, ...]]],
    moments: random.Random,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "seaweed").mkdir()
    server = SeaweedServer(tmp_path / "seaweed")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    server.start()
    try:
        store = open_store("s3://worldloom/faults")
        collecting = collect("s3://worldloom/faults", "--workers", "0")
        wait_for(lambda: list_episodes(store) or collecting.poll() is not None, 120, "episode")
        for _ in range(KILLS):
            time.sleep(moments.uniform(0.2, 1.5))
            server.kill()
            time.sleep(moments.uniform(0.1, 1.5))
            server.start()
        assert collecting.wait(400) == 0, (tmp_path / "log").read_text()
        assert_whole(store)
        assert digests(store) == undisturbed
    finally:
        server.kill()
