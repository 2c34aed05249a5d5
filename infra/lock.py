"""One writer for a folder at a time, across processes."""

import fcntl
import json
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from infra.errors import BusyError
from infra.interrupt import command_pid

LOCK: Final = "writer.lock"  # in a folder that is or was held
_held: set[Path] = set()  # by this process; record locks do not exclude a process from itself


@contextmanager
def hold_folder(folder: Path, purpose: str) -> Iterator[None]:
    """Hold ``folder`` for as long as the block runs. The system frees the lock of a process that was killed.

    A record lock is used, so that a child which outlives its killed parent does not keep the folder.

    Raises:
        BusyError: another process holds it; names its purpose, process id and since when.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    if folder in _held:
        raise BusyError(f"{folder} is already in use by this process; wait for it to end")
    with path.open("a+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BusyError(_holder(path, folder)) from None
        _held.add(folder)
        try:
            file.truncate(0)
            file.write(json.dumps({"pid": command_pid(), "purpose": purpose, "since": time.strftime("%H:%M:%S")}))
            file.flush()
            yield
        finally:
            _held.discard(folder)
            file.truncate(0)


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
        holder = json.loads(path.read_text())
        who = f"by process {holder['pid']} ({holder['purpose']}, since {holder['since']})"
        return f"{folder} is in use {who}; wait for it or end it with: kill {holder['pid']}"
    except (ValueError, KeyError, TypeError):  # it has just begun and not yet said who it is
        return f"{folder} is in use by another process; wait for it to end"
