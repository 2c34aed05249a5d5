"""The ring of frames: what was written is read bit by bit, and a frame that is not whole is never taken for one."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.games.layers import ring as rings
from engine.games.layers.ring import SLOTS, FrameRing, TornFrameError
from infra.errors import StoreFullError


@pytest.fixture
def ring() -> Iterator[FrameRing]:
    made = FrameRing.create(32, 16)
    yield made
    made.close(remove=True)


def frame(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0.1, 50, (16, 32)).astype(np.float32)
    depth[0, 0] = np.inf
    return rng.integers(0, 256, (16, 32, 3), np.uint8), depth, rng.integers(0, 9, (16, 32)).astype(np.uint16)


def test_another_process_reads_what_was_written_bit_by_bit(ring: FrameRing) -> None:
    other = FrameRing(ring.path, 32, 16)
    for sequence in range(2 * SLOTS):
        rgb, depth, mask = frame(sequence)
        ring.write(sequence, 7 * sequence, rgb, depth, mask)
        found = other.read(sequence, 7 * sequence)
        for ours, theirs in zip((rgb, depth, mask), found, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    other.close()


def test_memory_that_is_not_there_is_named_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], capture_output=True).returncode:
        pytest.skip("this container may not mount a file system")
    monkeypatch.setattr(rings, "_SHARED", tmp_path)
    try:
        with pytest.raises(StoreFullError, match=r"66 MB of shared memory for frames do not fit into .*--shm-size"):
            FrameRing.create(1280, 720)
        assert not list(tmp_path.iterdir())
        FrameRing.create(144, 80).close(remove=True)
        with pytest.raises(StoreFullError):
            FrameRing.create(192, 108)
        FrameRing.create(192, 108, rgb_only=True).close(remove=True)
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


def test_what_a_game_does_not_show_is_none(ring: FrameRing) -> None:
    rgb, depth, mask = frame(0)
    ring.write(0, 0, rgb, depth, mask)
    ring.write(SLOTS, 1, rgb, None, None)  # the same slot
    assert ring.read(SLOTS, 1)[1:] == (None, None)


def test_a_frame_that_is_not_there_or_not_whole_is_refused(ring: FrameRing) -> None:
    rgb, depth, mask = frame(1)
    with pytest.raises(TornFrameError, match="frame 3"):
        ring.read(3, 3)
    ring.write(3, 3, rgb, depth, mask)
    with pytest.raises(TornFrameError):
        ring.read(3, 4)  # another tick
    with pytest.raises(TornFrameError):
        ring.read(3 + SLOTS, 3)  # the slot's next frame
    pixels = 32 * 16
    for place in (200, 3 * pixels + 200, 7 * pixels + 200):  # torn in the picture, the depth, the mask
        ring._memory[3 * ring._slot + place] ^= 255
        with pytest.raises(TornFrameError):
            ring.read(3, 3)
        ring._memory[3 * ring._slot + place] ^= 255
    ring.read(3, 3)


def test_frames_of_another_size_are_refused(ring: FrameRing) -> None:
    with pytest.raises(ValueError, match="32x16"):
        ring.write(0, 0, np.zeros((8, 8, 3), np.uint8), None, None)


def test_the_file_goes_with_its_maker() -> None:
    made = FrameRing.create(8, 8)
    path: Path = made.path
    made.close(remove=True)
    assert not path.exists()


KILLED = """
import os, signal
from engine.games.layers.ring import FrameRing

print(FrameRing.create(8, 8).path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_ring_of_a_killed_maker_is_swept_by_the_next_and_that_of_a_living_one_is_left(ring: FrameRing) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = Path(done.stdout.strip())
    assert left.exists()
    FrameRing.create(8, 8).close(remove=True)
    assert not left.exists() and ring.path.exists()
