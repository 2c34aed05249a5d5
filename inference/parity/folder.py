"""All cases of a fixture folder: each file by the runner that knows it, and what nothing ran as a failed row."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from inference.parity import autoencoder, camera, denoiser, int8, mixed_precision, scheduler, segments, text_encoder
from inference.parity.result import CaseResult
from infra.errors import WorldloomError
from modeling.weights import read_json

META: Final = "meta.json"
READ_BY_PEOPLE: Final = ".md"  # the only other files that hold no case

Run = Callable[[Path, dict[str, Any]], list[CaseResult]]


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Which files a runner compares, and which of them say by being there that it has cases to run."""

    run: Run
    cases: tuple[str, ...]
    helped_by: tuple[str, ...] = ()  # weights, inputs and configurations


RUNNERS: Final[dict[str, Runner]] = {
    "denoiser": Runner(
        run=denoiser.run,
        cases=(denoiser.OUTPUTS, denoiser.DEBUG),
        helped_by=(denoiser.WEIGHTS, denoiser.CONFIG, denoiser.INPUTS),
    ),
    "mixed precision": Runner(run=mixed_precision.run, cases=(mixed_precision.CASES,)),
    "camera": Runner(run=camera.run, cases=(camera.CASES,)),
    "scheduler": Runner(run=scheduler.run, cases=(scheduler.CASES,)),
    "autoencoder": Runner(run=autoencoder.run, cases=(autoencoder.CASES,), helped_by=tuple(autoencoder.WEIGHTS.values())),
    "8-bit layer": Runner(run=int8.run, cases=(int8.CASES,)),
    "text encoder": Runner(run=text_encoder.run, cases=(text_encoder.CASES,)),
    "segments": Runner(run=segments.run, cases=(segments.TABLE, segments.CLIPS)),
}


def run_folder(folder: Path) -> Iterator[CaseResult]:
    """Every case of a folder, runner by runner.

    A file that is missing, or that no runner knows, is a failed row; so is a runner that could not go on.

    Raises:
        WorldloomError: there is no such folder, or its meta.json lists no files.
    """
    meta = read_json(folder / META) if folder.is_dir() else {}
    listed = meta.get("files")
    if not isinstance(listed, dict) or not listed:
        raise WorldloomError(f"{folder} holds no fixtures: it has no {META} that lists files; name a fixture folder")
    present = {path.name for path in folder.iterdir() if path.is_file() and path.suffix != READ_BY_PEOPLE} - {META}
    known = {file for runner in RUNNERS.values() for file in (*runner.cases, *runner.helped_by)}
    for file in sorted(listed.keys() | present):
        if file not in present:
            yield _failed(file, f"{META} lists it and the folder lacks it")
        elif file not in known:
            yield _failed(file, "no case uses it")
        elif file not in listed:
            yield _failed(file, f"{META} does not list it")
    for name, runner in RUNNERS.items():
        if any(file in listed or file in present for file in runner.cases):
            yield from _run(name, runner, folder, meta)


def _run(name: str, runner: Runner, folder: Path, meta: dict[str, Any]) -> list[CaseResult]:
    try:
        return runner.run(folder, meta) or [_failed(name, "it found no case to run")]
    except (WorldloomError, RuntimeError, ValueError, LookupError, TypeError, AssertionError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        return [_failed(name, f"could not go on: {reason}")]


def _failed(name: str, note: str) -> CaseResult:
    return CaseResult(name=name, worst=math.inf, tolerance=0.0, note=note)
