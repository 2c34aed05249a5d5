"""The maps of an Unreal Engine build: where to start in them, what weather there is, under which licence they are."""

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError


@dataclass(frozen=True, kw_only=True)
class UnrealMap:
    """One map; the ``family`` of a job names it."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str  # as UnrealCV's level command takes it
    starts: tuple[tuple[float, float, float, float], ...] = ()  # x, y, z in cm and yaw; none: where the map puts the player
    weather: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)  # weather to commands that make it
    indoor: bool = False
    licence: str = ""
    redistributable: bool = False
    commercial_ok: bool = False
    source_url: str = ""


def load_maps(path: str) -> dict[str, UnrealMap]:
    """The maps of a TOML file with one ``[[map]]`` each, by name.

    Raises:
        ValueError: the file is not there, or names the key that is wrong.
    """
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        maps = TypeAdapter(dict[str, tuple[UnrealMap, ...]]).validate_python(tables).get("map", ())
    except OSError as error:
        raise ValueError(f"cannot read the list of maps {path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is no TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return {one.name: one for one in maps}
