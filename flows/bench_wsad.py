"""Inferred keys and mouse against recorded ones: unseen scenes of every family, games, or the episodes of a store.

Thresholds were tuned on scenes, maps and worlds of the training split with seeds of their own; what is scored here is the
validation split, which never shares a seed with it (``engine.job.scene_seed``), and in ViZDoom never a map.
"""

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from annotation.wsad_curves import CurveConfig, Rule, Track, exact_tallies, measure_curves, summarise
from annotation.wsad_score import WsadTally
from engine.body import Body, Stance
from engine.characters.catalogue import character_of
from engine.characters.follow import Follower
from engine.explore.explorer import AGENTS, plan_agent_walk
from engine.job import Job, scene_seed
from engine.record import SlowGameError, record_episode
from engine.scenes.build import FAMILIES, build_scene
from engine.walks import WalkPlan, plan_walk
from infra.body_track import body_track
from infra.directions import DIRECTIONS
from infra.dynamics import camera_to_world
from infra.episodes import list_episodes
from infra.errors import NotHereError
from infra.schema import Frames
from infra.schema.episode import frames_from_table
from infra.store import Store, open_store

Array = NDArray[np.float64]

WALKS: Final = ("explore", "out_and_back", "loop", "policy", "route", "random")
EXACT: Final = "embedded"  # the source whose poses the aims speak of
CAMERA: Final = "third, camera"  # the embedded world in third person, by the track of the camera that follows
BODY: Final = "third, body"  # the same walks, by the track of the body that is kept beside it
DEFINITIONS: Final = {
    "moved": "frames whose camera (in third person the body) went further than 5 % of a free step, whoever or whatever moved it",
    "F1 moved": "macro-F1 of nine classes (eight directions and still) on those; unknown counts as wrong. The aim speaks of it",
    "walked": "macro-F1 of the eight directions on those with a key down: passers-by also push who stands, in tens of frames",
    "accuracy": "share of all frames that moved whose keys are right",
    "F1 all": "macro-F1 of nine classes on every frame",
    "coverage": "share of frames that are not unknown",
    "fixed": "the fixed-threshold rule that HY-WorldPlay publishes, frame by frame, on the same tracks",
}


@dataclass(frozen=True, kw_only=True)
class WsadBenchConfig:
    """What is walked when no store is given: unseen scenes, all of the validation split."""

    families: tuple[str, ...] = FAMILIES
    scenes_per_family: int = 3
    walks: tuple[str, ...] = WALKS
    frames: int = 480  # of a walk
    fps: float = 16.0
    third: int = 1  # scenes a family that are walked in third person as well
    third_walks: tuple[str, ...] = ("explore", "route")
    games: int = 6  # episodes of ViZDoom, each on a map and from a start of its own
    minetest: int = 3  # episodes of Minetest, each in a world of its own; the real client plays in real time
    minetest_frames: int = 320
    seed: int = 21  # none of its scenes was looked at while the rule was made
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
    result: dict[str, Any] = {"config": dataclasses.asdict(config), "definitions": DEFINITIONS, "tracks": len(tracks)}
    for name, meaning in DEFINITIONS.items():
        say(f"{name}: {meaning}")
    for key in ("source", "family", "walk"):
        pairs = list(zip(tracks, tallies, strict=True))
        scored = pairs if key == "source" else [pair for pair in pairs if pair[0].source == EXACT] or pairs
        result[key] = _grouped(scored, key, config.curves)
        say(f"{key:14} rule   F1 moved [95 %]            walked   accuracy F1 all   coverage  mouse mean / worst    frames moved")
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
                yield from _walked(body, walk, config, third=index < config.third and walk in config.third_walks)
        say(f"walked {config.scenes_per_family} scenes of {family}")
    for number in range(config.games):
        yield _played(_doom_job(number, config))
    for number in range(config.minetest):
        try:
            yield _played(_minetest_job(number, config))
            say(f"played {number + 1} of {config.minetest} episodes of Minetest")
        except (NotHereError, SlowGameError) as error:  # a busy machine gives rows that are no sixteenth of a second
            say(f"left out episode {number + 1} of Minetest: {error}")


def _walked(body: Body, walk: str, config: WsadBenchConfig, *, third: bool) -> Iterator[Track]:
    """One walk in first person, and the same in third by both of its tracks."""
    plan = (plan_agent_walk if walk in AGENTS else plan_walk)(body, walk, 0, config.frames)
    stances = [plan.start, *body.follow(plan.start, plan.keyboard[:-1], plan.mouse[:-1])]
    frames = _frames_of(body, plan, stances)
    about: dict[str, Any] = {"family": body.scene.family, "scene": body.scene.scene_id, "walk": walk, "frames": frames}
    yield Track(source=EXACT, c2w=frames.c2w, **about)
    if third:
        camera, eyes = _followed(body, plan, stances)
        yield Track(source=BODY, c2w=eyes, **about)
        yield Track(source=CAMERA, c2w=camera, body=eyes, **about)


def _followed(body: Body, plan: WalkPlan, stances: Sequence[Stance]) -> tuple[Array, Array]:
    """The poses (T, 4, 4) of the camera behind a body and of the body's eyes, as a recording in third person keeps them."""
    follower = Follower(body.scene, character_of(body.scene.seed), body.fps)
    state = follower.begin(stances[0])
    cameras, tracks = [follower.camera(state, stances[0])], [follower.track(state, stances[0])]
    for before, after, keyboard in zip(stances[:-1], stances[1:], plan.keyboard[:-1], strict=True):
        state = follower.advance(state, before, after, keyboard)
        cameras.append(follower.camera(state, after))
        tracks.append(follower.track(state, after))
    kept = np.stack(tracks)
    return np.stack(cameras), camera_to_world(kept[:, :3], kept[:, 3], kept[:, 4])


def _frames_of(body: Body, plan: WalkPlan, stances: Sequence[Stance]) -> Frames:
    """What a recording of this plan holds but for its pictures."""
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


def _doom_job(number: int, config: WsadBenchConfig) -> Job:
    """ViZDoom at its smallest: the poses are what counts."""
    return Job(
        source="vizdoom", family="vizdoom", split="val", scene_seed=scene_seed("vizdoom", "val", number, config.seed),
        walk="explore", seed=number, frames=config.frames, width=64, height=36, fps=17.5, renderer="vizdoom",
    )  # fmt: skip


def _minetest_job(number: int, config: WsadBenchConfig) -> Job:
    return Job(
        source="minetest", family="minetest", split="val", scene_seed=scene_seed("minetest", "val", number, config.seed),
        walk="explore", seed=number, frames=config.minetest_frames, width=224, height=128, fps=16.0, renderer="minetest",
    )  # fmt: skip


def _played(job: Job) -> Track:
    """An episode of a game, recorded as any other, so that one which did not keep its rate is refused."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder)
        episode = record_episode(store, job)
        frames = frames_from_table(pq.read_table(store.local_path(episode.frames_object)))
    return Track(source=job.source, family=job.family, scene=episode.scene_id, walk=job.walk, c2w=frames.c2w, frames=frames)


def store_tracks(store: Store) -> Iterator[Track]:
    """Every episode of the store whose input was recorded; third-person ones by both of their tracks."""
    for episode in list_episodes(store, "action_quality = 'recorded'"):
        frames = frames_from_table(pq.read_table(store.local_path(episode.frames_object)))
        about: dict[str, Any] = {"family": episode.family, "scene": episode.scene_id, "walk": episode.walk, "frames": frames}
        if episode.perspective == "third":
            eyes = body_track(frames)
            yield Track(source=f"{episode.source}, {BODY}", c2w=eyes, **about)
            yield Track(source=f"{episode.source}, {CAMERA}", c2w=frames.c2w, body=eyes, **about)
        else:
            yield Track(source=episode.source, c2w=frames.c2w, **about)


def _grouped(
    pairs: Sequence[tuple[Track, dict[Rule, WsadTally]]], key: str, config: CurveConfig
) -> dict[str, dict[str, dict[str, Any]]]:
    groups: dict[str, dict[str, dict[str, Any]]] = {}
    for name in sorted({getattr(track, key) for track, _ in pairs}):
        chosen = [(track.scene, tally) for track, tally in pairs if getattr(track, key) == name]
        scenes = [scene for scene, _ in chosen]
        groups[name] = {rule: summarise(scenes, [tally[rule] for _, tally in chosen], config) for rule in chosen[0][1]}
    return groups


def _line(name: str, rule: str, figures: dict[str, Any]) -> str:
    low, high = figures["macro_f1_moved_interval"]
    mouse = f"{figures['mouse_error_degrees']:8.5f} / {figures['mouse_worst_degrees']:7.4f}" if rule == "ours" else " " * 18
    return (
        f"{name:14} {rule:6} {figures['macro_f1_moved']:.4f} [{low:.4f}, {high:.4f}]  {figures['macro_f1_walked']:.4f}"
        f"   {figures['accuracy_moved']:.4f}   {figures['macro_f1_all']:.4f}"
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
    ours = exact["ours"]
    f1, walked, mouse = ours["macro_f1_moved"], ours["macro_f1_walked"], ours["mouse_worst_degrees"]
    least = config.aim_macro_f1
    return {
        f"macro-F1 at least {least:g} on frames that moved, nine classes": {"figure": f1, "met": f1 >= least},
        f"macro-F1 at least {least:g} on those with a key down, eight directions": {"figure": walked, "met": walked >= least},
        f"mouse never off by {config.aim_mouse_degrees:g} degrees": {"figure": mouse, "met": mouse < config.aim_mouse_degrees},
    }
