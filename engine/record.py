"""Drives any recorder through one job, into the store as it goes or into memory."""

import atexit
import hashlib
import logging
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.embedded.recorder import EmbeddedRecorder
from engine.endpoints import EndpointsConfig
from engine.games.doom import VizdoomRecorder
from engine.games.titles.profile import TITLES
from engine.games.titles.recorder import title_recorder
from engine.job import Job
from engine.recorder import LateRecorder, Recorder, SourceFacts, State
from engine.scenes.build import FAMILIES
from engine.scenes.conditions import shared_time
from engine.sync import SyncConfig, SyncMeter
from engine.synced import EXACT_DEPTH, Synced, settle_sync
from engine.unreal.recorder import UnrealRecorder
from engine.walks import revisit_share
from infra.body_track import body_track
from infra.episode_stream import EpisodeStream
from infra.episodes import Recording, commit_episode, find_episode
from infra.errors import NotHereError, WorldloomError
from infra.frame_queue import FrameQueue
from infra.schema import Episode, Frames
from infra.schema.episode import MAX_EPISODE_SECONDS
from infra.store import Store
from infra.tables import was_appended

Action = tuple[NDArray[np.int8], NDArray[np.float32]]

TITLE_SYNC: Final = SyncConfig(most_lag=6.0, reach=6, most_pairs=96, first_pairs=24.0, pairs_a_frame=0.3)  # nobody knows it
MOST_RATE_ERROR: Final = 0.25  # of the frames a second of a game on the wall clock
ENDPOINTS: Final = EndpointsConfig()
_log = logging.getLogger(__name__)
_warm: dict[str, Recorder] = {}  # one recorder of each source a process


class NothingShownError(WorldloomError):
    """An episode was over before it began."""


class SlowGameError(WorldloomError):
    """A game on the wall clock did not keep the rate that its episode states."""


def record_job(job: Job, endpoints: EndpointsConfig = ENDPOINTS) -> Recording:
    """Record one job in memory; the same job gives the same pixels on the same machine. For tests and short jobs.

    Raises as ``record_episode``.
    """
    return gather(_recorder_of(job, endpoints), job)


def record_episode(store: Store, job: Job, endpoints: EndpointsConfig = ENDPOINTS) -> Episode:
    """Record one job into the store, in memory that does not grow with its length; one that is there is left alone.

    Raises:
        ValueError: the job is longer than an episode may be, or its scene has no room for the walk.
        StoreFullError, StoreUnreachableError: the store did not take it; nothing is visible then.
    """
    if was_appended(store, "episodes", job.episode_id) and (written := find_episode(store, job.episode_id)) is not None:
        return written
    try:
        return stream(_recorder_of(job, endpoints), job, store)
    except Exception:
        if (broken := _warm.pop(job.source, None)) is not None:
            broken.close()  # the next job begins with a fresh one
        raise


def _recorder_of(job: Job, endpoints: EndpointsConfig) -> Recorder:
    if job.frames > MAX_EPISODE_SECONDS * job.fps:
        raise ValueError(
            f"{job.frames} frames at {job.fps} fps are more than {MAX_EPISODE_SECONDS:.0f} s; lower frames_per_episode"
        )
    if job.source not in _warm:
        _warm[job.source] = make_recorder(job, endpoints)
    return _warm[job.source]


@atexit.register
def close_recorders() -> None:
    """End the games and engines that this process kept warm, so that they remove their sockets and files."""
    while _warm:
        source, recorder = _warm.popitem()
        try:
            recorder.close()
        except Exception as error:  # the others' files are to go, too
            _log.warning("the recorder of %s did not end well: %s", source, error)


def make_recorder(job: Job, endpoints: EndpointsConfig = ENDPOINTS) -> Recorder:
    match job.source:
        case "embedded":
            return EmbeddedRecorder()
        case "vizdoom":
            return VizdoomRecorder()
        case "unreal":
            return UnrealRecorder(endpoints.unreal)
        case "minetest":
            return _minetest(endpoints)
        case "gta_v" | "red_dead_redemption_2" | "palworld" | "cyberpunk_2077" | "hogwarts_legacy":
            return title_recorder(job.source, endpoints.titles)
        case _:
            raise ValueError(f"source {job.source!r} has no recorder yet; use embedded or vizdoom")


def _minetest(endpoints: EndpointsConfig) -> Recorder:
    try:
        from engine.games.minetest.recorder import MinetestRecorder
    except ImportError:
        raise NotHereError("recording Minetest needs the package python-xlib; pip install 'worldloom[games]'") from None
    return MinetestRecorder(endpoints.minetest)


def gather(recorder: Recorder, job: Job) -> Recording:
    """Run the recorder through the job and hold all of it in memory."""
    states: list[State] = []
    meter = _meter_of(job)

    def keep(state: State) -> None:
        states.append(state)
        _meter(meter, job, state)

    rows = _drive(recorder, job, keep)
    facts = recorder.facts()
    frames = _frames(rows, [hashlib.sha256(state.rgb.tobytes()).hexdigest() for state in states])
    synced = settle_sync(frames, meter, facts.sync, _track(job, frames))
    depth = [state.depth for state in states if state.depth is not None]
    masks = [state.mask for state in states if state.mask is not None]
    return Recording(
        episode=_episode(facts, job, synced),
        frames=synced.frames,
        rgb=np.stack([state.rgb for state in states]),
        depth=np.stack(depth) if depth else None,
        scene={**facts.scene, "sync": synced.curve},
        mask=np.stack(masks) if masks else None,
    )


def stream(recorder: Recorder, job: Job, store: Store) -> Episode:
    """Run the recorder through the job while its frames are encoded beside it; none is kept. The row comes last."""
    meter = _meter_of(job)
    patient = waits_for_us(job)
    metered: FrameQueue[State] = FrameQueue(lambda state: _meter(meter, job, state), "sync", patient=patient)
    with metered, EpisodeStream(store, job.fps, patient=patient) as files:

        def keep(state: State) -> None:
            files.add(state.rgb, state.depth, state.mask)
            metered.add(state)

        rows = _drive(recorder, job, keep)
        facts = recorder.facts()
        _check_rate(rows, facts, job)
        frames = _frames(rows, files.hashes())
        metered.drain()
        synced = settle_sync(frames, meter, facts.sync, _track(job, frames))
        episode, scene = _episode(facts, job, synced), {**facts.scene, "sync": synced.curve}
        return commit_episode(store, files.finish(episode, synced.frames, scene))


def waits_for_us(job: Job) -> bool:
    """Whether the world stands still until it is asked for the next frame, whatever the engine: encoding may take its time."""
    return job.source in ("embedded", "vizdoom") or (job.source == "unreal" and job.family in FAMILIES)


def _check_rate(rows: "list[_Row]", facts: SourceFacts, job: Job) -> None:
    """A game on the wall clock must keep its rate: its video is read as ``job.fps``, whatever its rows' times say."""
    if facts.sync == "exact" or len(rows) < 2:
        return
    rate = (len(rows) - 1) / max((rows[-1].time - rows[0].time) / 1e9, 1e-9)
    if abs(rate / job.fps - 1) > MOST_RATE_ERROR:
        raise SlowGameError(
            f"{job.source} gave {rate:.1f} frames a second instead of {job.fps:g}; record smaller pictures, or with fewer at once"
        )


def _meter_of(job: Job) -> SyncMeter:
    return SyncMeter(TITLE_SYNC if job.source in TITLES else None)


def _meter(meter: SyncMeter, job: Job, state: State) -> None:
    meter.add(state.rgb, state.depth if job.source in EXACT_DEPTH else None, state.c2w, state.intrinsics)


class _Row(NamedTuple):
    """What a frame's row keeps of its state, and the action that leads on."""

    tick: int
    time: int  # nanoseconds
    c2w: NDArray[np.float64]
    intrinsics: NDArray[np.float64]
    raw_pose: NDArray[np.float64]
    collided: bool
    keyboard: NDArray[np.int8]
    mouse: NDArray[np.float32]


def _drive(recorder: Recorder, job: Job, keep: Callable[[State], object]) -> list[_Row]:
    """Lock-step: row i holds state i and the action i that leads to frame i + 1; where the last one led is not kept."""
    rows: list[_Row] = []
    turns = _played(recorder, job)
    if isinstance(recorder, LateRecorder):
        actions = [action for _, action in turns]
        turns = zip(recorder.develop(), actions, strict=True)
    for state, action in turns:
        keep(state)
        place = (state.c2w, state.intrinsics, state.raw_pose)
        rows.append(_Row(state.tick, round(state.seconds * 1e9), *place, state.collided, *action))
    if not rows:
        raise NothingShownError(f"{job.source} showed no world to record; is it paused, or in a menu?")
    return rows


def _played(recorder: Recorder, job: Job) -> Iterator[tuple[State, Action]]:
    state = recorder.reset(job)
    while not state.over and (action := recorder.act(state)) is not None:
        yield state, action
        state = recorder.step(*action)


def _frames(rows: list[_Row], hashes: list[str]) -> Frames:
    return Frames(
        tick=np.array([row.tick for row in rows], np.int64),
        time=np.array([row.time for row in rows], np.int64),
        c2w=np.stack([row.c2w for row in rows]),
        intrinsics=np.stack([row.intrinsics for row in rows]),
        raw_pose=np.stack([row.raw_pose for row in rows]),
        keyboard=np.stack([row.keyboard for row in rows]),
        mouse=np.stack([row.mouse for row in rows]),
        collided=np.array([row.collided for row in rows]),
        rgb_sha256=hashes,
    )


def _track(job: Job, frames: Frames) -> NDArray[np.float64] | None:
    """What keys and mouse move where that is not the camera."""
    return body_track(frames) if job.perspective == "third" and job.source in EXACT_DEPTH else None


def _episode(facts: SourceFacts, job: Job, synced: Synced) -> Episode:
    return Episode(
        episode_id=job.episode_id,
        source=job.source,
        scene_id=facts.scene_id,
        family=job.family,
        character_id=facts.character_id,
        weather=facts.weather,
        time_of_day=shared_time(facts.time_of_day),
        season=facts.season,
        perspective=facts.perspective or job.perspective,
        walk=job.walk,
        seed=job.seed,
        frames=len(synced.frames),
        width=job.width,
        height=job.height,
        fps=job.fps,
        sync=facts.sync,
        sync_lag_frames=synced.lag_frames,
        sync_checked=synced.checked,
        action_lag_frames=synced.action_lag_frames,
        action_agreement=synced.action_agreement,
        depth_kind=facts.depth_kind,
        scale_known=facts.scale_known,
        action_quality="recorded",
        renderer=job.renderer,
        revisit_share=revisit_share(synced.frames.c2w),
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
