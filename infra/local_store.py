"""The store in a local folder: objects/, tables/, named/ and the scratch folder tmp/."""

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from infra.address import StoreAddress, parse_address
from infra.digest import sha256_of, sha256_of_file
from infra.errors import naming_full_disk
from infra.file_system import has_links, sync
from infra.lock import hold_file
from infra.objects import check_pointer, corrupt, missing, object_key, object_name, verified

STORE_FOLDERS: Final = frozenset({"objects", "tables", "named", "tmp"})  # that a store makes as it needs them
_STALE_SECONDS: Final = 24 * 3600.0  # no writer takes that long for one file


class LocalStore:
    """Every write goes to a temporary file of the same file system, is synced, then renamed."""

    def __init__(self, root: Path | StoreAddress) -> None:
        self.address = root if isinstance(root, StoreAddress) else parse_address(root)
        self.uri, self.home = str(self.address), Path(self.address.path)
        self._verified: set[tuple[str, int, int]] = set()  # (name, size, mtime) that this process has checked
        self._swept = False
        self._linked: bool | None = None  # whether there are hard links, once it is known

    def put_bytes(self, data: bytes, suffix: str) -> str:
        name = object_name(sha256_of(data), suffix)
        self._put(name, len(data), lambda temporary: temporary.write_bytes(data))
        return name

    def put_file(self, path: Path, suffix: str | None = None) -> str:
        name = object_name(sha256_of_file(path), path.suffix if suffix is None else suffix)
        self._put(name, path.stat().st_size, lambda temporary: shutil.copyfile(path, temporary))
        return name

    def get_bytes(self, name: str) -> bytes:
        try:
            with naming_full_disk(self.home):
                return verified(name, (self.home / object_key(name)).read_bytes(), self.uri)
        except FileNotFoundError:
            raise missing(name, self.uri) from None

    def local_path(self, name: str) -> Path:
        path = self.home / object_key(name)
        try:
            stat = path.stat()
        except FileNotFoundError:
            raise missing(name, self.uri) from None
        mark = (name, stat.st_size, stat.st_mtime_ns)
        if mark not in self._verified:
            with naming_full_disk(self.home):
                whole = sha256_of_file(path) == name[:64]
            if not whole:
                raise corrupt(name, self.uri)
            self._verified.add(mark)
        return path

    def exists(self, name: str) -> bool:
        return (self.home / object_key(name)).exists()

    def put_named(self, name: str, data: bytes) -> None:
        with self._pointers_locked():
            self._write_pointer(name, data)

    def swap_named(self, name: str, expected: bytes | None, data: bytes) -> bool:
        with self._pointers_locked():
            if self.get_named(name) != expected:
                return False
            self._write_pointer(name, data)
            return True

    def get_named(self, name: str) -> bytes | None:
        try:
            return (self.home / "named" / check_pointer(name)).read_bytes()
        except FileNotFoundError:
            return None

    def table_uri(self, table: str) -> str:
        return f"{self.address.table_root}/tables/{table}"

    def table_options(self) -> dict[str, str]:
        return {"allow_unsafe_rename": "true"} if self._linked is False else {}

    def explain(self, text: str) -> str:
        return text[:300]

    @contextmanager
    def committing(self) -> Iterator[None]:
        """delta-rs makes a commit by a hard link, which fails where another was faster. A rename would replace that one."""
        if self._linked is None:
            self._linked = has_links(self.scratch())
        if self._linked:
            yield
        else:
            with hold_file(self.scratch() / "commits.lock"):
                yield

    def scratch(self) -> Path:
        folder = self.home / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        if not self._swept:  # here and not at opening, since who only reads deletes nothing
            sweep_scratch(folder)
            self._swept = True
        return folder

    def _put(self, name: str, size: int, write: Callable[[Path], object]) -> None:
        target = self.home / object_key(name)
        if target.exists() and target.stat().st_size == size and sha256_of_file(target) == name[:64]:
            return
        with naming_full_disk(self.scratch(), size):
            write_atomically(self.scratch(), target, write)
        if sha256_of_file(target) != name[:64]:
            raise corrupt(name, self.uri)

    def _write_pointer(self, name: str, data: bytes) -> None:
        target = self.home / "named" / check_pointer(name)
        with naming_full_disk(self.scratch(), len(data)):
            write_atomically(self.scratch(), target, lambda temporary: temporary.write_bytes(data))

    def _pointers_locked(self) -> AbstractContextManager[None]:
        return hold_file(self.scratch() / "pointers.lock")


def write_atomically(scratch: Path, target: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file in ``scratch``, sync it and rename it to ``target``; leave nothing on failure."""
    temporary = scratch / f"{os.getpid()}-{uuid.uuid4().hex}.part"
    try:
        write(temporary)
        sync(temporary)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(temporary, target)
        sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sweep_scratch(folder: Path) -> None:
    """Delete what killed processes left in a scratch folder more than a day ago.

    Not the folders of episodes: whether their process lives, ``infra.episode_stream`` knows.
    """
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process swept it
            kept = path.suffix == ".lock" or path.name.startswith("episode-")
            if not kept and time.time() - path.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
