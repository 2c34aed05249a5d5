"""Runs that the server takes for running although their process is gone: marked as crashed, so that states are true."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psutil

from flows.marks import serving
from flows.server import ServerMark
from flows.triggers import post

_UNDER_WAY: Final = {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}
_BROKEN_OFF: Final = {"type": {"any_": ["CRASHED", "FAILED", "CANCELLED"]}}
_SETTLED: Final = timedelta(seconds=30)  # after which the last word of a task has reached the server
_TAG: Final = "process "


def process_tag() -> str:
    """Says of a flow run which process it is."""
    return f"{_TAG}{os.getpid()}"


def close_orphans(server: ServerMark, home: Path, *, fresh: bool = False, deployed: bool | None = None) -> int:
    """Mark runs and tasks whose process is gone as crashed; how many runs there were.

    ``fresh`` where the server has just been started: whatever ran with the last one ran into its end. ``deployed`` says
    whether anybody works off what deployments began; otherwise the home's mark does.

    Raises:
        OSError: the server does not answer.
    """
    deployed = bool(serving(home, "deploy")) if deployed is None else deployed
    under_way = post(server, "/flow_runs/filter", {"flow_runs": {"state": _UNDER_WAY}})
    orphans = [run for run in under_way if fresh or _is_gone(run, deployed)]
    for orphan in orphans:
        _crash(server, f"/flow_runs/{orphan['id']}")
    past = {"state": _BROKEN_OFF, "end_time": {"before_": (datetime.now(UTC) - _SETTLED).isoformat()}}
    for runs in ({"id": {"any_": [run["id"] for run in orphans]}}, past):
        for task in post(server, "/task_runs/filter", {"flow_runs": runs, "task_runs": {"state": _UNDER_WAY}}):
            _crash(server, f"/task_runs/{task['id']}")
    return len(orphans)


def _is_gone(run: Mapping[str, Any], deployed: bool) -> bool:
    """Whether the process of a run is over; one that began after the run is another of its number."""
    if run["deployment_id"] is not None:
        return not deployed  # as long as it serves, its runner looks after them
    named = [int(tag.removeprefix(_TAG)) for tag in run["tags"] if tag.startswith(_TAG)]
    if not named:
        return False  # not ours
    try:
        born = psutil.Process(named[0]).create_time()
    except psutil.NoSuchProcess:
        return True
    return bool(born > datetime.fromisoformat(run["created"]).timestamp() + 1.0)


def _crash(server: ServerMark, run: str) -> None:
    state = {"type": "CRASHED", "name": "Crashed", "message": "its process is gone"}
    post(server, f"{run}/set_state", {"state": state, "force": True})
