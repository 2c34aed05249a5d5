"""A profile: the configs of all stages in one record, read from TOML, with overrides from the command line."""

import dataclasses
import json
import tomllib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from annotation.annotate import AnnotateConfig
from curation.curate import CurateConfig
from engine.endpoints import EndpointsConfig
from engine.plan import CollectConfig
from flows.pool import PoolConfig
from flows.profile_file import nearest, read_profile_text
from flows.release import ReleaseConfig
from flows.schedule import ScheduleConfig
from flows.server import ServerConfig
from inference.evaluate.evaluate import EvaluateConfig
from inference.server import ServeConfig
from modeling.compress import CompressConfig
from modeling.distil import DistilConfig
from modeling.train import TrainConfig


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One section for each stage, in the order of the loop. Files state only what differs from the defaults."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    name: str = "defaults"
    collect: CollectConfig = CollectConfig()
    endpoints: EndpointsConfig = EndpointsConfig()
    annotate: AnnotateConfig = AnnotateConfig()
    curate: CurateConfig = CurateConfig()
    train: TrainConfig = TrainConfig()
    distil: DistilConfig = DistilConfig()
    compress: CompressConfig = CompressConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    release: ReleaseConfig = ReleaseConfig()
    serve: ServeConfig = ServeConfig()
    pool: PoolConfig = PoolConfig()
    server: ServerConfig = ServerConfig()
    schedules: tuple[ScheduleConfig, ...] = ()  # what `worldloom deploy` collects, and when


def load_profile(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Profile:
    """Read a profile that ships (``tiny``) or a TOML file, then apply overrides such as ``train.seed=3``.

    Raises:
        ValueError: names the profile or the key that is unknown or wrong, and the nearest that exists.
    """
    name, text = read_profile_text(name_or_path)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"profile {name_or_path}: not valid TOML: {error}") from None
    if "name" in values:
        raise ValueError(f"profile {name_or_path}: leave out 'name'; a profile is called after its file")
    for override in overrides:
        values = merge(values, parse_override(override))
    return build_profile({"name": name, **values}, str(name_or_path))


def build_profile(values: Mapping[str, Any], source: str) -> Profile:
    """Lay ``values`` over the defaults of every section and check all types.

    Values are merged into the defaults first: a section's default may itself differ from its class's defaults.

    Raises:
        ValueError: one line a fault, each naming the whole key.
    """
    merged = merge(dataclasses.asdict(Profile()), values)
    try:
        return TypeAdapter(Profile).validate_json(json.dumps(merged), strict=True)
    except ValidationError as error:
        faults = "; ".join(_describe(fault["loc"], fault["type"], fault["msg"], fault["input"]) for fault in error.errors())
        raise ValueError(f"profile {source}: {faults}") from None
    except TypeError as error:  # a TOML date
        raise ValueError(f"profile {source}: {error}") from None


def parse_override(text: str) -> dict[str, Any]:
    """Turn ``a.b=c`` into ``{"a": {"b": c}}``; c is TOML, a bare word is text.

    Raises:
        ValueError: there is no key or no ``=``.
    """
    key, equals, value = text.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise ValueError(f"--set {text!r}: write section.key=value, for example train.seed=3")
    try:
        parsed: Any = tomllib.loads(f"value = {value.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    for part in reversed(parts):
        parsed = {part: parsed}
    return typing.cast("dict[str, Any]", parsed)


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are merged key by key, anything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _describe(where: Sequence[str | int], kind: str, message: str, value: Any) -> str:
    key = ".".join(str(part) for part in where)
    if kind == "unexpected_keyword_argument":
        *section, last = where
        return f"unknown key {key}{nearest(str(last), _keys_of(section))}"
    if isinstance(value, Mapping):  # what a whole section refuses names its field itself
        return f"{key}: {message.removeprefix('Value error, ')}"
    return f"{key} = {value!r}: {message[0].lower()}{message[1:]}"


def _keys_of(section: Sequence[str | int]) -> list[str]:
    """Field names of the dataclass at ``section``; none where the path leads through something else."""
    hint: Any = Profile
    for part in section:
        if isinstance(part, int):
            hint = typing.get_args(hint)[0]
        elif dataclasses.is_dataclass(hint):
            hint = typing.get_type_hints(hint).get(part)
    return [field.name for field in dataclasses.fields(hint)] if dataclasses.is_dataclass(hint) else []
