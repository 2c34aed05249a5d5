"""The collect stage: records the episodes of a plan or a request that the store lacks; killed and called again, it goes on."""

import collections
import contextlib
import functools
import itertools
import math
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np

from engine.endpoints import EndpointsConfig
from engine.feed import CollectError, Feed, Outcome, Patience
from engine.games.layers.coordinator import record_game
from engine.job import Job
from engine.plan import CollectConfig, plan_jobs, resolve_renderer
from engine.record import ENDPOINTS, record_episode
from engine.request import CollectionRequest, candidates, collection_of, is_build, planned
from engine.unreal.process import UnrealConfig
from infra.episode_sets import keep_set, set_digest
from infra.episodes import list_episodes
from infra.errors import NotHereError, StoreFullError, StoreUnreachableError
from infra.schema import Episode
from infra.schema.collection import JobFailure
from infra.stage import StageContext, StageResult, run_stage
from infra.store import Store, open_store
from infra.tables import append_rows, read_rows, rows_from

VERSION: Final = 1
PATIENCE: Final = Patience()
IN_PROCESS: Final = ("embedded", "unreal")  # worlds that are not games; Unreal runs in a process of its own by itself
PLANNED_AT_ONCE: Final = 4096  # jobs at the most; bounds memory and the size of a commit
REPLACEMENTS: Final = 16  # jobs planned at once for those that could not be recorded


class Pool(Protocol):
    """Runs a function on many jobs somewhere else, results in any order; takes jobs as it has hands free."""

    def map_unordered(
        self, function: Callable[[Job], Outcome], jobs: Iterable[Job], lost: Callable[[Job, str], Outcome] | None = None
    ) -> Iterator[Outcome]:
        """Results as they come; ``lost`` gives that of a job that keeps killing whoever works on it."""
        ...


def collect(
    config: CollectConfig,
    store: Store,
    *,
    endpoints: EndpointsConfig = ENDPOINTS,
    pool: Pool | None = None,
    fresh: bool = False,
) -> StageResult:
    """Record every planned episode that the store lacks.

    Raises:
        CollectError: too little disk is left, an episode cannot be recorded, or recording keeps failing.
        NotHereError: this machine lacks what a source needs.
    """
    jobs = plan_jobs(config)
    renderer = resolve_renderer(config.renderer)
    note = "episodes" + _software(config.renderer)

    def work(context: StageContext) -> dict[str, Any]:
        there = _recorded_seconds(store)
        feed = _feed(iter(jobs), there, None, config.min_free_gigabytes, store, context)
        context.progress(sum(job.episode_id in there for job in jobs), len(jobs), note)
        for _ in _work_off(feed, store, functools.partial(try_job, store.uri, endpoints, False), pool, collection=""):
            context.progress(len(feed.done), len(jobs), note)
        if feed.dropped:
            first = feed.dropped[0]
            raise CollectError(f"{len(feed.dropped)} episodes could not be recorded, the first: {first.cause}: {first.message}")
        return _conclude(jobs, store)

    return run_stage(store, name="collect", version=VERSION, inputs={"renderer": renderer}, config=config, work=work, fresh=fresh)


def plan_comes_first(config: CollectConfig, store: Store) -> bool:
    """Whether the profile's plan is to be recorded before what lies in a store is annotated: nothing lies there yet, or
    recording the plan was begun. A store that was filled by requests alone gets nothing that nobody asked for."""
    there = {episode.episode_id for episode in list_episodes(store)}
    requested = set(read_rows(store, "jobs", columns=["job_id"])["job_id"].to_pylist())
    return not there or any(job.episode_id in there - requested for job in plan_jobs(config))


def collect_request(
    request: CollectionRequest,
    store: Store,
    *,
    name: str = "",
    endpoints: EndpointsConfig = ENDPOINTS,
    pool: Pool | None = None,
    fresh: bool = False,
) -> StageResult:
    """Record jobs of the request until its hours are there. Jobs that cannot be recorded are replaced by the next ones.

    ``name`` is what ``pause`` knows it by. Raises as ``collect``.
    """
    collection = collection_of(request, endpoints.unreal)

    def work(context: StageContext) -> dict[str, Any]:
        wanted, began = request.hours * 3600.0, time.monotonic()
        jobs = _tabled(request, collection, endpoints.unreal, store)
        aside = _aside(request, endpoints)
        record = functools.partial(try_job, store.uri, endpoints, True)
        feed = _feed(jobs, _recorded_seconds(store), wanted, request.min_free_gigabytes, store, context, name)
        for _ in _work_off(feed, store, record, pool, collection):
            rate = feed.frames / (time.monotonic() - began)
            failures = "".join(f", {count} x {cause}" for cause, count in feed.failures.most_common())
            told = f"seconds: {feed.seconds / 3600:.3g} of {request.hours:g} h, {rate:.1f} frames/s{failures}{aside}"
            context.progress(min(int(feed.seconds), int(wanted)), int(wanted), told)
        return _conclude(feed.done, store) | {"hours": feed.seconds / 3600, "failures": dict(feed.failures)}

    inputs = {"collection": collection}
    return run_stage(store, name="collect", version=VERSION, inputs=inputs, config=request, work=work, fresh=fresh)


def _software(renderer: str) -> str:
    fell_back = resolve_renderer(renderer) == "software" and renderer != "software"
    return " (software renderer, no depth: EGL does not work here)" if fell_back else ""


def _aside(request: CollectionRequest, endpoints: EndpointsConfig) -> str:
    """What to tell where the pictures are drawn by another renderer than one would expect."""
    match request.source:
        case "embedded":
            return _software(request.renderer)
        case "unreal" if not is_build(request.source, endpoints.unreal):
            return " (no engine named by endpoints.unreal: the embedded world over its protocol)"
        case _:
            return ""


def _conclude(jobs: Sequence[Job], store: Store) -> dict[str, Any]:
    """The stage's outputs; the set of episodes that its ``digest`` names is kept."""
    episodes = list_episodes(store)
    planned_ids = {job.episode_id for job in jobs}
    keep_set(store, (episode.episode_id for episode in episodes if episode.episode_id in planned_ids))
    return summarise(jobs, episodes)


def summarise(jobs: Sequence[Job], episodes: Sequence[Episode]) -> dict[str, Any]:
    """The stage's outputs: which of the planned episodes there are."""
    planned_ids = {job.episode_id for job in jobs}
    found = [episode for episode in episodes if episode.episode_id in planned_ids]
    training = [episode for episode in found if episode.split == "train" and episode.source != "vizdoom"]
    return {
        "episodes": len(found),
        "planned": len(jobs),
        "frames": sum(episode.frames for episode in found),
        "digest": set_digest(episode.episode_id for episode in found),
        "by_split": {split: sum(episode.split == split for episode in found) for split in ("train", "val", "test")},
        "by_source": dict(collections.Counter(episode.source for episode in found)),
        "revisit_share": float(np.mean([episode.revisit_share for episode in training])) if training else 0.0,
    }


def try_job(store_uri: str, endpoints: EndpointsConfig, layered: bool, job: Job) -> Outcome:
    """Record one job; what a worker runs. A failure is an outcome, so that the others go on.

    ``layered`` records games in four processes (``engine.games.layers``); without it all is done in this one.

    Raises:
        NotHereError, StoreFullError: no other job would fare better.
    """
    try:
        if layered and job.source not in IN_PROCESS:
            episode = record_game(store_uri, job, endpoints)
        else:
            episode = record_episode(open_store(store_uri), job, endpoints)
    except (NotHereError, StoreFullError):
        raise
    except Exception as error:
        message = " ".join(str(error).split()) or "no message"
        lasting, blameless = isinstance(error, ValueError), isinstance(error, StoreUnreachableError)
        return Outcome(job=job, cause=type(error).__name__, message=message, lasting=lasting, blameless=blameless)
    return Outcome(job=job, frames=episode.frames, seconds=episode.frames / episode.fps)


def pause(store: Store, name: str, paused: bool) -> None:
    """Let collection ``name`` wait after the episodes that are being recorded, or go on; from any machine."""
    store.put_named(f"collections/{name}", b"paused" if paused else b"")


def is_paused(store: Store, name: str) -> bool:
    """Whether collection ``name`` waits; a store that cannot be asked holds nobody up."""
    try:
        return store.get_named(f"collections/{name}") == b"paused"
    except StoreUnreachableError:
        return False


def _work_off(
    feed: Feed, store: Store, record: Callable[[Job], Outcome], pool: Pool | None, collection: str
) -> Iterator[Outcome]:
    """Record what the feed hands out, here or in the pool, until nothing more is to come."""
    while True:
        for outcome in map(record, feed) if pool is None else pool.map_unordered(record, feed, _lost):
            try:
                feed.note(outcome)
            finally:  # also the failure that ends it all is kept
                if outcome.cause:
                    _keep_failure(store, outcome, feed.attempts(outcome.job), collection)
            yield outcome
        if feed.finished:
            feed.check()
            return


def _lost(job: Job, why: str) -> Outcome:
    """What came of a job that killed every worker that tried it."""
    return Outcome(job=job, cause="WorkerDied", message=why, lasting=True)


def _keep_failure(store: Store, outcome: Outcome, attempt: int, collection: str) -> None:
    failure = JobFailure(
        job_id=outcome.job.episode_id,
        collection=collection,
        source=outcome.job.source,
        cause=outcome.cause,
        message=outcome.message,
        attempt=attempt,
        host=socket.gethostname(),
        failed=time.time(),
    )
    with contextlib.suppress(StoreUnreachableError):  # that may be the failure itself; the feed counts it all the same
        append_rows(store, "failures", rows_from([failure]))


def _tabled(request: CollectionRequest, collection: str, unreal: UnrealConfig, store: Store) -> Iterator[Job]:
    """The request's jobs, each a row of table ``jobs`` before it is handed out; as many as the hours should take, then more."""
    jobs, number = candidates(request, unreal), 0
    while True:
        wanted = math.ceil(request.hours * 3600.0 / request.seconds)
        count = min(wanted - number, PLANNED_AT_ONCE) if number < wanted else REPLACEMENTS
        chunk = list(itertools.islice(jobs, count))
        rows = rows_from([planned(collection, number + place, job) for place, job in enumerate(chunk)])
        append_rows(store, "jobs", rows, transaction=f"{collection}-{number}")
        number += count
        yield from chunk


def _recorded_seconds(store: Store) -> dict[str, float]:
    return {episode.episode_id: episode.frames / episode.fps for episode in list_episodes(store)}


def _feed(
    jobs: Iterator[Job],
    there: Mapping[str, float],
    wanted: float | None,
    min_free_gigabytes: float,
    store: Store,
    context: StageContext,
    name: str = "",
) -> Feed:
    def may_go_on() -> bool:
        _check_disk(min_free_gigabytes, store)
        return not context.out_of_time()

    return Feed(
        jobs,
        there,
        wanted_seconds=wanted,
        may_go_on=may_go_on,
        is_paused=lambda: bool(name) and is_paused(store, name),
        say=context.progress.say,
        patience=PATIENCE,
    )


def _check_disk(min_free_gigabytes: float, store: Store) -> None:
    folder = store.home
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free / 1e9
    if free < min_free_gigabytes:
        raise CollectError(
            f"only {free:.1f} GB free at {folder}, collect.min_free_gigabytes = {min_free_gigabytes}; "
            "free space and start again, finished episodes are kept"
        )
