"""Real Minetest through the four layers while its client, its server and every layer are killed, each once or twice."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from engine.endpoints import EndpointsConfig
from engine.games.layers.coordinator import ATTEMPTS, Coordinator
from engine.games.layers.layer import LayerFailedError
from engine.games.minetest.folder import PREFIX
from engine.games.minetest.process import MinetestConfig
from engine.job import Job
from infra.digest import sha256_of
from infra.episodes import list_episodes, read_episode
from infra.schema import Episode
from infra.store import Store, open_store
from infra.tables import read_records
from tests.engine.games.minetest.conftest import minetest_job
from tests.requirements import require_program

pytestmark = [pytest.mark.slow, pytest.mark.fault, pytest.mark.alone, pytest.mark.timeout(500)]
FRAMES = 24  # of an episode of six seconds: any machine keeps up with four a second
VICTIMS = ("client", "server", "game", "agent", "output")  # and the coordinator below: six of the ten kills that CI has time for


@pytest.fixture
def store(tmp_path: Path) -> Store:
    config = MinetestConfig()
    for program in (config.client, config.server, config.display):
        require_program(program)
    return open_store(tmp_path / "store")


def small_job(number: int) -> Job:
    return minetest_job(scene_seed=20 + 4 * number, frames=FRAMES, width=160, height=90, fps=4)


def assert_whole(store: Store, jobs: list[Job]) -> None:
    """Every job's episode is there once, its video decodes to its rows' count, and every digest matches."""
    rows = read_records(store, "episodes", Episode)
    assert sorted(row.episode_id for row in rows) == sorted(job.episode_id for job in jobs)
    for episode in list_episodes(store):
        for name in (episode.frames_object, episode.video_object, episode.scene_object):
            assert sha256_of(store.local_path(name).read_bytes()) == name.split(".")[0]
        frames, video, depth = read_episode(store, episode)
        assert depth is None and len(frames) == episode.frames == FRAMES
        with video:
            video.check_count(len(frames))


def processes(root: int, name: str) -> list[psutil.Process]:
    """Those under process ``root`` whose program has that name."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [one for one in psutil.Process(root).children(recursive=True) if one.name() == name]
    return []


def victim_of(coordinator: Coordinator, name: str) -> int | None:
    """The process that is to die, once an episode is being recorded: once the game runs and shows its land."""
    if coordinator.game.pid is None or not (clients := processes(coordinator.game.pid, "minetest")):
        return None
    match name:
        case "client":
            return clients[0].pid
        case "server":
            return next((one.pid for one in processes(coordinator.game.pid, "minetestserver")), None)
        case _:
            return getattr(coordinator, name).pid


def is_recording(store: Store) -> bool:
    """Whether the video of an unfinished episode grows."""
    return any(path.stat().st_size > 0 for path in store.scratch().glob("episode-*/video.mp4"))


def wait_for(true: Callable[[], object], over: threading.Event) -> bool:
    while not true():
        if over.wait(0.05):
            return False
    return True


def record(attempt: Callable[[Job], Episode], job: Job) -> str:
    """Try a job again as a collection does after a failure; what failed."""
    failures = ""
    for _ in range(2 * ATTEMPTS):
        try:
            attempt(job)
            return failures
        except LayerFailedError as error:  # MinetestError, or SlowGameError where the machine is busy
            failures += f"{error}\n"
    raise AssertionError(failures)


def test_minetest_and_its_layers_killed_while_they_record_cost_at_most_the_open_episode(store: Store) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed of the moments: {seed}")
    moments = random.Random(seed)
    victims = moments.sample(VICTIMS, len(VICTIMS))
    coordinator, over, killed, failed = Coordinator(store.uri, EndpointsConfig()), threading.Event(), list[str](), 0

    def kill_in_turn() -> None:
        for name in victims:
            if not wait_for(lambda: is_recording(store), over) or over.wait(moments.uniform(0.0, 3.0)):
                return
            if (pid := victim_of(coordinator, name)) is None or not is_recording(store):
                victims.append(name)  # the episode was just over; in the next
                continue
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed.append(name)
            wait_for(lambda: not is_recording(store), over)

    killer = threading.Thread(target=kill_in_turn)
    killer.start()
    jobs: list[Job] = []
    try:
        while killer.is_alive() or not jobs:
            jobs.append(small_job(len(jobs)))
            failed += record(coordinator.record, jobs[-1]).count("MinetestError")
    finally:
        over.set()
        killer.join()
        coordinator.close()
    assert sorted(killed) == sorted(VICTIMS), f"seed {seed}"
    assert failed == 2, "the game's own end is a failure: client and server"
    assert_whole(store, jobs)


COORDINATOR = """
import sys
from engine.endpoints import EndpointsConfig
from engine.games.layers.coordinator import record_game
from tests.engine.games.layers.test_minetest_faults import record, small_job

if __name__ == "__main__":
    for number in range(2):
        record(lambda job: record_game(sys.argv[1], job, EndpointsConfig()), small_job(number))
"""


def test_a_killed_coordinator_takes_minetest_along_and_is_continued(store: Store, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed of the moment: {seed}")
    script = tmp_path / "coordinate.py"
    script.write_text(COORDINATOR)
    settings = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[4]), "TMPDIR": str(tmp_path)}
    line = [sys.executable, str(script), store.uri]
    with subprocess.Popen(line, env=settings) as coordinating:
        until = time.monotonic() + 120
        while not is_recording(store):
            assert time.monotonic() < until and coordinating.poll() is None
            time.sleep(0.05)
        time.sleep(random.Random(seed).uniform(0.0, 3.0))
        children = psutil.Process(coordinating.pid).children(recursive=True)
        assert {"minetest", "minetestserver", "Xvfb"} <= {child.name() for child in children}
        coordinating.kill()
    _, alive = psutil.wait_procs(children, 30)
    assert not alive, f"{alive} outlive their coordinator"
    subprocess.run(line, env=settings, timeout=300, check=True)
    assert_whole(store, [small_job(0), small_job(1)])
    assert not list(tmp_path.glob(f"{PREFIX}*")), "its folders are swept"
