"""Real Minetest recorded: rows, pictures, poses and keys belong together, and a killed game does not stop the next job."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from engine.endpoints import EndpointsConfig
from engine.games.minetest.process import MinetestConfig, MinetestError
from engine.games.minetest.recorder import MinetestRecorder
from engine.games.titles.marker import CELLS, CONTRAST
from engine.job import Job
from engine.record import gather, record_episode
from engine.sync import SyncMeter, measure_sync, poses_at
from engine.synced import LEAST_AGREEMENT, settle_sync
from infra.episodes import Recording, read_episode
from infra.schema import Frames
from infra.schema.episode import UNKNOWN_AGREEMENT
from infra.store import open_store
from tests.engine.games.minetest.conftest import minetest_job
from tests.requirements import require_program

pytestmark = pytest.mark.alone

MakeJob = Callable[..., Job]
CONFIG = MinetestConfig()


@pytest.fixture(scope="module")
def recorder() -> Iterator[MinetestRecorder]:
    for program in (CONFIG.client, CONFIG.server, CONFIG.display):
        require_program(program)
    recorder = MinetestRecorder(CONFIG)
    yield recorder
    recorder.close()


@pytest.fixture(scope="module")
def recording(recorder: MinetestRecorder) -> Recording:
    return gather(recorder, minetest_job())


@pytest.mark.slow
def test_every_row_is_another_frame_a_tick_later(recording: Recording) -> None:
    frames = recording.frames
    assert len(frames) == len(recording.rgb) == 100
    assert (np.diff(frames.tick) > 0).all()
    assert (np.diff(frames.time) > 0).all()
    assert float(np.median(np.diff(frames.time))) / 1e9 == pytest.approx(1 / 16, rel=0.25)
    assert len(set(frames.rgb_sha256)) > 50


@pytest.mark.slow
def test_pictures_show_land_and_no_marker(recording: Recording) -> None:
    assert (recording.rgb.std((1, 2, 3)) > 8).all()
    assert (recording.rgb.mean((1, 2, 3)) > 15).all()
    row = recording.rgb[:, 0, : CELLS * 4].astype(float).mean(-1)  # cells of 8 pixels would be 4 here
    jumps = np.abs(np.diff(row, axis=1)) > CONTRAST
    assert jumps.sum(1).max() < 4, "black beside white squares in the upper row"


@pytest.mark.slow
def test_pixels_and_poses_have_no_lag(recording: Recording) -> None:
    measured = measure_sync(recording.frames, recording.rgb, None)
    assert measured.decided
    assert abs(measured.lag_frames) < 0.5
    assert min(measured.residual_px) < 0.5


@pytest.mark.slow
def test_actions_lead_to_the_next_frame_or_the_episode_says_that_they_were_not_seen_to(recording: Recording) -> None:
    frames, found = recording.frames, recording.episode
    if found.sync_checked and found.action_agreement != UNKNOWN_AGREEMENT:  # else it is too slow here, or changed too little
        assert abs(found.action_lag_frames) < 0.5 and found.action_agreement >= LEAST_AGREEMENT
    walking = np.abs(frames.keyboard[:-1, :4]).any(1)
    moved = np.linalg.norm(np.diff(frames.c2w[:, :3, 3], axis=0), axis=1)
    assert moved[walking].mean() > max(0.05, moved[~walking].mean())


@pytest.mark.slow
def test_wrong_rows_make_the_self_test_collapse(recording: Recording) -> None:
    frames, rows = recording.frames, np.arange(len(recording.frames), dtype=np.float64)
    for shift in (1, -1):
        assert not _passes(recording, dataclasses.replace(frames, c2w=poses_at(frames.c2w, rows + shift)))
    orders = [np.arange(len(frames)) ^ 1, (np.arange(len(frames)) + 1 ^ 1) - 1]  # neighbours, in both ways of pairing them
    orders = [np.clip(order, 0, len(frames) - 1) for order in orders]
    swapped = [dataclasses.replace(frames, keyboard=frames.keyboard[order], mouse=frames.mouse[order]) for order in orders]
    assert not all(_passes(recording, one) for one in swapped), "one way may leave what changes seldom as it was"


def _passes(recording: Recording, frames: Frames) -> bool:
    meter = SyncMeter()
    for i in range(len(frames)):
        meter.add(recording.rgb[i], None, frames.c2w[i], frames.intrinsics[i])
    return settle_sync(frames, meter, "exact").checked


@pytest.mark.slow
def test_an_episode_goes_into_the_store(recorder: MinetestRecorder, job: MakeJob, tmp_path: Path) -> None:
    store = open_store(tmp_path)
    episode = record_episode(store, job(frames=32, scene_seed=12), EndpointsConfig(minetest=CONFIG))
    frames, video, depth = read_episode(store, episode)
    assert episode.frames == len(frames) == len(video) == 32
    assert depth is None
    assert (episode.sync, episode.depth_kind, episode.scale_known) == ("measured", "none", True)
    assert episode.licence.startswith("CC BY-SA")


@pytest.mark.slow
@pytest.mark.fault
@pytest.mark.parametrize("victim", ["client", "server"])
def test_a_game_killed_in_an_episode_is_an_error_and_the_next_job_works(
    recorder: MinetestRecorder, job: MakeJob, victim: str
) -> None:
    state = recorder.reset(job(frames=200, scene_seed=13))
    game = recorder.game
    assert game is not None
    os.kill(psutil.Process(game.pid(victim)).children(recursive=True)[-1].pid, signal.SIGKILL)
    with pytest.raises(MinetestError, match="Minetest"):
        for _ in range(200):
            action = recorder.act(state)
            assert action is not None
            state = recorder.step(*action)
    assert len(gather(recorder, job(frames=16, scene_seed=13)).rgb) == 16


@pytest.mark.slow
def test_nothing_is_left_when_the_recorder_is_closed(job: MakeJob) -> None:
    require_program(CONFIG.client)
    recorder = MinetestRecorder(CONFIG)
    recorder.reset(job(frames=4))
    game = recorder.game
    assert game is not None
    pids = [
        one.pid for name in ("client", "server", "display") for one in psutil.Process(game.pid(name)).children(recursive=True)
    ]
    assert len(pids) == 6, "three programs, and who holds each leash"
    recorder.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not game.folder.exists()
    assert not Path(f"/tmp/.X{game.display[1:]}-lock").exists()


@pytest.mark.slow
@pytest.mark.fault
def test_the_game_ends_with_whoever_started_it(tmp_path: Path) -> None:
    require_program(CONFIG.client)
    told = tmp_path / "pids"
    script = (
        "import os, pathlib, signal, psutil\n"
        "from engine.games.minetest.recorder import MinetestRecorder\n"
        "from tests.engine.games.minetest.conftest import minetest_job\n"
        "recorder = MinetestRecorder()\n"
        "recorder.reset(minetest_job())\n"
        "pids = [one.pid for one in psutil.Process().children(recursive=True)]\n"
        f"pathlib.Path({str(told)!r}).write_text(' '.join(map(str, pids)))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, timeout=150, check=False)
    assert done.returncode == -signal.SIGKILL
    pids = [int(pid) for pid in told.read_text().split()]
    assert len(pids) == 9, "three programs, each on a leash, which is two processes"
    until = time.monotonic() + 20
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(psutil.pid_exists(pid) for pid in pids)
