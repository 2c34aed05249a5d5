"""The leash: whatever ends who holds it, the command ends too."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from engine import leash

SLEEP = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def leashed() -> Iterator[Start]:
    """Start commands on a leash; none outlives the test."""
    started: list[psutil.Process] = []

    def start(*command: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, leash.__file__, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # as a terminal's foreground
        )
        if list(command) == SLEEP:
            assert process.stdout is not None and process.stdout.readline() == "here\n"
        started.extend(psutil.Process(process.pid).children(recursive=True))
        return process

    yield start
    for process in started:
        if process.is_running():
            process.kill()


def held_by(process: "subprocess.Popen[str]") -> psutil.Process:
    """The command at the end of the leash."""
    (found,) = (one for one in psutil.Process(process.pid).children(recursive=True) if one.cmdline() == SLEEP)
    return found


def ends(process: psutil.Process, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_it_ends_as_the_command_does(leashed: Start) -> None:
    assert leashed(sys.executable, "-c", "raise SystemExit(7)").wait(20) == 7


def test_closing_its_input_ends_the_command(leashed: Start) -> None:
    process = leashed(*SLEEP)
    command = held_by(process)
    assert process.stdin is not None
    process.stdin.close()
    assert ends(command) and process.wait(10) != 0


@pytest.mark.parametrize("way", ["terminate", "kill"])
def test_the_command_ends_with_its_holder_also_if_the_leash_was_killed_first(way: str, leashed: Start) -> None:
    process = leashed(*SLEEP)
    command = held_by(process)
    getattr(process, way)()  # as Ray does with what an ending worker has started
    process.wait(10)
    assert process.stdin is not None
    process.stdin.close()
    assert ends(command)


def test_an_interrupt_from_the_terminal_leaves_the_command_to_its_holder(leashed: Start) -> None:
    process = leashed(*SLEEP)
    command = held_by(process)
    os.killpg(process.pid, signal.SIGINT)
    assert not ends(command, 0.3) and process.poll() is None
    assert process.stdin is not None
    process.stdin.close()
    assert ends(command)
