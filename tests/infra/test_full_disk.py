"""A disk that really fills up: each part of infra names the folder, leaves no rest and loses nothing finished."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from infra.depth import encode_depth
from infra.episodes import list_episodes, read_episode, write_episode
from infra.local_store import LocalStore
from infra.schema import Episode
from infra.store import StoreFullError
from infra.tables import append_rows, read_records, rows_from
from infra.video import encode_video
from tests.recordings import make_recording
from tests.requirements import require

pytestmark = [pytest.mark.slow, pytest.mark.fault]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    require(os.geteuid() == 0 and shutil.which("mount") is not None, "permission to mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("this container may not mount a file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> None:
    """Leave nothing free."""
    with (disk / "fill").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def test_objects_that_were_put_stay_whole(disk: Path) -> None:
    store, kept = LocalStore(disk / "store"), []
    with pytest.raises(StoreFullError, match="100000 bytes are needed"):
        for number in range(20):
            kept.append(store.put_bytes(bytes([number]) * 100_000, "bin"))
    assert len(kept) >= 8
    assert all(store.get_bytes(name) for name in kept)
    assert list(store.scratch().iterdir()) == []


def test_a_video_or_depth_file_that_does_not_fit_is_taken_away(disk: Path) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(StoreFullError, match=str(disk)):
        encode_video(disk / "v.mp4", [rng.integers(0, 255, (128, 224, 3), dtype=np.uint8) for _ in range(60)], 16.0)
    with pytest.raises(StoreFullError, match=str(disk)):
        encode_depth(disk / "d.mkv", [rng.uniform(1, 9, (128, 224)).astype(np.float32) for _ in range(60)], 16.0)
    assert list(disk.iterdir()) == []


def test_an_episode_that_does_not_fit_is_not_listed_and_the_others_stay(disk: Path) -> None:
    store = LocalStore(disk / "store")
    first = write_episode(store, make_recording(0, frames=10))
    fill(disk)
    with pytest.raises(StoreFullError, match="no space left"):
        write_episode(store, make_recording(1, frames=10))
    (disk / "fill").unlink()
    assert list_episodes(store) == [first]
    read_episode(store, first)[1].check_count(10)
    write_episode(store, make_recording(1, frames=10))
    assert len(list_episodes(store)) == 2


def test_tables_take_rows_again_when_there_is_room_again(disk: Path) -> None:
    store, episode = LocalStore(disk / "store"), make_recording(frames=3).episode
    append_rows(store, "episodes", rows_from([episode]))
    fill(disk)
    with pytest.raises(StoreFullError, match=r"no space left in .*tables/episodes"):
        append_rows(store, "episodes", rows_from([episode]))
    (disk / "fill").unlink()
    append_rows(store, "episodes", rows_from([episode]))
    assert read_records(store, "episodes", Episode) == [episode, episode]
