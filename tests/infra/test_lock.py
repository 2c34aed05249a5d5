import multiprocessing
import os
import signal
import sys
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from infra.errors import BusyError
from infra.lock import hold_folder

SPAWN = multiprocessing.get_context("spawn")


def _hold(folder: Path, held: Event) -> None:
    with hold_folder(folder, "make run"):
        held.set()
        time.sleep(60)


def test_a_second_process_gets_one_line_that_names_the_first(tmp_path: Path) -> None:
    held = SPAWN.Event()
    process = SPAWN.Process(target=_hold, args=(tmp_path, held))
    process.start()
    assert held.wait(60)
    named = rf"process {process.pid} \(make run, since .*kill {process.pid}"
    with pytest.raises(BusyError, match=named) as caught, hold_folder(tmp_path, "make run"):
        pass
    assert "\n" not in str(caught.value)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with hold_folder(tmp_path, "make run"):  # the lock of a killed process is free
        pass


def test_a_process_excludes_itself_and_lets_go_in_the_end(tmp_path: Path) -> None:
    refused = pytest.raises(BusyError, match="already in use by this process")
    with hold_folder(tmp_path, "first"), refused, hold_folder(tmp_path, "second"):
        pass
    with pytest.raises(RuntimeError, match="inside"), hold_folder(tmp_path, "third"):
        raise RuntimeError("inside")
    with hold_folder(tmp_path, "fourth"):
        pass


def test_a_child_that_outlives_its_killed_parent_does_not_keep_the_lock(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys, time\n"
        "from pathlib import Path\n"
        "from infra.lock import hold_folder\n"
        "with hold_folder(Path(sys.argv[1]), 'make run'):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        time.sleep(60)\n"
        "    Path(sys.argv[1], 'child').write_text(str(child))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    os.waitpid(os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-c", script, str(tmp_path)]), 0)
    child = int((tmp_path / "child").read_text())
    try:
        with hold_folder(tmp_path, "make run"):
            pass
    finally:
        os.kill(child, signal.SIGKILL)


def test_folders_are_held_one_by_one(tmp_path: Path) -> None:
    with hold_folder(tmp_path / "a", "run"), hold_folder(tmp_path / "b", "run"):
        pass
