"""Frames a second of full recording beside the bare renderer: same scene, same walk, same process, turn by turn."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from engine.endpoints import EndpointsConfig
from engine.games.doom import FPS as DOOM_FPS
from engine.job import Job, scene_seed
from engine.record import make_recorder, stream
from engine.recorder import Recorder
from engine.unreal.process import UnrealConfig
from infra.store import open_store

BARE_OF: Final = {"unreal": "embedded"}  # whose bare drawing a world is held against, where not its own


@dataclass(frozen=True, kw_only=True)
class CollectBenchConfig:
    """What is recorded, and how often."""

    worlds: tuple[str, ...] = ("embedded", "unreal", "vizdoom")
    sizes: tuple[tuple[int, int], ...] = ((224, 128), (640, 360), (1280, 720))
    family: str = "park"  # of the embedded world's scenes
    masks: bool = True  # recorded over the protocol
    frames: int = 240  # an episode of 15 s; ends with its row in the table
    repeats: int = 5


def bench_collect(config: CollectBenchConfig, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """A result for each world and size.

    *Bare* takes the recorder through the job alone: actions, physics, drawing, and RGB, depth and, where the source has
    one, mask read back into arrays as recorders hand them over; over the protocol it is the same scene and walk drawn in
    this process, without masks. *Full* does the same and hashes, encodes all of them,
    writes the frames' columns, puts and checks all objects and commits the row. What starts a world (process, shaders,
    scene) is in neither: both follow a warming up. A job's own reset is in both.
    """
    results = []
    for world in config.worlds:
        for width, height in config.sizes:
            bare, full = (_timed(name, width, height, config) for name in (BARE_OF.get(world, world), world))
            with bare as drawn, full as recorded:
                results.append(_compare(drawn, recorded, config.repeats) | {"world": world, "width": width, "height": height})
            say(_line(results[-1]))
    return results


def bench_job(world: str, width: int, height: int, config: CollectBenchConfig) -> Job:
    """The walk of a world that is timed."""
    return Job(
        source=world,  # type: ignore[arg-type]
        family="doom" if world == "vizdoom" else config.family,
        split="train",
        scene_seed=scene_seed(config.family, "train", 0, 0),
        walk="explore",
        seed=0,
        frames=config.frames,
        width=width,
        height=height,
        fps=DOOM_FPS if world == "vizdoom" else 16.0,
        renderer=world if world == "vizdoom" else "egl",
    )


@contextmanager
def _timed(world: str, width: int, height: int, config: CollectBenchConfig) -> Iterator[tuple[Recorder, Job]]:
    job = bench_job(world, width, height, config)
    recorder = make_recorder(job, EndpointsConfig(unreal=UnrealConfig(mask=config.masks)))
    try:
        yield recorder, job
    finally:
        recorder.close()


def _compare(drawn: tuple[Recorder, Job], recorded: tuple[Recorder, Job], repeats: int) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {"bare": [], "full": []}
    worked: dict[str, list[float]] = {"bare": [], "full": []}
    frames = _run_bare(*drawn)  # warms up
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[], object]] = {
            "bare": lambda: _run_bare(*drawn),
            "full": lambda: stream(*recorded, open_store(Path(tempfile.mkdtemp(dir=folder)))),
        }
        ways["full"]()
        for number in range(repeats):
            for name in ("bare", "full") if number % 2 else ("full", "bare"):
                began, before = time.perf_counter(), _cpu_seconds()
                ways[name]()
                seconds[name].append(time.perf_counter() - began)
                worked[name].append(_cpu_seconds() - before)
    ratios = [bare / full for bare, full in zip(seconds["bare"], seconds["full"], strict=True)]
    rates = {name: [frames / value for value in values] for name, values in seconds.items()}
    return {
        "frames": frames,
        "repeats": repeats,
        "ratio": statistics.median(ratios),
        "ratio_range": (min(ratios), max(ratios)),
        **{f"{name}_cores": sum(worked[name]) / sum(seconds[name]) for name in worked},
        **{f"{name}_fps": statistics.median(values) for name, values in rates.items()},
        **{f"{name}_fps_range": (min(values), max(values)) for name, values in rates.items()},
    }


def _cpu_seconds() -> float:
    """Seconds of processor time of this process and of those that it started, games for instance, which still run."""
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(float(time.user + time.system) for time in times)


def _run_bare(recorder: Recorder, job: Job) -> int:
    """Take the recorder through the job; how many frames it showed."""
    state, frames = recorder.reset(job), 0
    while (action := recorder.act(state)) is not None:
        state, frames = recorder.step(*action), frames + 1
    return frames


def _line(result: dict[str, Any]) -> str:
    low, high = result["ratio_range"]
    return (
        f"{result['world']:9s} {result['width']}x{result['height']}: recording {result['full_fps']:.1f} frames/s, "
        f"bare {result['bare_fps']:.1f}, ratio {result['ratio']:.2f} ({low:.2f} to {high:.2f}); "
        f"{result['full_cores']:.1f} cores busy, bare {result['bare_cores']:.1f}"
    )
