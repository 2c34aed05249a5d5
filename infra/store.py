"""The store: content-addressed objects, Delta tables and few mutable pointers, in a folder or on S3."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from infra.address import StoreAddress, parse_address
from infra.errors import CorruptObjectError as CorruptObjectError
from infra.errors import MissingObjectError as MissingObjectError
from infra.errors import StoreFullError as StoreFullError
from infra.errors import StoreUnreachableError as StoreUnreachableError
from infra.local_store import LocalStore


class Store(Protocol):
    """Where everything lies. Objects never change; what changes are tables and pointers."""

    address: StoreAddress
    uri: str  # the address as text
    home: Path  # folder of this machine for scratch and caches

    def put_bytes(self, data: bytes, suffix: str) -> str:
        """Write an object, verified and atomic; return its name. Writing the same content again does nothing."""
        ...

    def put_file(self, path: Path, suffix: str | None = None) -> str:
        """Write a file's content as an object; the suffix is the file's own unless given."""
        ...

    def get_bytes(self, name: str) -> bytes:
        """Read an object.

        Raises:
            MissingObjectError: it is not there.
            CorruptObjectError: its content has another digest.
        """
        ...

    def local_path(self, name: str) -> Path:
        """A readable local file with the object's verified content; never write to it. Raises as ``get_bytes``."""
        ...

    def exists(self, name: str) -> bool:
        """Whether the object is there."""
        ...

    def put_named(self, name: str, data: bytes) -> None:
        """Point ``name`` at new content, whatever it was before."""
        ...

    def swap_named(self, name: str, expected: bytes | None, data: bytes) -> bool:
        """Point ``name`` at ``data`` only if it holds ``expected`` (None: nothing yet); say whether that was so."""
        ...

    def get_named(self, name: str) -> bytes | None:
        """What the pointer holds, None if nothing."""
        ...

    def table_uri(self, table: str) -> str:
        """Where delta-rs finds a table."""
        ...

    def table_options(self) -> dict[str, str]:
        """Storage options for delta-rs, so that tables and objects share one configuration."""
        ...

    def explain(self, text: str) -> str:
        """What a message of delta-rs means here, without secrets."""
        ...

    def committing(self) -> AbstractContextManager[None]:
        """What must be held around opening a table and committing to it."""
        ...

    def scratch(self) -> Path:
        """A folder for temporary files; what killed processes left there is swept after a day."""
        ...


def open_store(uri: str | Path) -> Store:
    """Open a folder (made if absent) or ``s3://bucket/prefix``.

    S3 endpoint and credentials come from the standard ``AWS_*`` variables.

    Raises:
        ValueError: the address is empty, of another kind, of a name that no store can have, or a file.
        StoreUnreachableError: the S3 endpoint does not answer.
    """
    address = parse_address(uri)
    if address.folder is None:
        from infra.s3_store import S3Store  # the extra weight is only for those who use it

        return S3Store(address)
    if address.folder.exists() and not address.folder.is_dir():
        raise ValueError(f"store {address} is a file; name a folder or s3://bucket/prefix")
    return LocalStore(address)
