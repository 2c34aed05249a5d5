"""A request for so many hours of one source, and the jobs that fulfil it: scene x character x conditions x agent x seed."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from engine.characters.covering import sample_covering
from engine.explore.explorer import AGENTS
from engine.games.doom import FPS as DOOM_FPS
from engine.job import Job, Source, scene_seed
from engine.plan import resolve_renderer
from engine.scenes.build import FAMILIES
from engine.scenes.conditions import Conditions
from engine.scenes.unreal_list import read_scene_list
from engine.unreal.process import UnrealConfig
from engine.unreal.walk import DEPTH_WALKS
from engine.walks import PLANNERS
from infra.digest import canonical_json, sha256_of
from infra.schema.collection import PlannedJob
from infra.schema.episode import MAX_EPISODE_SECONDS, Perspective, Split

BODIES: Final = 256  # that a request goes through before it begins again; they cover all pairs of choices
OWN_WORLD: Final = UnrealConfig()
_OFFERS: Final[dict[str, tuple[str, ...]]] = {
    "embedded": ("perspective", "weather", "time_of_day", "season"),
    "unreal": ("perspective", "weather", "time_of_day", "season"),
    "minetest": ("time_of_day",),
}
"""Which wishes of a request a source can fulfil; the others none."""


@dataclass(frozen=True, kw_only=True)
class CollectionRequest:
    """Empty tuples mean: all families of the source, and conditions as each scene's seed says."""

    source: Source = "embedded"
    hours: float = 1.0  # of finished episodes
    families: tuple[str, ...] = ()
    weather: tuple[str, ...] = ()
    time_of_day: tuple[str, ...] = ()
    season: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    perspective: Perspective = "first"
    width: int = 640  # pixels
    height: int = 360  # pixels
    fps: float = 16.0  # of the embedded world and of Unreal Engine; games have their own
    seconds: float = 20.0  # of one episode
    episodes_per_scene: int = 2
    split: Split = "train"
    renderer: str = "auto"
    seed: int = 0
    min_free_gigabytes: float = 1.0  # of disk; recording stops below
    max_seconds: float | None = None  # time cap of the collection

    def __post_init__(self) -> None:
        if not 0 < self.hours <= 100_000:
            raise ValueError(f"hours = {self.hours}: ask for more than 0 and at most 100000")
        if not 1 <= self.seconds <= MAX_EPISODE_SECONDS:
            raise ValueError(f"seconds = {self.seconds}: an episode lasts 1 to {MAX_EPISODE_SECONDS:.0f} s")
        if not (16 <= self.width <= 4096 and 16 <= self.height <= 4096) or self.width % 2 or self.height % 2:
            raise ValueError(f"size {self.width}x{self.height}: use even numbers from 16 to 4096")
        if not (self.fps > 0 and self.seconds * self.fps >= 1):
            raise ValueError(f"fps = {self.fps}: an episode needs at least one frame")
        if self.episodes_per_scene < 1 or self.seed < 0:
            raise ValueError(f"episodes_per_scene = {self.episodes_per_scene}, seed = {self.seed}: use at least 1, and 0")
        _check_offered(self)

    @property
    def digest(self) -> str:
        """Names the collection: the same request goes on where it stopped, also when its time cap or disk limit changed."""
        return sha256_of(canonical_json(dataclasses.replace(self, min_free_gigabytes=0.0, max_seconds=None)))


def _check_offered(request: CollectionRequest) -> None:
    """Refuse what the source cannot do, before anything is recorded. Maps of an Unreal Engine build only it knows."""
    source = request.source
    if source != "unreal":
        _check_families(request)
    for wish in ("perspective", "weather", "time_of_day", "season"):
        if getattr(request, wish) not in ((), "first") and wish not in _OFFERS.get(source, ()):
            raise ValueError(f"source {source} has no choice of {wish.replace('_', ' ')}; leave it out")
    if source in ("embedded", "unreal", "minetest"):
        for wish in ("weather", "time_of_day", "season"):
            for value in getattr(request, wish):
                Conditions(**{wish: value})  # raises for one that does not exist
    _check_agents(request, (*AGENTS, *PLANNERS) if source in ("embedded", "unreal") else agents_of(source))


def _check_families(request: CollectionRequest) -> None:
    known = _families(request.source)
    if unknown := [family for family in request.families if family not in known]:
        raise ValueError(f"source {request.source} has no family {unknown[0]!r}; use {', '.join(known)}")


def _check_agents(request: CollectionRequest, walks: Iterable[str]) -> None:
    if strange := [agent for agent in request.agents if agent not in walks]:
        raise ValueError(f"source {request.source} has no agent {strange[0]!r}; use {', '.join(walks)}")


def families_of(source: Source, unreal: UnrealConfig) -> tuple[str, ...]:
    """The families that a source offers; a game is its own only one, an Unreal Engine build has those of its scene list.

    Raises:
        ValueError: the build has no scene list, so that nobody knows its maps; or the list cannot be read.
    """
    if not is_build(source, unreal):
        return _families(source)
    if not unreal.scenes:
        raise ValueError("an Unreal Engine build does not tell its maps; name them with --family, or in endpoints.unreal.scenes")
    return tuple(scene.name for scene in read_scene_list(Path(unreal.scenes)))


def _families(source: Source) -> tuple[str, ...]:
    match source:
        case "embedded" | "unreal":
            return FAMILIES
        case "vizdoom":
            return ("doom",)
        case _:
            return (source,)


def is_build(source: Source, unreal: UnrealConfig) -> bool:
    """Whether somebody else's maps are recorded, of which only pictures, depth and poses are known."""
    return source == "unreal" and bool(unreal.command or unreal.host)


def agents_of(source: Source, unreal: UnrealConfig = OWN_WORLD) -> tuple[str, ...]:
    """Who walks when the request does not say: the explorer, and walks that come back to where they were."""
    match source:
        case "unreal" if is_build(source, unreal):
            return DEPTH_WALKS
        case "embedded" | "unreal":
            return ("policy", "policy", "explore", "out_and_back", "loop")
        case _:
            return ("explore",)


def _check_maps(request: CollectionRequest, unreal: UnrealConfig) -> None:
    """Refuse maps that a build's scene list lacks, and conditions that one of those asked for lacks."""
    _check_agents(request, DEPTH_WALKS)
    if not unreal.scenes and not unreal.command:
        return  # a host may be the embedded world, which the recorder finds out
    if request.perspective != "first":
        raise ValueError("maps of an Unreal Engine build are recorded in first person; use perspective first")
    scenes = {scene.name: scene for scene in read_scene_list(Path(unreal.scenes))} if unreal.scenes else {}
    for family in request.families or families_of(request.source, unreal):
        if unreal.scenes and family not in scenes:
            raise ValueError(f"{unreal.scenes} lists no scene {family!r}; use one of {', '.join(scenes)}")
        for wish in ("weather", "time_of_day", "season"):
            known = getattr(scenes.get(family), wish, {})
            if lacking := [value for value in getattr(request, wish) if value not in known]:
                what = f"{wish.replace('_', ' ')} {lacking[0]!r}"
                raise ValueError(f"map {family} has no {what}; a scene list (endpoints.unreal.scenes) says how it is made")


def collection_of(request: CollectionRequest, unreal: UnrealConfig = OWN_WORLD) -> str:
    """Names what fulfils a request: its digest, and of an Unreal Engine build also which one."""
    build = _build_of(request.source, unreal)
    return sha256_of(canonical_json([request.digest, build])) if build else request.digest


def _renderer(request: CollectionRequest, build: str) -> str:
    """Who draws: over the protocol, where no engine is named, the embedded world."""
    if request.source == "embedded":
        return resolve_renderer(request.renderer)
    return "egl" if request.source == "unreal" and not build else request.source


def _build_of(source: Source, unreal: UnrealConfig) -> str:
    """Digest of how a build is reached and of what its scene list says; empty for other sources."""
    if not is_build(source, unreal):
        return ""
    listed = sha256_of(Path(unreal.scenes).read_bytes()) if unreal.scenes else ""
    return sha256_of(canonical_json([list(unreal.command), unreal.host, unreal.port, listed]))


def candidates(request: CollectionRequest, unreal: UnrealConfig = OWN_WORLD) -> Iterator[Job]:
    """Jobs without end, always in the same order: families in turn, and each family goes through all combinations asked for.

    Raises:
        ValueError: as ``families_of``; or an Unreal Engine build lacks a map or its conditions, or is to be walked by one who
            has to know it.
    """
    if is_build(request.source, unreal):
        _check_maps(request, unreal)
    else:
        _check_families(request)
    families = request.families or families_of(request.source, unreal)
    mixes = list(
        itertools.product(
            request.agents or agents_of(request.source, unreal),
            request.weather or ("",),
            request.time_of_day or ("",),
            request.season or ("",),
        )
    )
    order = np.random.default_rng(request.seed).permutation(len(mixes))
    bodies = sample_covering(BODIES, request.seed) if request.perspective == "third" else [-1]
    build = _build_of(request.source, unreal)
    fps = DOOM_FPS if request.source == "vizdoom" else request.fps
    for number in itertools.count():
        scene, take = divmod(number, request.episodes_per_scene)
        index, place = divmod(scene, len(families))
        family, episode = families[place], index * request.episodes_per_scene + take  # of the family
        agent, weather, time_of_day, season = mixes[order[(episode + place) % len(mixes)]]
        yield Job(
            source=request.source,
            family=family,
            split=request.split,
            scene_seed=scene_seed(family, request.split, index, request.seed),
            walk=agent,
            seed=take,
            frames=int(request.seconds * fps),
            width=request.width,
            height=request.height,
            fps=fps,
            renderer=_renderer(request, build),
            perspective=request.perspective,
            character=bodies[(number + number // len(bodies)) % len(bodies)],  # shifted each round, to meet other mixes
            weather=weather,
            time_of_day=time_of_day,
            season=season,
            build=build,
        )


def planned(collection: str, number: int, job: Job) -> PlannedJob:
    """The job's row in table ``jobs``."""
    return PlannedJob(
        job_id=job.episode_id,
        collection=collection,
        number=number,
        source=job.source,
        family=job.family,
        scene_seed=job.scene_seed,
        character=job.character,
        perspective=job.perspective,
        weather=job.weather,
        time_of_day=job.time_of_day,
        season=job.season,
        agent=job.walk,
        seed=job.seed,
        frames=job.frames,
        split=job.split,
        recipe=canonical_json(job).decode(),
    )
