"""Streaming: an episode goes to the store while it is recorded; memory stays bounded, a crash leaves nothing to see."""

import dataclasses
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.job import Job, Source
from engine.record import record_episode, record_job, stream, waits_for_us
from engine.recorder import SourceFacts, State
from infra.episode_stream import sweep_unfinished
from infra.episodes import list_episodes, read_episode, read_masks, write_episode
from infra.errors import CorruptObjectError
from infra.store import open_store
from tests.engine.jobs import MakeJob


class Painter:
    """A recorder that paints noise, a slope and stripes; it needs no renderer."""

    def __init__(self, fail_at: int = -1) -> None:
        self.fail_at = fail_at

    def reset(self, job: Job) -> State:
        self.job, self.noise = job, np.random.default_rng(job.seed).integers(0, 99, (job.height, job.width, 3), np.uint8)
        return self._state(0)

    def act(self, state: State) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
        return None if state.tick == self.job.frames else (np.zeros(6, np.int8), np.zeros(2, np.float32))

    def step(self, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> State:
        return self._state(self.tick + 1)

    def facts(self) -> SourceFacts:
        names: dict[str, Any] = {"mask_names": {"1": "left half", "40000": "right half"}}
        return SourceFacts(
            scene_id="s", weather="", depth_kind="exact", scale_known=True, licence="CC0-1.0", redistributable=True,
            commercial_ok=True, source_url="", scene=names,
        )  # fmt: skip

    def close(self) -> None: ...

    def _state(self, tick: int) -> State:
        self.tick = tick
        if tick == self.fail_at:
            raise RuntimeError("the source broke")
        size = (self.job.height, self.job.width)
        mask = np.full(size, 1, np.uint16)
        mask[:, tick % size[1] :] = 40000
        return State(
            tick=tick, seconds=tick / self.job.fps, rgb=self.noise + np.uint8(tick % 99),
            depth=np.full(size, 1.0 + tick, np.float32), c2w=np.eye(4), intrinsics=np.ones(4), raw_pose=np.zeros(1),
            collided=False, mask=mask,
        )  # fmt: skip


def test_streaming_writes_the_very_objects_that_recording_in_memory_does(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(renderer="software", frames=20)
    streamed = record_episode(open_store(tmp_path / "a"), job)
    assert streamed == write_episode(open_store(tmp_path / "b"), record_job(job))
    assert record_episode(open_store(tmp_path / "a"), job) == streamed
    assert list_episodes(open_store(tmp_path / "a")) == [streamed]


def test_masks_come_back_to_the_bit_with_their_names(make_job: MakeJob, tmp_path: Path) -> None:
    store, job = open_store(tmp_path), make_job(frames=18)
    episode = stream(Painter(), job, store)
    found = read_masks(store, episode)
    assert found is not None and found[1] == {1: "left half", 40000: "right half"}
    masks = found[0].decode_range(0, 18)
    assert masks.dtype == np.uint16 and (masks == 40000).sum() == sum(128 * (224 - tick) for tick in range(18))
    depth = read_episode(store, episode)[2]
    assert depth is not None and np.allclose(depth.decode([17]), 18.0, rtol=1e-4)
    assert read_masks(store, dataclasses.replace(episode, mask_object="")) is None


@pytest.mark.parametrize("names", [None, ["a"], {"a": "tree"}, {"70000": "tree"}, {"0": "tree"}, {"1": 2}])
def test_names_of_masks_that_are_none_are_said_to_be_damaged(make_job: MakeJob, tmp_path: Path, names: object) -> None:
    store = open_store(tmp_path)
    episode = stream(Painter(), make_job(frames=2), store)
    scene = store.put_bytes(json.dumps({"mask_names": names}).encode(), ".json")
    with pytest.raises(CorruptObjectError, match="mask_names in its scene"):
        read_masks(store, dataclasses.replace(episode, scene_object=scene))


def test_a_source_that_breaks_leaves_nothing(make_job: MakeJob, tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(RuntimeError, match="the source broke"):
        stream(Painter(fail_at=30), make_job(frames=40), store)
    assert list_episodes(store) == [] and list(store.scratch().iterdir()) == [] and not (tmp_path / "objects").exists()


def test_frames_that_change_their_size_or_lose_their_depth_are_refused(make_job: MakeJob, tmp_path: Path) -> None:
    class Fickle(Painter):
        def __init__(self, **change: Any) -> None:
            super().__init__()
            self.change = change

        def step(self, keyboard: NDArray[np.int8], mouse: NDArray[np.float32]) -> State:
            return dataclasses.replace(super().step(keyboard, mouse), **self.change)

    small = np.ones((2, 2), np.float32)
    for recorder, words in ((Fickle(depth=None), "frame 1 brings video, mask"), (Fickle(depth=small), "depth is")):
        with pytest.raises(ValueError, match=words):
            stream(recorder, make_job(frames=4), open_store(tmp_path))


KILLED = """
import os, pickle, signal, sys
from engine.record import stream
from infra.store import open_store
from tests.engine.test_stream import Painter
class Killed(Painter):
    def _state(self, tick):
        if tick == 30:
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._state(tick)
stream(Killed(), pickle.loads(bytes.fromhex(sys.argv[2])), open_store(sys.argv[1]))
"""


@pytest.mark.fault
def test_what_a_killed_process_left_is_swept_when_the_next_one_starts(make_job: MakeJob, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    arguments = [sys.executable, "-c", KILLED, str(tmp_path), pickle.dumps(make_job(frames=40)).hex()]
    assert subprocess.run(arguments, cwd=root, check=False).returncode == -9
    store = open_store(tmp_path)
    assert len(list(store.scratch().glob("episode-*"))) == 1 and list_episodes(store) == []
    episode = stream(Painter(), make_job(frames=40), store)
    assert list_episodes(store) == [episode] and list(store.scratch().glob("episode-*")) == []


def test_files_of_a_recording_that_goes_on_are_not_swept(make_job: MakeJob, tmp_path: Path) -> None:
    store = open_store(tmp_path)

    class Swept(Painter):
        def _state(self, tick: int) -> State:
            assert sweep_unfinished(store.scratch()) == 0
            return super()._state(tick)

    stream(Swept(), make_job(frames=5), store)
    assert len(list_episodes(store)) == 1


MEASURED = """
import pickle, resource, sys
from engine.record import stream
from infra.store import open_store
from tests.engine.test_stream import Painter
jobs = pickle.loads(bytes.fromhex(sys.argv[2]))
for job in jobs:
    stream(Painter(), job, open_store(sys.argv[1]))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_length_of_an_episode(make_job: MakeJob, tmp_path: Path) -> None:
    jobs = [make_job(frames=frames, width=640, height=360, fps=30.0) for frames in (20, 40, 240)]
    arguments = [sys.executable, "-c", MEASURED, str(tmp_path), pickle.dumps(jobs).hex()]
    shown = subprocess.run(arguments, cwd=Path(__file__).resolve().parents[2], check=True, capture_output=True, text=True).stdout
    kilobytes = [int(line) for line in shown.split()]
    raw = 200 * 640 * 360 * (3 + 4 + 2) / 1024  # what the longer episode would add in memory: 405 MB
    assert kilobytes[2] - kilobytes[1] < 0.1 * raw


@pytest.mark.parametrize(
    ("source", "family", "waits"),
    [
        ("embedded", "park", True),
        ("vizdoom", "doom", True),
        ("unreal", "park", True),
        ("unreal", "/Game/Maps/Town", False),
        ("minetest", "minetest", False),
        ("palworld", "palworld", False),
    ],
)
def test_only_worlds_that_wait_are_encoded_with_patience(source: Source, family: str, waits: bool, make_job: MakeJob) -> None:
    assert waits_for_us(make_job(source=source, family=family)) is waits


@pytest.mark.skipif(sys.platform != "linux", reason="only there has a thread a niceness of its own")
def test_a_clock_that_waits_for_nobody_is_not_encoded_with_patience(
    make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nicer: list[int] = []
    monkeypatch.setattr("os.setpriority", lambda which, thread, niceness: nicer.append(niceness))
    stream(Painter(), make_job(source="minetest", frames=12), open_store(tmp_path / "clock"))
    assert not nicer
    stream(Painter(), make_job(frames=12), open_store(tmp_path / "lock-step"))
    assert len(nicer) == 4, "three encoders and the sync meter"
