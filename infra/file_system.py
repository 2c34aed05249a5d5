"""What a file system may lack: locks, hard links, sync of folders. Each is told once, and what stands in for it"""

import errno
import logging
import os
import uuid
from pathlib import Path
from typing import Final

from infra.errors import StoreFullError, naming_full_disk

_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY})
_NO_SYNC: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY})
_NO_FOLDER_SYNC: Final = _NO_SYNC | {errno.EBADF, errno.EACCES, errno.EPERM}
_told: set[str] = set()  # by this process
_links: dict[Path, bool] = {}  # what this process found out
_log = logging.getLogger(__name__)


def lacks_locks(error: OSError, folder: Path) -> bool:
    """Whether ``error``, met while locking, says that there are no locks."""
    lacking = error.errno in _NO_LOCKS
    if lacking:
        _tell("locks", folder, error, "a file that names its process stands in")
    return lacking


def has_links(folder: Path) -> bool:
    """Whether hard links can be made in ``folder``; tried once.

    Raises:
        StoreFullError, StoreUnreachableError: nothing at all can be made there.
    """
    if folder not in _links:
        probe = folder / f"{os.getpid()}-{uuid.uuid4().hex}.part"
        twin = probe.with_suffix(".link.part")
        try:
            with naming_full_disk(folder):
                probe.touch()
                os.link(probe, twin)
            _links[folder] = True
        except OSError as error:
            if isinstance(error, StoreFullError) or error.filename2 is None:
                raise
            _links[folder] = False
            _tell("hard links", folder, error, "rows are committed under a lock")
        finally:
            probe.unlink(missing_ok=True)
            twin.unlink(missing_ok=True)
    return _links[folder]


def sync(path: Path) -> None:
    """Have a file or folder written to the disk; where that cannot be asked for, a power cut may lose the last ones.

    Raises:
        OSError: the disk fails.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        folder = path.is_dir()
        if error.errno not in (_NO_FOLDER_SYNC if folder else _NO_SYNC):
            raise
        _tell("sync of folders" if folder else "sync of files", path, error, "a power cut may lose what was written last")
    finally:
        os.close(descriptor)


def _tell(what: str, folder: Path, error: OSError, instead: str) -> None:
    if what not in _told:
        _told.add(what)
        _log.warning("%s: the file system has no %s (%s); %s", folder, what, error.strerror, instead)
