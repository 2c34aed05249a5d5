import dataclasses
import logging
import multiprocessing
import os
import random
import signal
import time

import numpy as np
import pytest

from infra.digest import sha256_of
from infra.episodes import (
    Recording,
    find_episode,
    list_episodes,
    put_recording,
    read_episode,
    read_scene,
    write_episode,
)
from infra.errors import CorruptObjectError, DamagedVideoError, MissingObjectError
from infra.store import Store, open_store
from infra.tables import append_rows, rows_from
from tests.recordings import SCENE, make_recording


@pytest.fixture(scope="module")
def recording() -> Recording:
    return make_recording(frames=40)


def test_an_episode_comes_back_as_it_was_recorded(store: Store, recording: Recording) -> None:
    written = write_episode(store, recording)
    assert list_episodes(store) == [written]
    assert find_episode(store, written.episode_id) == written
    frames, video, depth = read_episode(store, written)
    for field in dataclasses.fields(frames):
        assert np.array_equal(getattr(frames, field.name), getattr(recording.frames, field.name)), field.name
    pictures = video.decode_range(0, 40)
    assert np.abs(pictures.astype(int) - recording.rgb).mean() < 8
    assert depth is not None
    assert np.allclose(depth.decode_range(0, 40), 9.0, rtol=1e-4)
    assert read_scene(store, written) == SCENE


def test_an_episode_without_depth_has_no_depth(local_store: Store) -> None:
    written = write_episode(local_store, make_recording(frames=5, depth_metres=None))
    assert written.depth_object == ""
    assert read_episode(local_store, written)[2] is None


def test_writing_again_changes_nothing(local_store: Store, recording: Recording) -> None:
    assert write_episode(local_store, recording) == write_episode(local_store, recording)
    assert len(list_episodes(local_store)) == 1


def test_the_same_recording_gives_the_same_objects_anywhere(local_store: Store, tmp_path_factory: pytest.TempPathFactory) -> None:
    recording = make_recording(frames=20)
    other = open_store(tmp_path_factory.mktemp("other"))
    assert put_recording(local_store, recording) == put_recording(other, recording)


def test_nothing_is_visible_before_the_row(local_store: Store, recording: Recording) -> None:
    put_recording(local_store, recording)
    assert list_episodes(local_store) == []


def test_episodes_are_listed_by_id_and_picked_by_sql(local_store: Store) -> None:
    for seed, split in ((1, "train"), (2, "test"), (3, "train")):
        write_episode(local_store, make_recording(seed, frames=3, split=split))  # type: ignore[arg-type]
    ids = [episode.episode_id for episode in list_episodes(local_store)]
    assert ids == sorted(ids)
    assert [episode.seed for episode in list_episodes(local_store, "split = 'test' AND fps = 16")] == [2]
    with pytest.raises(ValueError, match="query"):
        list_episodes(local_store, "no such column = 1")


def test_twins_count_once_and_are_reported(local_store: Store, recording: Recording, caplog: pytest.LogCaptureFixture) -> None:
    first = write_episode(local_store, recording)
    append_rows(local_store, "episodes", rows_from([dataclasses.replace(first, weather="rain")]))
    with caplog.at_level(logging.WARNING):
        assert list_episodes(local_store) == [first]
    assert "1 episodes more than once" in caplog.text


def test_pictures_that_are_not_the_hashed_ones_are_refused(local_store: Store, recording: Recording) -> None:
    rgb = recording.rgb.copy()
    rgb[7, 0, 0, 0] ^= 1
    with pytest.raises(ValueError, match="picture 7 is not the one"):
        write_episode(local_store, dataclasses.replace(recording, rgb=rgb))
    with pytest.raises(ValueError, match="40 rows"):
        write_episode(local_store, dataclasses.replace(recording, rgb=rgb[:39]))
    assert recording.depth is not None
    with pytest.raises(ValueError, match="depth is"):
        write_episode(local_store, dataclasses.replace(recording, depth=recording.depth[1:]))
    assert list_episodes(local_store) == []


def test_counts_that_differ_and_objects_that_are_gone_are_named(local_store: Store, recording: Recording) -> None:
    written = write_episode(local_store, recording)
    with pytest.raises(DamagedVideoError, match=f"{written.episode_id}.*40 frames, its row says 39"):
        read_episode(local_store, dataclasses.replace(written, frames=39))
    local_store.local_path(written.depth_object).write_bytes(b"cut")
    with pytest.raises(CorruptObjectError, match=written.depth_object):
        read_episode(local_store, written)
    local_store.local_path(written.video_object).unlink()
    with pytest.raises(MissingObjectError, match=written.video_object):
        read_episode(local_store, written)


def _write_for_ever(uri: str) -> None:
    store = open_store(uri)
    for seed in range(1000):
        write_episode(store, make_recording(seed, frames=20))


@pytest.mark.slow
@pytest.mark.fault
def test_whatever_was_listed_is_whole_after_kills_at_random_moments(local_store: Store) -> None:
    context, rng = multiprocessing.get_context("spawn"), random.Random(0)
    for _ in range(6):
        process = context.Process(target=_write_for_ever, args=(local_store.uri,))
        before = len(list_episodes(local_store))
        process.start()
        deadline = time.monotonic() + 30
        while len(list_episodes(local_store)) == before and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(rng.uniform(0, 0.3))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    episodes = list_episodes(local_store)
    assert [episode.seed for episode in sorted(episodes, key=lambda episode: episode.seed)] == list(range(len(episodes)))
    assert len(episodes) >= 6
    for episode in episodes:
        frames, video, depth = read_episode(local_store, episode)
        assert depth is not None
        video.check_count(20)
        depth.check_count(20)
        for name in (episode.frames_object, episode.video_object, episode.depth_object, episode.scene_object):
            assert sha256_of(local_store.get_bytes(name)) == name[:64]
        assert frames.rgb_sha256 == make_recording(episode.seed, frames=20).frames.rgb_sha256
