"""One writer for a folder at a time, across processes."""

import contextlib
import errno
import fcntl
import json
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from infra.errors import BusyError, naming_full_disk
from infra.file_system import lacks_locks
from infra.interrupt import command_pid
from infra.lease import hold_lease

LOCK: Final = "writer.lock"  # in a folder that is or was held
LEASE: Final = "writer.lease"  # beside it, where the file system has no locks
_MOMENT_SECONDS: Final = 60.0  # that who swaps a pointer or commits rows takes at most
_held: set[Path] = set()  # by this process; record locks do not exclude a process from itself


@contextmanager
def hold_folder(folder: Path, purpose: str) -> Iterator[None]:
    """Hold ``folder`` for as long as the block runs. The system frees the lock of a process that was killed.

    A record lock is used, so that a child which outlives its killed parent does not keep the folder; where the file system
    has none, a lease.

    Raises:
        BusyError: another process holds it; names its purpose, process id and since when.
        StoreUnreachableError: the folder's disk fails.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    if folder in _held:
        raise BusyError(f"{folder} is already in use by this process; wait for it to end")
    with path.open("a+") as file:
        lease = contextlib.nullcontext() if _lock(file, folder) else hold_lease(folder / LEASE, purpose)
        with lease, _noted(folder):
            file.truncate(0)
            file.write(json.dumps({"pid": command_pid(), "purpose": purpose, "since": time.strftime("%H:%M:%S")}))
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)


@contextmanager
def hold_file(path: Path) -> Iterator[None]:
    """Hold a file for a moment, across threads and processes; waits for who has it.

    Raises:
        BusyError: the file system has no locks, and another process keeps its lease for longer than such a moment.
    """
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            lease: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        except OSError as error:
            if not lacks_locks(error, path.parent):
                raise
            lease = hold_lease(path.with_suffix(".lease"), "a moment", _MOMENT_SECONDS)
        with lease:
            yield


def _lock(file: TextIO, folder: Path) -> bool:
    """Lock the file; False where the file system has no locks."""
    try:
        with naming_full_disk(folder):
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            raise BusyError(_holder(Path(file.name), folder)) from None
        if not lacks_locks(error, folder):
            raise
        return False


@contextmanager
def _noted(folder: Path) -> Iterator[None]:
    _held.add(folder)
    try:
        yield
    finally:
        _held.discard(folder)


def holder_of(folder: Path) -> int | None:
    """The process that holds ``folder``, as the system knows it; None where nobody does."""
    if folder.absolute() in _held:  # the system does not tell us of ours, and closing the file would let go of it
        return os.getpid()
    try:
        with (folder / LOCK).open("r+") as file:
            asked = struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack("hhqqi", fcntl.fcntl(file, fcntl.F_GETLK, asked))
    except FileNotFoundError:
        return None
    return None if kind == fcntl.F_UNLCK else int(pid)


def _holder(path: Path, folder: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        who = f"by process {holder['pid']} ({holder['purpose']}, since {holder['since']})"
        return f"{folder} is in use {who}; wait for it or end it with: kill {holder['pid']}"
    except (ValueError, KeyError, TypeError):  # it has just begun and not yet said who it is
        return f"{folder} is in use by another process; wait for it to end"
