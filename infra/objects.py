"""Content-addressed object names: ``<sha256>.<suffix>``."""

import re
from typing import Final

from infra.digest import sha256_of
from infra.errors import CorruptObjectError, MissingObjectError

_NAME: Final = re.compile(r"[0-9a-f]{64}(\.[a-z0-9]+)?")
_POINTER: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


def object_name(digest: str, suffix: str) -> str:
    """Join digest and suffix; the suffix may come with or without its dot, or be empty."""
    suffix = suffix.lstrip(".")
    return check_name(f"{digest}.{suffix}" if suffix else digest)


def check_name(name: str) -> str:
    """Return ``name`` if it is an object name.

    Raises:
        ValueError: it is not, for instance an empty string or a path.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not an object name; expected 64 hex digits and a suffix such as .mp4")
    return name


def check_pointer(name: str) -> str:
    """Return ``name`` if it can name a mutable pointer such as ``releases/current``.

    Raises:
        ValueError: it cannot.
    """
    if not _POINTER.fullmatch(name):
        raise ValueError(f"{name!r} is not a pointer name; use letters, digits, '.', '_' and '-' joined by '/'")
    return name


def object_key(name: str) -> str:
    """Where an object lies below the store's root: ``objects/ab/<name>``."""
    return f"objects/{check_name(name)[:2]}/{name}"


def verified(name: str, data: bytes, where: str) -> bytes:
    """Return ``data`` if it is what ``name`` says.

    Raises:
        CorruptObjectError: names the object and where it lies.
    """
    if sha256_of(data) != name[:64]:
        raise corrupt(name, where)
    return data


def corrupt(name: str, where: str) -> CorruptObjectError:
    """The error for an object whose content has another digest than its name."""
    return CorruptObjectError(f"object {name} in {where} is damaged (its content has another digest); delete it and run again")


def missing(name: str, where: str) -> MissingObjectError:
    """The error for an object that is not there."""
    return MissingObjectError(f"object {name} is not in store {where}; run the stage that made it with --fresh, or restore it")
