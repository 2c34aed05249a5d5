"""Batched rows: one commit for many records, with a spool file that a crash does not lose."""

import fcntl
import json
import os
import threading
import time
import uuid
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, TextIO, TypeVar

from infra.digest import canonical_json
from infra.errors import naming_full_disk
from infra.records import record_from_values
from infra.store import Store
from infra.tables import append_rows, rows_from

Record = TypeVar("Record")

MAX_ROWS: Final = 50
MAX_SECONDS: Final = 5.0


class RowAppender(Generic[Record]):
    """Appends records of one dataclass to one table, up to 50 or 5 s together.

    A record is safe in the spool file when ``append`` returns. Each spool file is one commit under its own name, so
    one that was committed but not yet deleted when its process was killed is not committed again.
    """

    def __init__(
        self, store: Store, table: str, cls: type[Record], *, max_rows: int = MAX_ROWS, max_seconds: float = MAX_SECONDS
    ) -> None:
        self.store, self.table, self.cls = store, table, cls
        self.max_rows, self.max_seconds = max_rows, max_seconds
        self._folder = store.home / "spool" / table
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._spool: FileIO | None = None
        self._path = Path()
        self._rows: list[Record] = []
        self._timer: threading.Timer | None = None
        self._failure: Exception | None = None
        self.recover()

    def append(self, record: Record) -> None:
        """Keep a record; it shows in the table within ``max_seconds``.

        Raises:
            StoreFullError, StoreUnreachableError: from this append or a commit of the timer before it.
        """
        with self._lock:
            self._raise_failure()
            if self._spool is None:
                self._begin()
            assert self._spool is not None
            with naming_full_disk(self._folder):
                _append_line(self._spool.fileno(), canonical_json(record) + b"\n")
            self._rows.append(record)
            if len(self._rows) >= self.max_rows:
                self._commit()

    def flush(self) -> None:
        """Commit what is spooled, also what a failed commit left. Raises as ``append``."""
        with self._lock:
            self._raise_failure()
            self._commit()
            self.recover()

    def recover(self) -> int:
        """Commit the spool files that killed processes left; return how many rows they held."""
        recovered = 0
        for path in sorted(self._folder.glob("*.jsonl")):
            try:
                with path.open("r+") as spool:
                    fcntl.flock(spool, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    records = [record_from_values(values, self.cls) for values in _whole_lines(spool)]
                    append_rows(self.store, self.table, rows_from(records, self.cls), transaction=path.stem)
                    path.unlink(missing_ok=True)
                    recovered += len(records)
            except (BlockingIOError, FileNotFoundError):
                continue  # its process lives, or another one has just recovered it
        return recovered

    def __enter__(self) -> "RowAppender[Record]":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.flush()

    def _begin(self) -> None:
        fresh = self._folder / f"{time.time_ns()}-{uuid.uuid4().hex}.new"
        self._spool = fresh.open("xb", buffering=0)
        fcntl.flock(self._spool, fcntl.LOCK_EX)
        self._path = fresh.rename(fresh.with_suffix(".jsonl"))  # only now may others see it: locked
        self._timer = threading.Timer(self.max_seconds, self._commit_late)
        self._timer.daemon = True
        self._timer.start()

    def _commit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._spool is None:
            return
        spool, rows = self._spool, self._rows
        self._spool, self._rows = None, []
        with spool:  # after a failure the file stays for ``recover``, and no row is added to a batch that may be in
            append_rows(self.store, self.table, rows_from(rows, self.cls), transaction=self._path.stem)
            self._path.unlink()

    def _commit_late(self) -> None:
        with self._lock:
            try:
                self._commit()
            except Exception as error:  # told to the next caller: a thread has nobody to tell
                self._failure = error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure


def _append_line(file: int, line: bytes) -> None:
    """Write and sync a line; on failure take back the part that was written, so that the next line stands alone."""
    end = os.fstat(file).st_size
    try:
        written = 0
        while written < len(line):
            written += os.write(file, line[written:])
        os.fsync(file)
    except OSError:
        os.ftruncate(file, end)
        os.lseek(file, end, os.SEEK_SET)
        raise


def _whole_lines(spool: TextIO) -> list[Any]:
    """The records of a spool file; a torn last line was never acknowledged."""
    return [json.loads(line) for line in spool if line.endswith("\n")]
