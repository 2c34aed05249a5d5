"""Names of the embedded world's levels: a scene in one word, as ``vset /action/game/level`` takes it."""

import re
from typing import Final

from engine.scenes.build import FAMILIES

_LEVEL: Final = re.compile(r"([a-z_]+)-([0-9a-f]{16})")


def level_name(family: str, seed: int) -> str:
    """The scene's id."""
    return f"{family}-{seed:016x}"


def parse_level(name: str) -> tuple[str, int] | None:
    """Family and seed of a level's name; None where it is no embedded scene."""
    match = _LEVEL.fullmatch(name)
    return (match[1], int(match[2], 16)) if match and match[1] in FAMILIES else None
