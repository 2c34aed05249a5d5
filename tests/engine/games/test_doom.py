"""ViZDoom through the same protocol: lock-step, repeatable, with poses and depth that agree with the pixels."""

import mmap
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.games.doom import (
    FPS,
    Array,
    VizdoomRecorder,
    c2w_from_doom,
    doom_depth,
    doom_intrinsics,
    doom_map,
    doom_pose,
    doom_screen,
    sweep_leftovers,
)
from engine.games.explorer import DepthExplorer
from engine.job import Job, scene_seed
from engine.record import gather, record_job
from infra.dynamics import pitch_and_yaw
from infra.schema.episode import Split
from tests.engine.jobs import MakeJob


@pytest.fixture
def doom_job(make_job: MakeJob) -> MakeJob:
    def make(**changes: Any) -> Job:
        fixed: dict[str, Any] = {"source": "vizdoom", "family": "doom", "fps": FPS, "renderer": "vizdoom", "frames": 60}
        return make_job(**(fixed | {"scene_seed": scene_seed("doom", "train", 1, 0)} | changes))

    return make


@given(pose=st.tuples(*[st.floats(-4000, 4000)] * 3, st.floats(0, 359.9)))
def test_doom_poses_round_trip(pose: tuple[float, float, float, float]) -> None:
    c2w = c2w_from_doom(np.array(pose))
    assert np.allclose(doom_pose(c2w), pose, atol=1e-6) or np.isclose(abs(doom_pose(c2w)[3] - pose[3]), 360)
    assert np.isclose(np.linalg.det(c2w[:3, :3]), 1)


def test_angle_zero_looks_along_x_and_grows_to_the_left() -> None:
    _, yaw = pitch_and_yaw(c2w_from_doom(np.array([0, 0, 0, 0.0])))
    _, left = pitch_and_yaw(c2w_from_doom(np.array([0, 0, 0, 10.0])))
    assert np.isclose(yaw, 90) and np.isclose(left, 80)


def test_splits_never_share_a_map(make_job: MakeJob) -> None:
    splits: tuple[Split, ...] = ("train", "val", "test")
    maps = {
        split: {doom_map(make_job(split=split, scene_seed=scene_seed("doom", split, i, 0))) for i in range(60)}
        for split in splits
    }
    assert not maps["train"] & maps["test"] and not maps["train"] & maps["val"] and not maps["val"] & maps["test"]


def test_depth_levels_become_metres_and_the_last_level_is_unknown() -> None:
    levels = np.array([[0, 255], [100, 10]], np.uint8).repeat(2, 0).repeat(2, 1)
    depth = doom_depth(levels, 2, 2)
    assert np.isinf(depth[0, 1]) and np.isclose(depth[1, 0], 100.5 * 7.5 / 32)


def test_the_explorer_turns_away_from_a_near_wall_but_not_for_ever() -> None:
    explorer = DepthExplorer([1])
    near = np.full((128, 224), 0.8, np.float32)
    near[:, 112:] = 1.4
    rows = [explorer.act(near) for _ in range(200)]
    yaw = np.array([mouse[1] for _, mouse in rows])
    assert (yaw[:12] > 0).all()  # the right side is more open
    assert any(keyboard[:4].any() for keyboard, _ in rows)


def test_doom_records_the_same_twice_in_lock_step(doom_job: MakeJob) -> None:
    first, again = record_job(doom_job()), record_job(doom_job())
    assert first.frames.rgb_sha256 == again.frames.rgb_sha256
    assert (np.diff(first.frames.tick) == 2).all()
    assert first.episode.depth_kind == "coarse" and first.episode.sync == "exact"
    assert np.allclose(pitch_and_yaw(first.frames.c2w)[0], 0)


def test_an_episode_ends_when_the_player_dies(doom_job: MakeJob) -> None:
    dies = doom_job(scene_seed=7644303833391686368, seed=1, frames=450, width=640, height=360)  # walks through slime
    assert doom_map(dies) == "MAP21"
    recording = record_job(dies)
    assert 300 < len(recording.frames) < 450 and len(recording.rgb) == len(recording.frames)
    assert len(record_job(doom_job(frames=4)).frames) == 4, "the game goes on"


def test_turns_follow_the_mouse_and_pixels_follow_the_pose(doom_job: MakeJob) -> None:
    recording = record_job(doom_job(frames=160))
    frames = recording.frames
    assert recording.depth is not None
    yaw = np.degrees(np.unwrap(np.radians(pitch_and_yaw(frames.c2w)[1])))
    assert np.allclose(np.diff(yaw), frames.mouse[:-1, 1] * 15, atol=0.02)
    fx, fy, cx, cy = doom_intrinsics(224, 128)
    v, u = np.mgrid[0:128, 0:224] + 0.5
    warped, still = [], []
    for now, later in zip(range(10, 150, 10), range(14, 154, 10), strict=True):
        depth = recording.depth[now]
        points = np.stack([(u - cx) / fx * depth, (v - cy) / fy * depth, depth], -1)[np.isfinite(depth)]
        move = np.linalg.inv(frames.c2w[later]) @ frames.c2w[now]
        seen = points @ move[:3, :3].T + move[:3, 3]
        column, row = seen[:, 0] / seen[:, 2] * fx + cx, seen[:, 1] / seen[:, 2] * fy + cy
        inside = (seen[:, 2] > 0.3) & (column > 0) & (column < 224) & (row > 0) & (row < 128)
        found = recording.rgb[later][row[inside].astype(int), column[inside].astype(int)].astype(int)
        there = recording.rgb[now][np.isfinite(depth)][inside].astype(int)
        warped.append(np.median(np.abs(found - there)))
        still.append(np.median(np.abs(recording.rgb[later].astype(int) - recording.rgb[now])))
    assert np.mean(warped) < 0.6 * np.mean(still)


def test_a_number_in_the_masks_is_one_thing_that_stays_where_it_is(doom_job: MakeJob) -> None:
    recording = record_job(doom_job(width=640, height=360, seed=1, frames=120))
    assert recording.mask is not None and recording.depth is not None
    names = {int(number): name for number, name in recording.scene["mask_names"].items()}
    assert {"Medikit_8", "RedCard_3"} <= set(names.values())
    places: dict[int, list[Array]] = {}
    for mask, depth, c2w in zip(recording.mask, recording.depth, recording.frames.c2w, strict=True):
        numbers, pixels = np.unique(mask[np.isfinite(depth)], return_counts=True)
        for number in set(numbers[pixels >= 20].tolist()) - {0}:  # of a few pixels, the depth may be of what is behind
            places.setdefault(number, []).append(middle((mask == number) & np.isfinite(depth), depth, c2w))
    assert set(places) <= set(names) and sum(map(len, places.values())) > 400
    for number, found in places.items():
        strayed = np.linalg.norm(found - np.median(found, axis=0), axis=1)
        assert strayed.max() < 0.8, f"{names[number]} is drawn as a sprite less than a metre wide"


def middle(pixels: NDArray[np.bool_], depth: NDArray[np.float32], c2w: Array) -> Array:
    """Where in the world the middle of some pixels of a 640x360 frame lies."""
    fx, fy, cx, cy = doom_intrinsics(640, 360)
    row, column = (np.argwhere(pixels) + 0.5).mean(axis=0)
    z = float(np.median(depth[pixels]))
    there: Array = c2w[:3, :3] @ (z * np.array([(column - cx) / fx, (row - cy) / fy, 1])) + c2w[:3, 3]
    return there


def test_small_masks_hold_the_pixels_of_large_ones(doom_job: MakeJob) -> None:
    large, small = (record_job(doom_job(width=w, height=h, seed=1, frames=12)).mask for w, h in ((640, 360), (320, 180)))
    assert large is not None and small is not None and small.any()
    assert (small == large[:, 1::2, 1::2]).all()


def test_names_of_things_are_of_the_episode_alone(doom_job: MakeJob) -> None:
    many, few = doom_job(seed=1, frames=8), doom_job(scene_seed=scene_seed("doom", "train", 2, 0), seed=1, frames=8)
    recorder = VizdoomRecorder()
    try:
        before, after = gather(recorder, many).scene, gather(recorder, few).scene
    finally:
        recorder.close()
    assert len(before["mask_names"]) > len(after["mask_names"]) > 0 and after == record_job(few).scene


def test_a_game_ends_without_a_word_after_many_maps(doom_job: MakeJob, capfd: pytest.CaptureFixture[str]) -> None:
    recorder = VizdoomRecorder()
    for number in range(4):  # then it crashes when it is asked to end
        gather(
            recorder, doom_job(scene_seed=scene_seed("doom", "train", number, 0), seed=number, frames=150, width=640, height=360)
        )
    recorder.close()
    time.sleep(0.5)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
def test_large_pictures_are_drawn_not_enlarged_and_show_what_small_ones_do(doom_job: MakeJob, size: tuple[int, int]) -> None:
    small, large = (record_job(doom_job(width=w, height=h, frames=12, seed=0)) for w, h in ((640, 360), size))
    times = size[0] // 640
    rows = large.rgb[0].reshape(360, times, -1, 3).astype(int)
    assert np.abs(np.diff(rows, axis=1)).mean() > 0.5, "no row is a copy of the one above"
    assert (small.frames.raw_pose[0] == large.frames.raw_pose[0]).all()
    assert np.abs(large.rgb[0, times // 2 :: times, times // 2 :: times].astype(int) - small.rgb[0]).mean() < 3
    assert small.depth is not None and large.depth is not None
    far = np.isfinite(small.depth[0]) & (small.depth[0] > 2)
    ratio = large.depth[0, times // 2 :: times, times // 2 :: times][far] / small.depth[0][far]
    assert np.median(ratio) == pytest.approx(1, abs=0.05)
    assert large.frames.intrinsics[0] == pytest.approx(small.frames.intrinsics[0] * times)


def test_more_than_the_game_draws_is_refused(doom_job: MakeJob) -> None:
    assert doom_screen(224, 128) == doom_screen(640, 360) == (640, 360)
    assert doom_screen(642, 360) == (1280, 720)
    with pytest.raises(ValueError, match="at most 1920x1080, not 2560x1440"):
        record_job(doom_job(width=2560, height=1440))


def test_doom_refuses_a_frame_rate_that_is_not_its_own(doom_job: MakeJob) -> None:
    with pytest.raises(ValueError, match=r"17\.5"):
        record_job(doom_job(fps=16.0))


KILLED = """
import os, pickle, signal, sys
from pathlib import Path
from engine.record import gather, record_job

record_job(pickle.loads(bytes.fromhex(sys.argv[1])))
mine = f"PPid:\\t{os.getpid()}\\n"
print(*[folder.name for folder in Path("/proc").glob("[0-9]*") if mine in (folder / "status").read_text()], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_recorder_takes_its_game_along(doom_job: MakeJob) -> None:
    job = pickle.dumps(doom_job(frames=4)).hex()
    done = subprocess.run([sys.executable, "-c", KILLED, job], capture_output=True, text=True, timeout=100, check=False)
    games = [Path("/proc") / pid for pid in done.stdout.split()]
    assert games, done.stderr
    deadline = time.monotonic() + 20
    while any(map(runs, games)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(runs, games))


def runs(process: Path) -> bool:
    """Whether a process is there and no zombie that nobody has reaped yet."""
    try:
        return "State:\tZ" not in (process / "status").read_text()
    except OSError:
        return False


def test_shared_memory_of_killed_games_is_swept_and_that_of_living_ones_left(tmp_path: Path) -> None:
    left, used, young, other = (tmp_path / name for name in ("ViZDoomMQCtrLeft", "ViZDoomMQCtrUsed", "ViZDoomNew", "other"))
    for path in (left, used, young, other):
        path.write_bytes(b"x")
    for path in (left, used, other):
        os.utime(path, (time.time() - 3600,) * 2)
    with used.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ):
        assert sweep_leftovers(tmp_path) == 1
    assert sorted(tmp_path.iterdir()) == sorted([used, young, other])
