"""What a Ray on this machine gets: short names for its sockets, nothing of somebody's cluster, nothing left behind."""

import os
import tempfile
from pathlib import Path

import pytest

from flows import local_ray as module
from flows.local_ray import LONGEST, PREFIX, NoRoomError, local_ray, short_folder, sweep

SOCKET: str = "session_2026-12-01_14-46-54_123456_4194304/sockets/plasma_store.sock"


@pytest.fixture
def long_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go, named as batch systems do."""
    folder = tmp_path / "job.1234567.login-node-01" / "user.researcher" / "tmp"
    folder.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    assert len(str(folder)) > LONGEST
    return folder


def test_its_sockets_have_short_names_wherever_temporary_files_go(long_folder: Path) -> None:
    with short_folder() as folder:
        assert folder.is_dir() and folder.stat().st_mode & 0o077 == 0
        assert len(f"{folder / SOCKET}") < 107
    assert not folder.exists()
    assert not list(long_folder.iterdir())


def test_folders_of_killed_commands_are_swept_and_those_of_living_ones_are_not(tmp_path: Path) -> None:
    dead = tmp_path / f"{PREFIX}dead"
    dead.mkdir()
    (dead / "lock").touch()
    with short_folder() as living:
        sweep(tmp_path)
        sweep(living.parent)
        assert living.exists()
    assert not dead.exists()


def test_where_no_short_folder_can_be_written_one_line_says_so(long_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> str:
        raise PermissionError(13, "read-only")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(NoRoomError, match="set TMPDIR to one with at most"), short_folder():
        pass


def test_settings_of_a_cluster_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"RAY_ADDRESS": "10.0.0.1:6379", "RAY_NAMESPACE": "team", "RAY_TMPDIR": "/x" * 50})
    with local_ray() as settings:
        assert settings["address"] == "local"
        assert not {"RAY_ADDRESS", "RAY_NAMESPACE", "RAY_TMPDIR"} & set(os.environ)


@pytest.mark.parametrize("shared", ["/proc/nowhere", "/proc"])
def test_its_objects_lie_beside_its_sockets_where_no_memory_is_shared(shared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(module, "SHARED", Path(shared))
    with local_ray() as settings:
        assert settings["_plasma_directory"] == settings["_temp_dir"]
