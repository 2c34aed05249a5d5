"""The scene list of an Unreal Engine project: maps, areas where walks may start, and what each weather sets."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.scenes.conditions import TIMES, WEATHERS
from infra.text_files import read_text


@dataclass(frozen=True, kw_only=True)
class StartArea:
    """A rectangle on the ground, in Unreal's axes but metres."""

    centre: tuple[float, float, float]
    half_size: tuple[float, float]
    yaw: tuple[float, float]  # degrees, from and to


@dataclass(frozen=True, kw_only=True)
class UnrealScene:
    """One map; console commands by weather and by time of day."""

    name: str
    map: str
    licence: str
    start_areas: tuple[StartArea, ...]
    weather: dict[str, tuple[str, ...]]
    time_of_day: dict[str, tuple[str, ...]]


def read_scene_list(path: Path) -> tuple[UnrealScene, ...]:
    """Read a scene list.

    Raises:
        ValueError: it is no TOML, or a scene lacks a key or has a wrong one; names the scene.
    """
    try:
        tables = tomllib.loads(read_text(path))["scene"]
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise ValueError(f"{path}: no scene list ({error}); write one [[scene]] for each map") from None
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ValueError(f"{path}: no scene list (scene is one value); write one [[scene]] for each map")
    return tuple(_scene(path, number, table) for number, table in enumerate(tables))


def _scene(path: Path, number: int, table: dict[str, Any]) -> UnrealScene:
    try:
        areas = tuple(_area(area) for area in table["start_areas"])
        weather, time_of_day = (
            _commands(table.get(key, {}), known) for key, known in (("weather", WEATHERS), ("time_of_day", TIMES))
        )
        scene = UnrealScene(
            name=table["name"],
            map=table["map"],
            licence=table["licence"],
            start_areas=areas,
            weather=weather,
            time_of_day=time_of_day,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: scene {number} ({table.get('name', 'unnamed')}): {error}") from None
    if not areas:
        raise ValueError(f"{path}: scene {number} ({scene.name}) has no start area; give at least one")
    return scene


def _area(area: dict[str, Any]) -> StartArea:
    x, y, z = (float(value) for value in area["centre"])
    wide, deep = (float(value) for value in area["half_size"])
    low, high = (float(value) for value in area["yaw"])
    return StartArea(centre=(x, y, z), half_size=(wide, deep), yaw=(low, high))


def _commands(table: dict[str, list[str]], known: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    if unknown := sorted(set(table) - set(known)):
        raise ValueError(f"unknown {unknown[0]!r}; use {', '.join(known)}")
    return {name: tuple(commands) for name, commands in table.items()}
