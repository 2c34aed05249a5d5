"""The loop as a Prefect flow: every stage a task whose progress, numbers and pictures the dashboard shows.

Import this only after ``PrefectServer.use``: Prefect reads its settings once. Caching and persistence stay off; what is
finished is known by the stages' own keys.
"""

import time
from collections.abc import Callable, Iterator
from typing import Final
from uuid import UUID

from prefect import flow, tags, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from flows.artifacts import artifact_key, show_result
from flows.orphans import process_tag
from flows.pipeline import Loop
from infra.stage import OBSERVERS, StageResult
from infra.store import Store

LOOP: Final = "loop"
_SECONDS_BETWEEN: Final = 3.0  # two updates of a progress artifact


def run_observed(loop: Loop, until: str, say: Callable[[StageResult], None]) -> None:
    """Run the loop up to ``until`` as flow ``loop``; ``say`` is told of every stage that is finished.

    Raises:
        whatever a stage raises.
    """

    @flow(name=LOOP, flow_run_name=f"{loop.profile.name} to {until}", persist_result=False)
    def run(profile: str, stages: list[str]) -> None:
        walk_observed(loop, until, say)

    with tags(process_tag()):
        run(loop.profile.name, loop.names(until))


def walk_observed(loop: Loop, until: str, say: Callable[[StageResult], None]) -> None:
    """Inside a flow: run every stage as a task.

    Raises:
        whatever a stage raises.
    """
    progress = ProgressArtifacts()
    OBSERVERS.append(progress)
    try:
        results = loop.run(until)
        for name in loop.names(until):
            _as_task(name, results, loop.store, say)
    finally:
        OBSERVERS.remove(progress)


def _as_task(name: str, results: Iterator[StageResult], store: Store, say: Callable[[StageResult], None]) -> None:
    @task(name=name, task_run_name=name, cache_policy=NO_CACHE, persist_result=False)
    def stage() -> None:
        result = next(results)
        say(result)
        show_result(result, store)

    stage()


class ProgressArtifacts:
    """Observer that keeps one progress artifact a stage up to date, every few seconds at most."""

    def __init__(self) -> None:
        self._artifacts: dict[str, UUID] = {}
        self._next: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int, message: str) -> None:
        now = time.monotonic()
        if now < self._next.get(stage, 0.0) and done < total:
            return
        self._next[stage] = now + _SECONDS_BETWEEN
        percent = 100.0 * done / total if total else 100.0
        text = f"{stage}: {done}/{total} {message}"
        if stage in self._artifacts:
            update_progress_artifact(self._artifacts[stage], percent, description=text)
            return
        made = create_progress_artifact(percent, key=f"{artifact_key(stage)}-progress", description=text)
        assert isinstance(made, UUID)  # in a sync flow it is no coroutine
        self._artifacts[stage] = made
