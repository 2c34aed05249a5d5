"""Folders of dead recorders are swept, those of living ones are left alone."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.games.minetest.folder import GameFolder, sweep


def test_a_living_folder_stays_and_ends_with_its_game() -> None:
    folder = GameFolder()
    (folder.path / "world").mkdir()
    sweep(folder.path.parent)
    assert (folder.path / "world").exists()
    folder.remove()
    assert not folder.path.exists()


@pytest.mark.fault
def test_the_folder_of_a_killed_recorder_is_swept() -> None:
    script = (
        "import os, signal; from engine.games.minetest.folder import GameFolder; folder = GameFolder()\n"
        "print(folder.path, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    left = Path(done.stdout.strip())
    assert left.exists()
    GameFolder().remove()
    assert not left.exists()
