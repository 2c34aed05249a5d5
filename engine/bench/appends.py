"""Seconds of an append to the episodes table while it is small and when it is large, by one and by four writers."""

import dataclasses
import hashlib
import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.schema import Episode
from infra.store import Store, open_store
from infra.tables import append_rows, rows_from


@dataclass(frozen=True, kw_only=True)
class AppendBenchConfig:
    """How large the tables get and which appends are timed; each appends one row, as a recorded episode does."""

    early: tuple[int, int] = (10, 110)  # rows in the table, half open
    late: tuple[int, int] = (9900, 10000)
    rows_between: int = 10  # rows of an untimed commit between the two
    writers: tuple[int, ...] = (1, 4)


def bench_appends(uri: str, config: AppendBenchConfig, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """A result for each number of writers, each in a store of its own below ``uri`` (a folder or ``s3://``).

    The rows between early and late come in commits of ``rows_between``; compaction, vacuum and checkpoints go on as ever.
    """
    results = []
    for writers in config.writers:
        result = _grow(f"{uri.rstrip('/')}/{writers}-writers-{time.time_ns()}", writers, config)
        results.append(result)
        say(
            f"{'S3' if uri.startswith('s3://') else 'local'}, {writers} writers: median {result['early_ms']:.1f} ms at rows "
            f"{config.early[0]} to {config.early[1]}, {result['late_ms']:.1f} ms at {config.late[0]} to {config.late[1]}, "
            f"ratio {result['ratio']:.2f}; {result['early_rows_per_second']:.1f} and {result['late_rows_per_second']:.1f} rows/s"
        )
    return results


def _grow(uri: str, writers: int, config: AppendBenchConfig) -> dict[str, Any]:
    (early, early_stop), (late, late_stop) = config.early, config.late
    result: dict[str, Any] = {"store": "s3" if uri.startswith("s3://") else "local", "writers": writers}
    with multiprocessing.get_context("spawn").Pool(writers) as pool:
        _fill(open_store(uri), 0, early, config.rows_between)
        for name, start, stop in (("early", early, early_stop), ("late", late, late_stop)):
            if name == "late":
                _fill(open_store(uri), early_stop, late, config.rows_between)
            pool.starmap(_append_singly, [(uri, stop + number, 1) for number in range(writers)], 1)  # opens and warms up
            began = time.perf_counter()
            shares = [(uri, 100 * stop + number, (stop - start) // writers) for number in range(writers)]
            seconds = [value for share in pool.starmap(_append_singly, shares, 1) for value in share]
            result[f"{name}_rows_per_second"] = len(seconds) / (time.perf_counter() - began)
            result[f"{name}_ms"] = statistics.median(seconds) * 1e3
            result[f"{name}_mean_ms"] = statistics.fmean(seconds) * 1e3
            result[f"{name}_max_ms"] = max(seconds) * 1e3
    return result | {"ratio": result["late_ms"] / result["early_ms"]}


def _append_singly(uri: str, first: int, count: int) -> list[float]:
    """What a writer's process does: append rows one by one; seconds of each."""
    store, seconds = open_store(uri), []
    for number in range(count):
        episode = _synthetic(f"{first}/{number}")
        began = time.perf_counter()
        append_rows(store, "episodes", rows_from([episode]), transaction=episode.episode_id)
        seconds.append(time.perf_counter() - began)
    return seconds


def _fill(store: Store, start: int, stop: int, step: int) -> None:
    for first in range(start, stop, step):
        rows = rows_from([_synthetic(f"fill/{number}") for number in range(first, min(first + step, stop))])
        append_rows(store, "episodes", rows, transaction=f"fill-{first}")


def _synthetic(name: str) -> Episode:
    """A row as large as a real one; it names no objects that exist."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    texts = {field.name: "" for field in dataclasses.fields(Episode) if field.type in (str, "str")}
    values: dict[str, Any] = texts | {"episode_id": digest, "source": "synthetic", "scene_id": digest[:16], "split": "train"}
    values |= {"perspective": "first", "sync": "exact", "depth_kind": "none", "action_quality": "unknown"}
    values |= {"seed": 0, "frames": 1, "width": 2, "height": 2, "fps": 1.0, "sync_lag_frames": 0.0, "revisit_share": 0.0}
    values |= {"scale_known": False, "redistributable": False, "commercial_ok": False}
    values |= dict.fromkeys(("frames_object", "video_object", "depth_object", "scene_object"), f"{digest}.bin")
    return Episode(**values)
