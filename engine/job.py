"""The recipe of one episode: small, picklable, and all that its pixels depend on."""

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Final, Literal

from infra.digest import canonical_json, sha256_of
from infra.schema.episode import Perspective, Split

RECORDING_VERSION: Final = 3  # raise when scenes, walks or renderers change what a job records

Source = Literal[
    "embedded", "unreal", "vizdoom", "minetest",
    "gta_v", "red_dead_redemption_2", "palworld", "cyberpunk_2077", "hogwarts_legacy",
]  # fmt: skip
"""Where episodes come from: own worlds, an Unreal Engine, games that are free, games that one has to own."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One episode to record."""

    source: Source
    family: str  # of scenes; for Unreal Engine the map, for games the game's own name
    split: Split
    scene_seed: int
    walk: str
    seed: int  # of the walk; for evaluation walks the number of the start in the scene
    frames: int  # rows that a training walk records; evaluation walks have lengths of their own
    width: int  # pixels
    height: int  # pixels
    fps: float
    renderer: str  # egl | software | the source's own name
    perspective: Perspective = "first"
    character: int = -1  # index of the walker's assembly in engine.characters; -1 is none, in third person the seeds choose
    weather: str = ""  # weather, time of day and season; empty is what the scene's seed says
    time_of_day: str = ""
    season: str = ""
    build: str = ""  # digest of the Unreal Engine build whose map the family is
    version: int = RECORDING_VERSION

    @property
    def episode_id(self) -> str:
        """sha256 of the canonical job; jobs that need no build are named as they were before there was one."""
        recipe = dataclasses.asdict(self)
        return sha256_of(canonical_json({name: value for name, value in recipe.items() if name != "build" or value}))


def scene_seed(family: str, split: Split, index: int, seed: int) -> int:
    """A 63-bit scene seed; splits never share one, whatever the run's seed is."""
    digest = hashlib.sha256(f"{family}/{split}/{index}/{seed}".encode()).digest()
    number = int.from_bytes(digest[:8], "big") >> 1
    return number - number % 4 + {"train": 0, "val": 1, "test": 2}[split]
