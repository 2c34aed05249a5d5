"""What a Ray of our own gets: its settings, a short folder for its sockets, and room for its objects"""

import contextlib
import fcntl
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from infra.errors import WorldloomError
from infra.surroundings import enter, ray_environment

PREFIX: Final = "wl-ray-"
LONGEST: Final = 30  # letters of the folder that ours goes into: Ray adds up to 66, and a socket's name has at most 107
OBJECT_BYTES: Final = 128 * 2**20  # jobs and rows, never frames
SHARED: Final = Path("/dev/shm")
_LOCK: Final = "lock"


class NoRoomError(WorldloomError):
    """There is no folder for the sockets of Ray."""


@contextmanager
def local_ray() -> Iterator[dict[str, Any]]:
    """What ``ray.init`` is to be told of a Ray that lives as long as this; before Ray is imported, which reads settings once.

    Raises:
        NoRoomError: no folder with a short name can be written.
    """
    _set_environment()
    with short_folder() as folder:
        yield {
            "address": "local",  # whatever else runs on this machine
            "object_store_memory": OBJECT_BYTES,
            "_temp_dir": str(folder),
            "_plasma_directory": None if _has_room(SHARED, OBJECT_BYTES) else str(folder),
        }


def _set_environment() -> None:
    """Without the settings of somebody's cluster. Keeps Ray from phoning home and from writing a token there."""
    settled = ray_environment()
    settings = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": settled.get("RAY_AUTH_TOKEN") or secrets.token_hex(32),
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # despite its name: makes a local cluster bind loopback on Linux too
    }
    enter(settled | settings)


@contextmanager
def short_folder() -> Iterator[Path]:
    """A new folder, locked for as long as it is used: those of killed commands are swept by the next one.

    Raises:
        NoRoomError: there is none.
    """
    folder = _make_folder()
    with (folder / _LOCK).open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _make_folder() -> Path:
    for parent in dict.fromkeys([Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"), SHARED]):
        with contextlib.suppress(OSError):
            sweep(parent)
            if len(str(parent)) <= LONGEST:
                return Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    raise NoRoomError(f"no folder for Ray's sockets: set TMPDIR to one with at most {LONGEST} letters, or do without: 0 workers")


def sweep(parent: Path) -> None:
    """Remove the folders under ``parent`` whose command is dead."""
    for lock in parent.glob(f"{PREFIX}*/{_LOCK}"):
        with contextlib.suppress(OSError), lock.open("r+", encoding="utf-8") as held:  # it lives, or it is another user's
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)


def _has_room(folder: Path, needed: int) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return shutil.disk_usage(folder).free >= needed
    except OSError:
        return False
