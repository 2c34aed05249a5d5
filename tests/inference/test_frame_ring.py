"""Shared memory that is not there is named before anything is written into it."""

import subprocess
import sys
from pathlib import Path

import pytest

from inference.frame_ring import FrameRing, RingShape
from infra.errors import NotHereError

READ_ONLY = "mount -t tmpfs -o ro tmpfs /dev/shm"
SCRIPT = """
from engine.games.layers.ring import FrameRing
FrameRing.create(64, 64).close(remove=True)  # goes where temporary files do
from inference.frame_ring import FrameRing, RingShape
FrameRing.create(RingShape(seats=1, frames=3, height=4, width=5))
"""


def test_more_than_there_is() -> None:
    with pytest.raises(NotHereError, match=r"\d+ MB of shared memory do not fit into /dev/shm \(.+\); give it more"):
        FrameRing.create(RingShape(seats=1000, frames=1000, height=1080, width=1920))


def test_none_that_can_be_written() -> None:
    if subprocess.run(["unshare", "-m", "sh", "-c", READ_ONLY], capture_output=True).returncode:
        pytest.skip("this container may not mount a file system")
    line = f'{READ_ONLY} && exec "$0" -c "$1"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", line, sys.executable, SCRIPT],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
    )
    assert "NotHereError: 0 MB of shared memory do not fit into /dev/shm (Read-only file system)" in done.stderr
