"""Who serves from a home until told to stop (play, dashboard, deploy): a mark each, which its process holds as a lock

Whose process is gone holds nothing, whatever number others are given later.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from infra.errors import BusyError
from infra.lock import hold_folder, holder_of

STOP_SECONDS: Final = 15.0  # for one that was told to stop


@contextmanager
def leave_mark(home: Path, verb: str, *, alone: bool = False) -> Iterator[None]:
    """Leave a mark as long as the block runs; several may play from one home, one alone may deploy.

    Raises:
        BusyError: another does, and it should be ``alone``.
    """
    if alone and (others := serving(home, verb)):
        raise BusyError(f"{verb} runs already in {home}, as process {others[0]}; stop it first: worldloom stop --home {home}")
    folder = home / "serving" / f"{verb}-{os.getpid()}"
    try:
        with hold_folder(folder, verb):
            yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def serving(home: Path, verb: str) -> list[int]:
    """The processes of a verb that serve from ``home``; marks of those that were killed are swept."""
    found = []
    for folder in sorted((home / "serving").glob(f"{verb}-*")):
        if (pid := holder_of(folder)) is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            found.append(pid)
    return found


def stop_serving(home: Path, verb: str) -> int:
    """End the processes of a verb and wait for their end; how many there were."""
    told = serving(home, verb)
    for pid in told:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while set(told) & set(serving(home, verb)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return len(told)
