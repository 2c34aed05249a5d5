"""The four layers around a real ViZDoom: the same episodes as in one process, and any layer may die."""

import dataclasses
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from engine.endpoints import EndpointsConfig
from engine.games.doom import FPS
from engine.games.layers.coordinator import ATTEMPTS, Coordinator, record_game
from engine.games.layers.layer import Layer
from engine.games.layers.ring import PREFIX
from engine.job import Job
from engine.record import record_job
from infra.episodes import list_episodes, read_episode, read_masks
from infra.schema import Episode
from infra.store import Store, open_store
from infra.tables import read_records
from tests.engine.games.titles.playing import poll

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]
KILLS = 5  # of each layer
LAYERS = ("game", "agent", "output")


def doom_job(number: int, frames: int = 40) -> Job:
    return Job(
        source="vizdoom", family="doom", split="train", scene_seed=4 * number, walk="explore", seed=number % 2,
        frames=frames, width=160, height=90, fps=FPS, renderer="vizdoom",
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture
def coordinator(store: Store) -> Iterator[Coordinator]:
    made = Coordinator(store.uri, EndpointsConfig())
    yield made
    made.close()


def assert_whole(store: Store, jobs: list[Job]) -> None:
    """Every job's episode is there once, its videos decode to its rows' count, and every digest matches."""
    rows = read_records(store, "episodes", Episode)
    assert sorted(row.episode_id for row in rows) == sorted(job.episode_id for job in jobs)
    for episode in list_episodes(store):
        frames, video, depth = read_episode(store, episode)
        assert depth is not None and len(frames) == episode.frames
        with video, depth:
            video.check_count(len(frames))
            depth.check_count(len(frames))


def test_layers_record_the_very_frames_of_one_process(store: Store, coordinator: Coordinator) -> None:
    for number in range(2):
        episode = coordinator.record(doom_job(number))
        layered, _, _ = read_episode(store, episode)
        alone = record_job(doom_job(number))
        assert layered.rgb_sha256 == alone.frames.rgb_sha256
        assert (layered.c2w == alone.frames.c2w).all() and (layered.mouse == alone.frames.mouse).all()
        assert (layered.keyboard == alone.frames.keyboard).all() and (layered.tick == alone.frames.tick).all()
        unwritten = dict.fromkeys(("frames_object", "video_object", "depth_object", "mask_object", "scene_object"), "")
        assert dataclasses.asdict(episode) | unwritten == dataclasses.asdict(alone.episode)
        masked = read_masks(store, episode)
        assert masked is not None and alone.mask is not None
        with masked[0] as masks:
            assert (masks.decode_range(0, len(masks)) == alone.mask).all()
        assert {str(thing): name for thing, name in masked[1].items()} == alone.scene["mask_names"]
    assert [layer.starts for layer in coordinator.layers] == [1, 1, 1], "layers stay up from job to job"
    assert len({os.getpid(), *(layer.pid for layer in coordinator.layers)}) == 4, "each layer is a process of its own"


def test_an_episode_that_is_there_is_not_recorded_again(store: Store) -> None:
    first = record_game(store.uri, doom_job(0, 5), EndpointsConfig())
    assert record_game(store.uri, doom_job(0, 5), EndpointsConfig()) == first
    assert len(read_records(store, "episodes", Episode)) == 1


def test_what_a_layer_cannot_do_is_said_and_the_next_episode_works(store: Store, coordinator: Coordinator) -> None:
    with pytest.raises(ValueError, match=r"17\.5"):
        coordinator.record(dataclasses.replace(doom_job(0, 5), fps=16.0))
    coordinator.record(doom_job(1, 5))
    assert_whole(store, [doom_job(1, 5)])


def _kill(layer: Layer) -> bool:
    """Whether there was a process to kill."""
    pid = layer.pid
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.fault
def test_layers_killed_at_random_moments_cost_at_most_the_open_episode(store: Store, coordinator: Coordinator) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed of the moments: {seed}")
    moments = random.Random(seed)
    victims = [name for name in LAYERS for _ in range(KILLS)]
    moments.shuffle(victims)
    killed: list[str] = []
    jobs: list[Job] = []
    hit: Counter[int] = Counter()  # by how many jobs were begun
    over = threading.Event()

    def kill_layers() -> None:
        for name in victims:
            frame = coordinator._sequence
            while (coordinator._sequence == frame or hit[len(jobs)] == ATTEMPTS - 1) and not over.is_set():
                time.sleep(0.05)  # it does not record again yet, or would give this episode up
            if over.wait(moments.uniform(0.0, 1.5)):
                return
            hit[len(jobs)] += 1
            while not _kill(getattr(coordinator, name)) and not over.is_set():
                time.sleep(0.05)  # it is being started anew
            killed.append(name)

    killer = threading.Thread(target=kill_layers)
    killer.start()
    try:
        while killer.is_alive():
            jobs.append(doom_job(len(jobs)))
            finished = {episode.episode_id for episode in list_episodes(store)}
            coordinator.record(jobs[-1])
            assert finished < {episode.episode_id for episode in list_episodes(store)}
    finally:
        over.set()
        killer.join()
    assert sorted(killed) == sorted(victims), f"seed {seed}"
    assert_whole(store, jobs)
    undisturbed = record_job(jobs[0])
    first = next(one for one in list_episodes(store) if one.episode_id == jobs[0].episode_id)
    assert read_episode(store, first)[0].rgb_sha256 == undisturbed.frames.rgb_sha256


def _lives(process: psutil.Process) -> bool:
    """Whether it does anything: nobody may reap what outlives its parent here."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait_for_end(processes: list[psutil.Process]) -> None:
    poll(lambda: not any(map(_lives, processes)) or None)


COORDINATOR = """
import sys
from engine.endpoints import EndpointsConfig
from engine.games.layers.coordinator import record_game
from tests.engine.games.layers.test_layers import doom_job

if __name__ == "__main__":
    for number in range(int(sys.argv[2])):
        record_game(sys.argv[1], doom_job(number), EndpointsConfig())
"""


@pytest.mark.fault
def test_a_killed_coordinator_takes_its_layers_along_and_is_continued(store: Store, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed of the moments: {seed}")
    moments = random.Random(seed)
    script = tmp_path / "coordinate.py"
    script.write_text(COORDINATOR)
    settings = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[4])}
    line, rings = [sys.executable, str(script), store.uri], set[str]()
    for _ in range(KILLS):
        asked = len(list_episodes(store)) + 8  # more than it records in the moment it has
        with subprocess.Popen([*line, str(asked)], env=settings) as coordinating:
            rings.add(poll(partial(_ring_of, psutil.Process(coordinating.pid))))  # it is at work
            time.sleep(moments.uniform(0.0, 1.0))
            children = psutil.Process(coordinating.pid).children(recursive=True)
            coordinating.kill()
        _wait_for_end(children)
    assert subprocess.run([*line, str(asked)], env=settings, timeout=200, capture_output=True).returncode == 0
    assert_whole(store, [doom_job(number) for number in range(asked)])
    assert len(rings) == KILLS and not rings & {path.name for path in Path("/dev/shm").iterdir()}, (
        "rings outlive their coordinator"
    )


def _ring_of(coordinator: psutil.Process) -> str | None:
    names = (Path(file.path).name for file in coordinator.open_files())
    return next((name for name in names if name.startswith(PREFIX)), None)


def test_what_the_output_cannot_write_is_said_and_the_next_episode_works(store: Store, coordinator: Coordinator) -> None:
    with pytest.raises(ValueError, match="odd"):
        coordinator.record(dataclasses.replace(doom_job(1, 3), width=15, height=9))
    coordinator.record(doom_job(2, 3))
    assert_whole(store, [doom_job(2, 3)])
