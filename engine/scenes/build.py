"""Which scene families there are."""

from typing import Final

from engine.scenes.park import build_park
from engine.scenes.rooms import build_rooms
from engine.scenes.scene import Scene

FAMILIES: Final = ("park", "rooms")


def build_scene(family: str, seed: int) -> Scene:
    """Build the scene that ``seed`` stands for.

    Raises:
        ValueError: no such family.
    """
    match family:
        case "park":
            return build_park(seed)
        case "rooms":
            return build_rooms(seed)
        case _:
            raise ValueError(f"unknown scene family {family!r}; use one of {', '.join(FAMILIES)}")
