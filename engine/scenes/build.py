"""Which scene families there are, and a scene of one of them in any conditions."""

from collections.abc import Callable
from typing import Final

from engine.scenes.conditions import Conditions, shared_time, under
from engine.scenes.forest import build_forest
from engine.scenes.harbour import build_harbour
from engine.scenes.market import build_market
from engine.scenes.maze import build_maze
from engine.scenes.office import build_office
from engine.scenes.park import build_park
from engine.scenes.rooms import build_rooms
from engine.scenes.ruins import build_ruins
from engine.scenes.scene import Scene
from engine.scenes.station import build_station
from engine.scenes.street import build_street
from engine.scenes.suburb import build_suburb
from engine.scenes.village import build_village
from engine.scenes.warehouse import build_warehouse

AS_SEEDED: Final = Conditions()
FIRST: Final[dict[str, Callable[[int], Scene]]] = {"park": build_park, "rooms": build_rooms}
LATER: Final[dict[str, Callable[[int, Conditions], Scene]]] = {
    "street": build_street,
    "village": build_village,
    "forest": build_forest,
    "ruins": build_ruins,
    "office": build_office,
    "maze": build_maze,
    "warehouse": build_warehouse,
    "harbour": build_harbour,
    "market": build_market,
    "suburb": build_suburb,
    "station": build_station,
}
FAMILIES: Final = (*FIRST, *LATER)


def build_scene(family: str, seed: int, conditions: Conditions = AS_SEEDED) -> Scene:
    """Build the scene that ``seed`` stands for; conditions change how it looks, never what stands where.

    Empty conditions are as the seed says. The first two families have light of their own where none is given.

    Raises:
        ValueError: no such family.
    """
    if family in LATER:
        return LATER[family](seed, conditions)
    if family not in FIRST:
        raise ValueError(f"unknown scene family {family!r}; use one of {', '.join(FAMILIES)}")
    scene = FIRST[family](seed)
    if not conditions:
        return scene
    weather = scene.weather if not scene.ceiling else "clear"
    return under(scene, conditions.over(Conditions(weather=weather, time_of_day=shared_time(scene.time_of_day), season="summer")))
