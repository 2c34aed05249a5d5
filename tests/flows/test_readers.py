"""Verbs that only look leave a store as it was, also one on a disk that cannot be written."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flows.verbs import run_command
from infra.episode_stream import EpisodeStream
from infra.episodes import list_episodes, write_episode
from infra.store import open_store
from infra.tables import append_rows, rows_from
from tests.infra.test_stage import Counter, count
from tests.recordings import make_recording
from tests.requirements import require

LOOKING = (["episodes"], ["episodes", "--json"], ["datasets"], ["releases"], ["lineage"], ["doctor"], ["show", "{episode}"])


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A store with an episode, a stage, and what a writer left that was killed two days ago."""
    store = open_store(tmp_path / "home" / "store")
    recording = make_recording(1, frames=4)
    write_episode(store, replace(recording, scene=recording.scene | {"objects": []}))
    count(store, Counter())
    left = store.scratch() / "1-a.part"
    left.write_bytes(b"half")
    os.utime(left, (time.time() - 2 * 24 * 3600,) * 2)
    return tmp_path / "home"


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder with its size and time."""
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in (folder, *folder.rglob("*"))}


def look(home: Path, page: Path) -> None:
    """Run every verb that only looks."""
    episode = list_episodes(open_store(home / "store"))[0].episode_id
    for verb, *rest in LOOKING:
        place = ["--home", str(home)] if verb == "doctor" else ["--home", str(home), "--store", str(home / "store")]
        out = ["--out", str(page)] if verb == "show" else []
        status = run_command([verb, *(word.format(episode=episode) for word in rest), *place, *out])
        assert status == 0 or verb == "doctor", verb  # it says what this machine lacks


def test_verbs_that_look_write_and_delete_nothing(filled: Path, tmp_path: Path) -> None:
    before = listing(filled)
    look(filled, tmp_path / "page.html")
    assert listing(filled) == before


@pytest.fixture
def mounted(filled: Path, tmp_path: Path) -> Iterator[Path]:
    """The same, mounted read-only."""
    require(os.geteuid() == 0 and shutil.which("mount") is not None, "permission to mount a folder read-only")
    folder = tmp_path / "mounted"
    folder.mkdir()
    if subprocess.run(["mount", "--bind", "-o", "ro", filled, folder], capture_output=True).returncode:
        pytest.skip("this container may not mount a folder")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_store_that_cannot_be_written_can_be_looked_at(
    mounted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    look(mounted, tmp_path / "page.html")
    capsys.readouterr()
    assert run_command(["collect", "--source", "embedded", "--hours", "0.001", "--out", str(mounted / "store")]) == 2
    assert "Read-only file system" in capsys.readouterr().err


@pytest.mark.parametrize("writes", [lambda uri: open_store(uri).put_bytes(b"x", "bin"), lambda uri: append_rows(
    open_store(uri), "episodes", rows_from([make_recording(2, frames=4).episode]))], ids=["object", "row"])  # fmt: skip
def test_a_writer_leaves_the_recording_of_another_alone_however_old(filled: Path, writes: Callable[[str], object]) -> None:
    uri = str(filled / "store")
    with EpisodeStream(open_store(uri), 16.0):
        files = [path for path in (filled / "store" / "tmp").iterdir() if path.name.startswith("episode-")]
        os.utime(files[0], (time.time() - 2 * 24 * 3600,) * 2)
        writes(uri)
        list_episodes(open_store(uri))
        assert files[0].exists()
    assert not (filled / "store" / "tmp" / "1-a.part").exists()
