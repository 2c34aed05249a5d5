"""The folder that a running game keeps its files in; folders of recorders that were killed are swept by the next one."""

import fcntl
import shutil
import tempfile
from pathlib import Path
from typing import Final

PREFIX: Final = "worldloom-minetest-"
LOCK: Final = "lock"


class GameFolder:
    """A temporary folder that is locked for as long as this process lives."""

    def __init__(self) -> None:
        sweep(Path(tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        fresh = self.path / f"{LOCK}.new"
        self._lock = fresh.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        fresh.rename(self.path / LOCK)  # locked before a sweep can see it

    def remove(self) -> None:
        """Delete it and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def sweep(parent: Path) -> None:
    """Delete the folders under ``parent`` whose recorder is dead."""
    for lock in parent.glob(f"{PREFIX}*/{LOCK}"):
        try:
            with lock.open("r+") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:
            continue  # its recorder lives, or it is another user's
