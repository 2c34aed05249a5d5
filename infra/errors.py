"""Failures that a user can mend: each message is one line that names the thing and the fix."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from typing import Final

_FAILING: Final = frozenset(
    {errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.EREMOTEIO, errno.ENODEV}
)


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
    """Turn "no space left" from anything inside into one line with the folder and the bytes needed; likewise a disk that fails.

    Raises:
        StoreFullError: in place of ``OSError`` with ENOSPC or EDQUOT.
        StoreUnreachableError: the file system is read-only, or its disk or server fails.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.EROFS:
            raise StoreUnreachableError(f"{folder} is mounted read-only; mount it for writing or choose another store") from None
        if error.errno in _FAILING:
            raise StoreUnreachableError(
                f"the disk or mount of {folder} fails ({error.strerror}); mend it, then run again"
            ) from None
        if isinstance(error, StoreFullError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
            error.filename = error.filename or str(folder)  # whatever it is, it is said where
            raise
        wanted = f"{needed} bytes are needed and " if needed is not None else ""
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        free = f"{disk_usage(there).free} are free" if error.errno == errno.ENOSPC else "this user's quota is used up"
        raise StoreFullError(f"no space left in {folder}: {wanted}{free}; free some or choose another store") from None
