"""The address of a store: what a user typed, parsed once into a folder, or a bucket and a prefix"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from infra.digest import sha256_of

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NOT_IN_FOLDERS: Final = re.compile(r"[\\\[\]^|]")  # delta-rs reads a folder's path as a URL, in which these do not stand
_NOT_IN_KEYS: Final = re.compile(r"\\")  # on S3 the others are quoted
_LONGEST_PART: Final = 255  # bytes of a folder's name
_LONGEST_PATH: Final = 3800  # bytes of a folder's path, so that files below it fit into the 4095 of Linux
_LONGEST_PREFIX: Final = 880  # bytes, so that keys below it fit into the 1024 of S3
_WANTED: Final = "name a folder or s3://bucket/prefix"


@dataclass(frozen=True, kw_only=True)
class StoreAddress:
    """Where a store is. Its text, ``str(address)``, parses back to it and is what rows, flows and workers pass on.

    Different addresses are different places, and tables lie beside objects in each.
    """

    bucket: str  # empty for a folder
    path: str  # of the folder, absolute; or the prefix in the bucket, without slashes around it

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.path}".rstrip("/") if self.bucket else self.path

    @property
    def folder(self) -> Path | None:
        """The folder, None on S3."""
        return None if self.bucket else Path(self.path)

    @property
    def table_root(self) -> str:
        """Below what delta-rs finds the tables: a path as it is, or a URL, in which the prefix is quoted."""
        return f"s3://{self.bucket}/{quote(self.path)}".rstrip("/") if self.bucket else self.path

    @property
    def label(self) -> str:
        """The text for who takes ``*`` for any text, as Prefect does in what it compares; no address has ``%2A`` in it."""
        return str(self).replace("*", "%2A")

    @property
    def slug(self) -> str:
        """A name for a folder about this store, of plain letters and unlike that of any other store."""
        plain = re.sub(r"[^\w.-]+", "-", str(self).removeprefix("s3://"), flags=re.ASCII).strip("-.")
        return f"{plain[-80:].strip('-.')}-{sha256_of(str(self).encode())[:8]}"

    def key(self, name: str) -> str:
        """The key in the bucket of what is called ``name`` in the store."""
        return f"{self.path}/{name}" if self.path else name


def parse_address(text: str | Path) -> StoreAddress:
    """The address that ``text`` spells: a folder, relative or not, ``~`` for the home, or ``s3://bucket/prefix``.

    Raises:
        ValueError: it is neither, or its name cannot be a store's; says what in it is wrong.
    """
    typed = str(text)
    if not typed.strip():
        raise ValueError(f"the store's address is empty; {_WANTED}")
    try:
        typed.encode()
    except UnicodeEncodeError:
        raise ValueError(f"store {typed!r}: the name is not UTF-8; rename it or {_WANTED}") from None
    if typed.startswith("s3://"):
        return _s3_address(typed)
    if _SCHEME.match(typed):
        raise ValueError(f"store {typed!r} is neither a folder nor s3://bucket/prefix; write ./ before a folder of that name")
    return _folder_address(typed)


def _s3_address(typed: str) -> StoreAddress:
    bucket, _, prefix = typed.removeprefix("s3://").partition("/")
    if not bucket:
        raise ValueError(f"store {typed!r} names no bucket; use s3://bucket/prefix")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(f"store {typed!r}: no bucket is called {bucket!r}; use s3://bucket/prefix")
    prefix = prefix.strip("/")
    _check_characters(typed, prefix, _NOT_IN_KEYS)
    if prefix and (odd := {"", ".", ".."} & set(prefix.split("/"))):
        raise ValueError(f"store {typed!r}: a part of its prefix is {min(odd) or 'empty'!r}; leave it out")
    if len(prefix.encode()) > _LONGEST_PREFIX:
        raise ValueError(f"store {typed[:60]!r}...: its prefix is longer than {_LONGEST_PREFIX} bytes; take a shorter one")
    return StoreAddress(bucket=bucket, path=prefix)


def _folder_address(typed: str) -> StoreAddress:
    expanded = os.path.expanduser(typed) if typed.split("/")[0] == "~" else typed
    _check_characters(typed, expanded, _NOT_IN_FOLDERS)
    path = _absolute(expanded)
    _check_characters(typed, str(path), _NOT_IN_FOLDERS)  # also of the folder that a relative one lies in
    _check_characters(typed, os.path.realpath(path), _NOT_IN_FOLDERS)  # delta-rs follows links
    if len(os.fsencode(path)) > _LONGEST_PATH or any(len(os.fsencode(part)) > _LONGEST_PART for part in path.parts):
        raise ValueError(f"store {typed[:60]!r}...: the name is too long for a folder; take a shorter one")
    return StoreAddress(bucket="", path=str(path))


def _check_characters(typed: str, path: str, forbidden: re.Pattern[str]) -> None:
    """Refuse what delta-rs would take for something else: the tables would lie elsewhere than the objects."""
    if found := (_CONTROL.search(path) or forbidden.search(path) or _ESCAPE.search(path)):
        within = "" if found[0] in typed else f" (it is {path!r})"
        raise ValueError(f"store {typed!r}{within}: {found[0]!r} cannot stand in a store's name; choose another")


def _absolute(path: str) -> Path:
    """The absolute path without ``.``, ``..`` and doubled slashes; what is above a link is above where it leads."""
    found = Path("/")
    for part in Path(os.getcwd(), path).parts[1:]:
        found = Path(os.path.realpath(found)).parent if part == ".." else found / part
    return found
