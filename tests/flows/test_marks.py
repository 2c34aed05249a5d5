"""Stopping ends those that serve from this home, and no other process that came by one of their numbers."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows.marks import leave_mark, serving, stop_serving
from infra.errors import BusyError

SERVE = (
    "import sys, time; from pathlib import Path; from flows.marks import leave_mark\n"
    "with leave_mark(Path(sys.argv[1]), sys.argv[2]): print('serving', flush=True); time.sleep(60)"
)


def served(home: Path, verb: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(home), verb], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "serving\n"
    return process


def test_stopping_ends_who_serves_from_here_and_spares_others(tmp_path: Path) -> None:
    one, two, other = served(tmp_path / "a", "play"), served(tmp_path / "a", "deploy"), served(tmp_path / "b", "play")
    try:
        assert serving(tmp_path / "a", "play") == [one.pid]
        assert stop_serving(tmp_path / "a", "play") == 1 and one.wait(10) == -signal.SIGTERM
        assert two.poll() is None and other.poll() is None
        assert stop_serving(tmp_path / "a", "deploy") == 1 and two.wait(10) == -signal.SIGTERM
        assert not list((tmp_path / "a" / "serving").iterdir())
    finally:
        for process in (one, two, other):
            process.kill()
            process.communicate()


def test_a_mark_of_a_killed_process_is_nobodys(tmp_path: Path) -> None:
    process = served(tmp_path, "play")
    process.kill()
    process.communicate()
    assert list((tmp_path / "serving").iterdir())
    assert serving(tmp_path, "play") == [] and stop_serving(tmp_path, "play") == 0
    assert not list((tmp_path / "serving").iterdir())


def test_a_second_deploy_in_a_home_is_refused_and_asking_lets_go_of_nothing(tmp_path: Path) -> None:
    with leave_mark(tmp_path, "deploy", alone=True):
        assert len(serving(tmp_path, "deploy")) == 1
        with (
            pytest.raises(BusyError, match=r"deploy runs already in .*worldloom stop"),
            leave_mark(tmp_path, "deploy", alone=True),
        ):
            pass
        assert len(serving(tmp_path, "deploy")) == 1
    assert serving(tmp_path, "deploy") == []


def test_nothing_to_stop_is_nothing(tmp_path: Path) -> None:
    assert stop_serving(tmp_path, "play") == 0
