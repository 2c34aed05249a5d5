"""Seconds of an append to the episodes table while it is small and when it is large, by one and by four writers."""

import dataclasses
import hashlib
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from infra.schema import Episode
from infra.store import Store, open_store
from infra.tables import append_rows, rows_from


@dataclass(frozen=True, kw_only=True)
class AppendBenchConfig:
    """How large the tables get and which appends are timed; each appends one row, as a recorded episode does."""

    early: tuple[int, int] = (10, 110)  # rows in the table, half open
    late: tuple[int, int] = (9900, 10000)
    rows_between: int = 10  # of an untimed commit, where a table is filled
    writers: tuple[int, ...] = (1, 4)


def bench_appends(uri: str, config: AppendBenchConfig, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """A result for each number of writers, each in a store of its own below ``uri`` (a folder or ``s3://``).

    Rows before those that are timed come in commits of ``rows_between``; compaction, vacuum and checkpoints go on as ever.
    """
    results = []
    for writers in config.writers:
        result = _grow(f"{uri.rstrip('/')}/{writers}-writers-{time.time_ns()}", writers, config)
        results.append(result)
        say(
            f"{'S3' if uri.startswith('s3://') else 'local'}, {writers} writers: median {result['early_ms']:.1f} ms at rows "
            f"{config.early[0]} to {config.early[1]}, {result['late_ms']:.1f} ms at {config.late[0]} to {config.late[1]}, "
            f"ratio {result['ratio']:.2f} (of CPU time {result['cpu_ratio']:.2f})"
        )
    return results


def _grow(uri: str, writers: int, config: AppendBenchConfig) -> dict[str, Any]:
    """Fill two tables up to where timing starts, then append to both in turn, so that a busy machine slows both alike."""
    tables = {name: f"{uri}/{name}" for name in ("early", "late")}
    _fill(open_store(tables["early"]), 0, config.early[0], config.rows_between)
    _fill(open_store(tables["late"]), 0, config.late[0], config.rows_between)
    rows = {"early": config.early[1] - config.early[0], "late": config.late[1] - config.late[0]}
    with multiprocessing.get_context("spawn").Pool(writers) as pool:
        shares = [(tables, min(rows.values()) // writers, number) for number in range(writers)]
        times = pool.starmap(_append_in_turn, shares, 1)
    result: dict[str, Any] = {"store": "s3" if uri.startswith("s3://") else "local", "writers": writers}
    for name in tables:
        wall, cpu = (np.array([pair[kind] for share in times for pair in share[name]]) * 1e3 for kind in (0, 1))
        result |= {
            f"{name}_ms": float(np.median(wall)),
            f"{name}_mean_ms": float(wall.mean()),
            f"{name}_max_ms": float(wall.max()),
        }
        result |= {f"{name}_cpu_ms": float(np.median(cpu)), f"{name}_rows_per_second": writers * 1e3 / float(wall.mean())}
    return result | {"ratio": result["late_ms"] / result["early_ms"], "cpu_ratio": result["late_cpu_ms"] / result["early_cpu_ms"]}


def _append_in_turn(tables: dict[str, str], count: int, writer: int) -> dict[str, list[tuple[float, float]]]:
    """What a writer's process does: append rows one by one, to each table in turn; wall and CPU seconds of each."""
    stores = {name: open_store(uri) for name, uri in tables.items()}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in tables}
    for number in range(-1, count):  # the first of each opens the table and is not timed
        for name, store in stores.items():
            episode = _synthetic(f"{name}/{writer}/{number}")
            began, worked = time.perf_counter(), time.process_time()
            append_rows(store, "episodes", rows_from([episode]), transaction=episode.episode_id)
            if number >= 0:
                seconds[name].append((time.perf_counter() - began, time.process_time() - worked))
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
    values |= dict.fromkeys(("frames_object", "video_object", "depth_object", "mask_object", "scene_object"), f"{digest}.bin")
    return Episode(**values)
