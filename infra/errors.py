"""Failures that a user can mend: each message is one line that names the thing and the fix."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage


class WorldloomError(Exception):
    """The command line prints the message without a traceback and exits with ``status``."""

    status = 2


class MissingObjectError(WorldloomError):
    """The store does not hold an object or a row that something names."""


class CorruptObjectError(WorldloomError):
    """An object's content is not what its name says."""


class StoreUnreachableError(WorldloomError):
    """The store's endpoint does not answer or refuses the credentials."""


class StoreFullError(WorldloomError, OSError):
    """There is no room left where the store writes."""


class DamagedVideoError(WorldloomError):
    """A video or depth file cannot be decoded, or holds another count of frames than it should."""


class TableSchemaError(WorldloomError):
    """Rows do not have the columns of the table that they go into or come from."""


class BusyError(WorldloomError):
    """Another process holds the lock."""


class NotHereError(WorldloomError):
    """This machine lacks a program, a driver or a game; trying again does not help."""


@contextmanager
def naming_full_disk(folder: Path, needed: int | None = None) -> Iterator[None]:
    """Turn "no space left" from anything inside into one line with the folder and the bytes needed.

    Raises:
        StoreFullError: in place of ``OSError`` with ENOSPC or EDQUOT.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, StoreFullError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        wanted = f"{needed} bytes are needed and " if needed is not None else ""
        free = disk_usage(folder).free
        raise StoreFullError(f"no space left in {folder}: {wanted}{free} are free; free some or choose another store") from None
