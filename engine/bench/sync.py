"""Does the self-test of sync see what it must? Rows as recorded pass; rows made wrong on purpose are refused or put right."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.games.doom import FPS as DOOM_FPS
from engine.job import Job, scene_seed
from engine.plan import resolve_renderer
from engine.record import record_job
from engine.scenes.build import FAMILIES
from engine.sync import meter_episode, poses_at
from engine.synced import EXACT_DEPTH, Synced, settle_sync
from infra.body_track import body_track
from infra.episodes import Recording
from infra.errors import NotHereError
from infra.schema import Frames
from infra.schema.episode import UNKNOWN_AGREEMENT

Verdict = Literal["refused", "put right", "escaped", "no different"]

EDGE: Final = 4  # rows at either end that are not compared: what moved out of a recording is lost
NEAR: Final = 0.25  # rows by which poses may still be off where they are right


@dataclass(frozen=True, kw_only=True)
class SyncBenchConfig:
    """Unseen scenes of the embedded world, maps of ViZDoom, worlds of Minetest."""

    families: tuple[str, ...] = FAMILIES
    scenes_per_family: int = 1
    walks: tuple[str, ...] = ("policy", "explore", "loop")  # each in first and in third person
    frames: int = 240  # of an episode of the embedded world
    games: int = 10  # episodes of ViZDoom
    minetest: int = 3  # episodes of Minetest, in real time
    game_frames: int = 256
    width: int = 224  # pixels
    height: int = 128
    seed: int = 41  # no threshold was picked on its scenes


def bench_sync(config: SyncBenchConfig, say: Callable[[str], None]) -> dict[str, Any]:
    """Record, and settle the rows once more with each of ``WRONG``; figures by episode and by source."""
    episodes = []
    for job in sync_jobs(config):
        try:
            episodes.append(judge(record_job(job)))
        except NotHereError as error:
            say(f"left out {job.source} {job.family} {job.walk}: {error}")
            continue
        say(_line(episodes[-1]))
    names = dict.fromkeys(episode["source"] for episode in episodes)
    sources = {name: _summary([episode for episode in episodes if episode["source"] == name]) for name in names}
    for name, summary in sources.items():
        say(_total(name, summary))
    return {"config": asdict(config), "episodes": episodes, "sources": sources}


def sync_jobs(config: SyncBenchConfig) -> Iterator[Job]:
    """Every walk through every scene in first and in third person, then the games."""
    size: dict[str, Any] = {"split": "val", "width": config.width, "height": config.height}
    renderer = resolve_renderer("auto")
    for family in config.families:
        for index in range(config.scenes_per_family):
            for walk in config.walks:
                for perspective in ("first", "third"):
                    yield Job(
                        source="embedded", family=family, scene_seed=scene_seed(family, "val", index, config.seed), walk=walk,
                        seed=0, frames=config.frames, fps=16.0, renderer=renderer, perspective=perspective, **size,
                    )  # fmt: skip
    for number in range(config.games):
        yield Job(
            source="vizdoom", family="doom", scene_seed=scene_seed("doom", "val", number, config.seed), walk="explore",
            seed=number, frames=config.game_frames, fps=DOOM_FPS, renderer="vizdoom", **size,
        )  # fmt: skip
    for number in range(config.minetest):
        yield Job(
            source="minetest", family="minetest", scene_seed=scene_seed("minetest", "val", number, config.seed), walk="explore",
            seed=number, frames=config.game_frames, fps=16.0, renderer="minetest", **size,
        )  # fmt: skip


def judge(recording: Recording) -> dict[str, Any]:
    """What the self-test says of an episode as it was recorded, and of its rows made wrong where those passed."""
    episode = recording.episode
    found: dict[str, Any] = {
        "source": episode.source + (", third person" if episode.perspective == "third" else ""),
        "family": episode.family,
        "walk": episode.walk,
        "checked": episode.sync_checked,
        "lag_frames": episode.sync_lag_frames,
        "action_lag_frames": episode.action_lag_frames,
        "action_agreement": episode.action_agreement,
    }
    tried = WRONG if episode.sync_checked else {}
    return found | {"controls": {name: _try(recording, make_wrong(recording.frames)) for name, make_wrong in tried.items()}}


def settle_again(recording: Recording, frames: Frames) -> Synced:
    """The self-test of other rows with a recording's pictures."""
    episode = recording.episode
    meter = meter_episode(frames, recording.rgb, recording.depth if episode.source in EXACT_DEPTH else None)
    return settle_sync(frames, meter, episode.sync, body_track(frames) if episode.perspective == "third" else None)


def _try(recording: Recording, wrong: Frames) -> Verdict:
    if _is_right(wrong, recording.frames):
        return "no different"
    found = settle_again(recording, wrong)
    if not found.checked:
        return "refused"
    return "put right" if _is_right(found.frames, recording.frames) else "escaped"


def _is_right(found: Frames, recorded: Frames) -> bool:
    inner = slice(EDGE, -EDGE)
    keys, mouse = (np.array_equal(getattr(found, name)[inner], getattr(recorded, name)[inner]) for name in ("keyboard", "mouse"))
    off, row = float(np.abs(found.c2w - recorded.c2w)[inner].mean()), float(np.abs(np.diff(recorded.c2w, axis=0))[inner].mean())
    return keys and mouse and off <= NEAR * row


def _rows(order: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> Callable[[Frames], Frames]:
    """Actions in another order of rows."""

    def make_wrong(frames: Frames) -> Frames:
        rows = np.clip(order(np.arange(len(frames))), 0, len(frames) - 1)
        return dataclasses.replace(frames, keyboard=frames.keyboard[rows], mouse=frames.mouse[rows])

    return make_wrong


def _poses(shift: float) -> Callable[[Frames], Frames]:
    return lambda frames: dataclasses.replace(frames, c2w=poses_at(frames.c2w, np.arange(len(frames), dtype=np.float64) + shift))


WRONG: Final[dict[str, Callable[[Frames], Frames]]] = {
    "actions a row later": _rows(lambda rows: rows - 1),
    "actions a row earlier": _rows(lambda rows: rows + 1),
    "pairs of actions swapped": _rows(lambda rows: rows ^ 1),
    "actions backwards": _rows(lambda rows: rows[::-1]),
    "W for S": lambda frames: dataclasses.replace(frames, keyboard=frames.keyboard[:, [1, 0, 2, 3, 4, 5]]),
    "mouse inverted": lambda frames: dataclasses.replace(frames, mouse=-frames.mouse),
    "poses a row later": _poses(-1.0),
    "poses a row earlier": _poses(1.0),
}
"""Rows made wrong on purpose, by what is done to them."""


def _summary(episodes: list[dict[str, Any]]) -> dict[str, Any]:
    passed = [episode for episode in episodes if episode["checked"]]
    compared = [episode for episode in passed if episode["action_agreement"] != UNKNOWN_AGREEMENT]
    verdicts = {name: [episode["controls"][name] for episode in passed] for name in WRONG}
    return {
        "episodes": len(episodes),
        "passed": len(passed),
        "compared": len(compared),
        "worst_lag_frames": max((abs(episode["lag_frames"]) for episode in passed), default=None),
        "worst_action_lag_frames": max((abs(episode["action_lag_frames"]) for episode in compared), default=None),
        "least_agreement": min((episode["action_agreement"] for episode in compared), default=None),
        "controls": {name: {kind: given.count(kind) for kind in set(given)} for name, given in verdicts.items()},
    }


def _line(episode: dict[str, Any]) -> str:
    escaped = [name for name, verdict in episode["controls"].items() if verdict == "escaped"]
    return (
        f"{episode['source']:24} {episode['family']:10} {episode['walk']:8} {'passed' if episode['checked'] else 'NOT SHOWN'}, "
        f"lag {episode['lag_frames']:+.2f}, actions {episode['action_lag_frames']:+.2f}, agreement "
        f"{episode['action_agreement']:.2f}" + (f"; ESCAPED: {', '.join(escaped)}" if escaped else "")
    )


def _total(source: str, summary: dict[str, Any]) -> str:
    controls = "".join(
        f"\n  {name:26} " + ", ".join(f"{count} {kind}" for kind, count in sorted(given.items()))
        for name, given in summary["controls"].items()
    )
    return (
        f"{source}: {summary['passed']} of {summary['episodes']} passed, lag at most {summary['worst_lag_frames']}; in "
        f"{summary['compared']} of them actions were compared, lag at most {summary['worst_action_lag_frames']}, agreement "
        f"at least {summary['least_agreement']}{controls}"
    )
