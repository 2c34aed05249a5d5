"""Drives any recorder through one job and gathers what it showed."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from engine.embedded import EmbeddedRecorder
from engine.games.doom import VizdoomRecorder
from engine.job import Job
from engine.recorder import Recorder, SourceFacts, State
from engine.titles.recorder import TitleRecorder, TitlesConfig
from engine.walks import revisit_share
from infra.episodes import Recording
from infra.schema import Episode, Frames
from infra.schema.episode import MAX_EPISODE_SECONDS

_warm: dict[str, Recorder] = {}  # one recorder of each source a process


def record_job(job: Job) -> Recording:
    """Record one job from start to end; the same job gives the same pixels on the same machine.

    Raises:
        ValueError: the job is longer than an episode may be, or its scene has no room for the walk.
    """
    if job.frames > MAX_EPISODE_SECONDS * job.fps:
        raise ValueError(
            f"{job.frames} frames at {job.fps} fps are more than {MAX_EPISODE_SECONDS:.0f} s; lower frames_per_episode"
        )
    if job.source not in _warm:
        _warm[job.source] = _make_recorder(job)
    return gather(_warm[job.source], job)


def _make_recorder(job: Job) -> Recorder:
    match job.source:
        case "embedded":
            return EmbeddedRecorder()
        case "vizdoom":
            return VizdoomRecorder()
        case "gta_v" | "red_dead_redemption_2" | "palworld" | "cyberpunk_2077" | "hogwarts_legacy":
            return TitleRecorder(job.source, TitlesConfig())
        case _:
            raise ValueError(f"source {job.source!r} has no recorder yet; use embedded or vizdoom")


def gather(recorder: Recorder, job: Job) -> Recording:
    """Run the recorder in lock-step: row i holds state i and the action i that leads to frame i + 1."""
    states: list[State] = [recorder.reset(job)]
    actions: list[tuple[NDArray[np.int8], NDArray[np.float32]]] = []
    while (action := recorder.act(states[-1])) is not None:
        actions.append(action)
        states.append(recorder.step(*action))
    del states[len(actions) :]  # where the last, unused action led
    frames = _frames(states, actions)
    episode = _episode(recorder.facts(), job, frames)
    depth = [state.depth for state in states if state.depth is not None]
    return Recording(
        episode=episode,
        frames=frames,
        rgb=np.stack([state.rgb for state in states]),
        depth=np.stack(depth) if depth else None,
        scene=recorder.facts().scene,
    )


def _frames(states: list[State], actions: list[tuple[NDArray[np.int8], NDArray[np.float32]]]) -> Frames:
    return Frames(
        tick=np.array([state.tick for state in states], np.int64),
        time=np.array([round(state.seconds * 1e9) for state in states], np.int64),
        c2w=np.stack([state.c2w for state in states]),
        intrinsics=np.stack([state.intrinsics for state in states]),
        raw_pose=np.stack([state.raw_pose for state in states]),
        keyboard=np.stack([keyboard for keyboard, _ in actions]),
        mouse=np.stack([mouse for _, mouse in actions]),
        collided=np.array([state.collided for state in states]),
        rgb_sha256=[hashlib.sha256(state.rgb.tobytes()).hexdigest() for state in states],
    )


def _episode(facts: SourceFacts, job: Job, frames: Frames) -> Episode:
    return Episode(
        episode_id=job.episode_id,
        source=job.source,
        scene_id=facts.scene_id,
        family=job.family,
        character_id=facts.character_id,
        weather=facts.weather,
        time_of_day=facts.time_of_day,
        season=facts.season,
        perspective=job.perspective,
        walk=job.walk,
        seed=job.seed,
        frames=len(frames),
        width=job.width,
        height=job.height,
        fps=job.fps,
        sync=facts.sync,
        sync_lag_frames=0.0,
        depth_kind=facts.depth_kind,
        scale_known=facts.scale_known,
        action_quality="recorded",
        renderer=job.renderer,
        revisit_share=revisit_share(frames.c2w),
        licence=facts.licence,
        redistributable=facts.redistributable,
        commercial_ok=facts.commercial_ok,
        source_url=facts.source_url,
        split=job.split,
        frames_object="",
        video_object="",
        depth_object="",
        scene_object="",
        mask_object="",
    )
