"""Frozen dataclasses to JSON objects and back, checked field by field."""

import dataclasses
import json
import types
import typing
from typing import Any, TypeVar

from infra.errors import TableSchemaError

Record = TypeVar("Record")


def record_from_json(data: bytes, cls: type[Record]) -> Record:
    """Read back what ``canonical_json`` wrote of a ``cls``.

    Raises:
        TableSchemaError: names the record and the field that is absent, unknown or of another type.
    """
    return record_from_values(json.loads(data), cls)


def record_from_values(values: Any, cls: type[Record]) -> Record:
    """Build a ``cls`` from a plain dict, nested records and tuples included. Raises as ``record_from_json``."""
    hints = typing.get_type_hints(cls)
    names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if not isinstance(values, dict) or names != set(values):
        found = set(values) if isinstance(values, dict) else {type(values).__name__}
        raise TableSchemaError(
            f"{cls.__name__}: absent fields {sorted(names - found)}, unknown fields {sorted(found - names)}; "
            "it was written by another version, run the stage that writes it again"
        )
    return cls(**{name: _typed(values[name], hints[name], f"{cls.__name__}.{name}") for name in names})


def _typed(value: Any, hint: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        if value in arguments:
            return value
    elif origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        return _typed(value, next(a for a in arguments if a is not type(None)), where)
    elif origin in (tuple, list):
        if isinstance(value, (list, tuple)):
            return origin(_typed(item, arguments[0], where) for item in value)
    elif dataclasses.is_dataclass(hint):
        return record_from_values(value, typing.cast("type[Any]", hint))
    elif hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    elif isinstance(hint, type) and type(value) is hint:
        return value
    raise TableSchemaError(f"{where}: {value!r} is not {hint}; run the stage that writes it again")
