"""Inferred keys and mouse against recorded ones: unseen scenes of every family, games, or the episodes of a store."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq

from annotation.wsad_curves import CurveConfig, Track, exact_tallies, measure_curves, summarise
from annotation.wsad_score import WsadTally
from engine.body import Body
from engine.explore.explorer import AGENTS, plan_agent_walk
from engine.job import Job, scene_seed
from engine.record import record_job
from engine.scenes.build import FAMILIES, build_scene
from engine.walks import WalkPlan, plan_walk
from infra.body_track import body_track
from infra.directions import DIRECTIONS
from infra.episodes import list_episodes
from infra.schema import Frames
from infra.schema.episode import frames_from_table
from infra.store import Store

WALKS: Final = ("explore", "out_and_back", "loop", "policy", "route", "random")
EXACT: Final = "embedded"  # the source whose poses the aims speak of


@dataclass(frozen=True, kw_only=True)
class WsadBenchConfig:
    """What is walked when no store is given: unseen scenes, all of the validation split."""

    families: tuple[str, ...] = FAMILIES
    scenes_per_family: int = 3
    walks: tuple[str, ...] = WALKS
    frames: int = 480  # of a walk
    fps: float = 16.0
    games: int = 6  # episodes of ViZDoom, each on a map and from a start of its own
    seed: int = 8
    curves: CurveConfig = field(default_factory=CurveConfig)
    aim_macro_f1: float = 0.99  # on exact poses of the embedded world, frames that moved
    aim_mouse_degrees: float = 0.1


def bench_wsad(config: WsadBenchConfig, store: Store | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Score our rule and the fixed one by source, family and walk, then draw the curves on the embedded world.

    Raises:
        ValueError: the store holds no episode whose input was recorded.
    """
    tracks = list(store_tracks(store) if store is not None else walked_tracks(config, say))
    if not tracks:
        raise ValueError(f"{store.uri if store else 'the plan'} holds no episode with recorded input; collect some first")
    tallies = [exact_tallies(track, config.curves.wsad) for track in tracks]
    result: dict[str, Any] = {"config": dataclasses.asdict(config), "tracks": len(tracks)}
    for key in ("source", "family", "walk"):
        result[key] = _grouped(tracks, tallies, key, config.curves)
        say(f"{key:14} rule   F1 moved [95 %]            walked   F1 all   coverage  mouse mean / worst    frames moved")
        for name, rules in result[key].items():
            for rule, figures in rules.items():
                say(_line(name, rule, figures))
    for line in result.setdefault("confusions", _confusions(tracks, [tally["ours"] for tally in tallies])):
        say(line)
    result["aims"] = _aims(result["source"].get(EXACT), config)
    for name, aim in result["aims"].items():
        say(f"{'met   ' if aim['met'] else 'MISSED'} {name}: {aim['figure']:.4f}")
    own = [track for track in tracks if track.source == EXACT] or tracks
    result["curves"] = measure_curves(own, config.curves, say)
    return result


def walked_tracks(config: WsadBenchConfig, say: Callable[[str], None]) -> Iterator[Track]:
    """Walks that are planned and followed without drawing anything, and games that are recorded."""
    for family in config.families:
        for index in range(config.scenes_per_family):
            body = Body(build_scene(family, scene_seed(family, "val", index, config.seed)), config.fps)
            for walk in config.walks:
                yield _walked(body, walk, config)
        say(f"walked {config.scenes_per_family} scenes of {family}")
    for number in range(config.games):
        yield _played(number, config)


def _walked(body: Body, walk: str, config: WsadBenchConfig) -> Track:
    plan = (plan_agent_walk if walk in AGENTS else plan_walk)(body, walk, 0, config.frames)
    frames = _frames_of(body, plan)
    return Track(source=EXACT, family=body.scene.family, scene=body.scene.scene_id, walk=walk, c2w=frames.c2w, frames=frames)


def _frames_of(body: Body, plan: WalkPlan) -> Frames:
    """What a recording of this plan holds but for its pictures."""
    stances = [plan.start, *body.follow(plan.start, plan.keyboard[:-1], plan.mouse[:-1])]
    count = len(stances)
    return Frames(
        tick=np.array([stance.tick for stance in stances]),
        time=np.array([round(stance.tick / body.fps * 1e9) for stance in stances]),
        c2w=np.stack([stance.c2w() for stance in stances]),
        intrinsics=np.ones((count, 4)),
        raw_pose=np.zeros((count, 1)),
        keyboard=plan.keyboard,
        mouse=plan.mouse,
        collided=np.array([stance.collided for stance in stances]),
        rgb_sha256=[""] * count,
    )


def _played(number: int, config: WsadBenchConfig) -> Track:
    """An episode of ViZDoom at its smallest: the poses are what counts."""
    job = Job(
        source="vizdoom", family="vizdoom", split="val", scene_seed=scene_seed("vizdoom", "val", number, config.seed),
        walk="explore", seed=number, frames=config.frames, width=64, height=36, fps=17.5, renderer="vizdoom",
    )  # fmt: skip
    recording = record_job(job)
    scene = recording.episode.scene_id
    c2w = recording.frames.c2w
    return Track(source="vizdoom", family="vizdoom", scene=scene, walk="explore", c2w=c2w, frames=recording.frames)


def store_tracks(store: Store) -> Iterator[Track]:
    """Every episode of the store whose input was recorded; of third-person ones the body's own track."""
    for episode in list_episodes(store, "action_quality = 'recorded'"):
        frames = frames_from_table(pq.read_table(store.local_path(episode.frames_object)))
        c2w = body_track(frames) if episode.perspective == "third" else frames.c2w
        about = {"source": episode.source, "family": episode.family, "scene": episode.scene_id, "walk": episode.walk}
        yield Track(**about, c2w=c2w, frames=frames)


Tallies = Sequence[dict[Any, WsadTally]]


def _grouped(tracks: Sequence[Track], tallies: Tallies, key: str, config: CurveConfig) -> dict[str, dict[str, dict[str, Any]]]:
    groups: dict[str, dict[str, dict[str, Any]]] = {}
    for name in sorted({getattr(track, key) for track in tracks}):
        chosen = [(track.scene, tally) for track, tally in zip(tracks, tallies, strict=True) if getattr(track, key) == name]
        scenes = [scene for scene, _ in chosen]
        groups[name] = {rule: summarise(scenes, [tally[rule] for _, tally in chosen], config) for rule in chosen[0][1]}
    return groups


def _line(name: str, rule: str, figures: dict[str, Any]) -> str:
    low, high = figures["macro_f1_moved_interval"]
    mouse = f"{figures['mouse_error_degrees']:8.5f} / {figures['mouse_worst_degrees']:7.4f}" if rule == "ours" else " " * 18
    return (
        f"{name:14} {rule:6} {figures['macro_f1_moved']:.4f} [{low:.4f}, {high:.4f}]  {figures['macro_f1_walked']:.4f}"
        f"   {figures['macro_f1_all']:.4f}"
        f"   {figures['coverage']:.4f}    {mouse}   {figures['frames_moved']}"
    )


def _confusions(tracks: Sequence[Track], tallies: Sequence[WsadTally], most: int = 6) -> list[str]:
    """The most frequent mistakes of each source on frames that moved."""
    lines = []
    for source in sorted({track.source for track in tracks}):
        own = [np.reshape(tally.moved, (9, 10)) for track, tally in zip(tracks, tallies, strict=True) if track.source == source]
        table = np.sum(own, 0)
        np.fill_diagonal(table[:, :9], 0)
        names = (*DIRECTIONS, "unknown")
        for truth, guess in zip(*np.unravel_index(np.argsort(-table, axis=None)[:most], table.shape), strict=True):
            if table[truth, guess]:
                lines.append(f"{source}: {names[truth]} read as {names[guess]}: {table[truth, guess]} frames")
    return lines


def _aims(exact: dict[str, dict[str, Any]] | None, config: WsadBenchConfig) -> dict[str, dict[str, Any]]:
    """The aims for the embedded world; none where nothing of it was scored."""
    if exact is None:
        return {}
    f1, mouse = exact["ours"]["macro_f1_moved"], exact["ours"]["mouse_worst_degrees"]
    return {
        f"macro-F1 at least {config.aim_macro_f1:g} on frames that moved": {"figure": f1, "met": f1 >= config.aim_macro_f1},
        f"mouse never off by {config.aim_mouse_degrees:g} degrees": {"figure": mouse, "met": mouse < config.aim_mouse_degrees},
    }
