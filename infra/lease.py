"""Who holds a file where the file system knows no locks: its process stands in the file, and is asked whether it lives"""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

from infra.errors import BusyError

_SETTLE_SECONDS: Final = 0.3  # after which of several that take over a lease the last one stands in it


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A process that holds something, and what for."""

    host: str
    pid: int
    born: float  # seconds of the epoch; another process may have the number later
    purpose: str
    since: str

    def is_gone(self) -> bool:
        """Whether it has ended for sure: that of another machine may live."""
        if self.host != socket.gethostname():
            return False
        try:
            return bool(abs(psutil.Process(self.pid).create_time() - self.born) > 2.0)
        except psutil.NoSuchProcess:
            return True


def this_process(purpose: str) -> Holder:
    """The process that asks, as holder."""
    born = psutil.Process().create_time()
    return Holder(host=socket.gethostname(), pid=os.getpid(), born=born, purpose=purpose, since=time.strftime("%H:%M:%S"))


def read_holder(path: Path) -> Holder | None:
    """Who stands in a file; None where nobody does."""
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@contextmanager
def hold_lease(path: Path, purpose: str, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold ``path`` while the block runs, by making it; one whose process ended is taken over.

    Raises:
        BusyError: another process holds it, and still does after the wait.
    """
    deadline = time.monotonic() + wait_seconds
    mine = this_process(purpose)
    while not _take(path, mine):
        if time.monotonic() >= deadline:
            raise BusyError(_refusal(path))
        time.sleep(0.05)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _take(path: Path, mine: Holder) -> bool:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps(asdict(mine)))
        return True
    except FileExistsError:
        holder = read_holder(path)
    if holder is None or not holder.is_gone():
        return False
    path.write_text(json.dumps(asdict(mine)), encoding="utf-8")
    time.sleep(_SETTLE_SECONDS)
    return read_holder(path) == mine


def _refusal(path: Path) -> str:
    holder = read_holder(path)
    if holder is None:
        return f"{path.parent} is in use, says {path}; if nothing runs there, delete that file"
    who = f"by process {holder.pid} on {holder.host} ({holder.purpose}, since {holder.since})"
    return f"{path.parent} is in use {who}; wait for it to end, or if it has ended, delete {path}"
