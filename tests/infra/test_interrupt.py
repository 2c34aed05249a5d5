"""However a command is told to end: one line, 128 + the signal, and nothing of its session left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.interrupt import LINE
from tests.signals import heed_signals

BUSY = """
import subprocess, sys, time
from infra.interrupt import guard

def work():
    helper = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"]
    subprocess.Popen(helper)
    print("at work", flush=True)
    try:
        {body}
    finally:
        {end}
        print("noise", flush=True); print("noise", file=sys.stderr, flush=True)
    return 0

sys.exit(guard(work))
"""
SLEEPS = BUSY.format(body="time.sleep(60)", end="pass")
DEAF = BUSY.format(body="exec('while True:\\n try: time.sleep(60)\\n except KeyboardInterrupt: pass')", end="pass")
SLOW = BUSY.format(body="time.sleep(60)", end="time.sleep(2)")


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What every process that is started from a test inherits; those that are left are killed."""
    mark = {"WORLDLOOM_TEST": str(tmp_path)}
    yield mark
    for process in left(mark):
        process.kill()


def left(mark: dict[str, str]) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().items() >= mark.items() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            pass
    return found


def begun(script: str, mark: dict[str, str]) -> "subprocess.Popen[str]":
    line, pipe = [sys.executable, "-c", script], subprocess.PIPE
    process = subprocess.Popen(
        line, stdout=pipe, stderr=pipe, text=True, start_new_session=True, env=os.environ | mark, preexec_fn=heed_signals
    )
    assert process.stdout is not None and process.stdout.readline() == "at work\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_a_signal_to_the_process_or_its_group_is_one_line(number: int, send: object, mark: dict[str, str]) -> None:
    process = begun(SLEEPS, mark)
    send(process.pid, number)  # type: ignore[operator]
    assert process.communicate(timeout=10) == ("", f"worldloom: {LINE}\n")
    assert process.returncode == 128 + number
    assert not left(mark)


def test_a_second_signal_while_things_are_put_away_changes_nothing(mark: dict[str, str]) -> None:
    process = begun(SLOW, mark)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.communicate(timeout=15) == ("", f"worldloom: {LINE}\n")
    assert process.returncode == 130
    assert not left(mark)


@pytest.mark.slow
def test_who_does_not_hear_is_killed_after_some_seconds(mark: dict[str, str]) -> None:
    process, began = begun(DEAF, mark), time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    assert process.communicate(timeout=30) == ("", f"worldloom: {LINE}\n")
    assert (process.returncode, time.monotonic() - began < 20) == (143, True)
    assert not left(mark)


def worker_of(process: "subprocess.Popen[str]") -> psutil.Process:
    return psutil.Process(process.pid).children()[0]


def test_a_signal_to_the_one_that_works_ends_both(mark: dict[str, str]) -> None:
    process = begun(SLEEPS, mark)
    worker_of(process).terminate()
    assert process.communicate(timeout=10) == ("", f"worldloom: {LINE}\n")
    assert process.returncode == 143
    assert not left(mark)


def test_a_killed_worker_is_told_and_a_killed_guardian_takes_its_worker_along(mark: dict[str, str]) -> None:
    for number, line in ((signal.SIGKILL, "killed from outside"), (signal.SIGSEGV, "killed by SIGSEGV")):
        process = begun(SLEEPS, mark)
        worker_of(process).send_signal(number)
        assert line in process.communicate(timeout=10)[1] and process.returncode == 128 + number
        assert not left(mark)
    process = begun(SLEEPS, mark)
    worker = worker_of(process)
    process.kill()
    process.wait()
    assert worker.wait(10) is None


def test_what_was_told_to_ignore_hang_ups_does(mark: dict[str, str]) -> None:
    script = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + SLEEPS
    process = begun(script, mark)
    os.kill(process.pid, signal.SIGHUP)
    time.sleep(0.3)
    assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(10) == 130
    process.communicate()
