"""Names of the embedded world's levels: a scene and its conditions in one word, as ``vset /action/game/level`` takes it.

``park-0000000000000005`` is the scene as its seed has it; ``park-0000000000000005.rain.dusk.`` has weather and time of
day of its own, and the season that the seed says.
"""

import re
from typing import Final

from engine.scenes.build import AS_SEEDED, FAMILIES
from engine.scenes.conditions import Conditions

_LEVEL: Final = re.compile(r"([a-z_]+)-([0-9a-f]{16})(?:\.([a-z]*)\.([a-z]*)\.([a-z]*))?")


def level_name(family: str, seed: int, conditions: Conditions = AS_SEEDED) -> str:
    """The scene's id, and after it weather, time of day and season where one is given."""
    given = f".{conditions.weather}.{conditions.time_of_day}.{conditions.season}" if conditions else ""
    return f"{family}-{seed:016x}{given}"


def parse_level(name: str) -> tuple[str, int, Conditions] | None:
    """Family, seed and conditions of a level's name; None where it is no embedded scene.

    Raises:
        ValueError: no such weather, time of day or season.
    """
    match = _LEVEL.fullmatch(name)
    if match is None or match[1] not in FAMILIES:
        return None
    weather, time_of_day, season = (part or "" for part in match.groups()[2:])
    return match[1], int(match[2], 16), Conditions(weather=weather, time_of_day=time_of_day, season=season)
