"""Canonical JSON and sha256: what keys, manifests and object names are made of."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np


def canonical_json(value: object) -> bytes:
    """Encode so that equal values give equal bytes: sorted keys, no spaces, UTF-8; dataclasses become objects.

    Raises:
        TypeError: names the type that has no JSON form.
        ValueError: a number is not finite.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)
    return text.encode()


def sha256_of(data: bytes) -> str:
    """Hex digest of bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Hex digest of a file's content, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no canonical JSON form; use dataclasses, text, numbers, lists and dicts")
