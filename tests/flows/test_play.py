"""Stopping players ends those that play from this home, and no other process."""

import subprocess
import sys
from pathlib import Path

from flows.commands.play import stop_players


def test_stopping_ends_players_and_spares_others(tmp_path: Path) -> None:
    waiting = "import time; time.sleep(60)"
    player = subprocess.Popen([sys.executable, "-c", waiting, "play"])
    other = subprocess.Popen([sys.executable, "-c", waiting])
    try:
        marks = tmp_path / "players"
        marks.mkdir()
        for process in (player, other):
            (marks / str(process.pid)).touch()
        assert stop_players(tmp_path) == 1
        assert player.wait(10) != 0
        assert other.poll() is None
        assert not list(marks.iterdir())
    finally:
        for process in (player, other):
            process.kill()
            process.wait()


def test_nothing_to_stop_is_nothing(tmp_path: Path) -> None:
    assert stop_players(tmp_path) == 0
