"""What ``deploy`` looks after while it serves: rounds that were missed, and retraining that broke off"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flows.publish import published_dataset
from flows.schedule import COLLECTION, SCHEDULED
from flows.server import ServerMark
from flows.triggers import RETRAIN, list_flow_runs, post, was_retrained
from infra.store import Store

RETRIES: Final = 5  # of retraining on one version
FIRST_PAUSE: Final = timedelta(seconds=15)  # before the first of them; each next one twice as long
CLOCKED: Final = "auto-scheduled"  # the tag that Prefect gives to rounds of the clock
_OVER: Final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def cancel_missed(server: ServerMark, before: datetime | None = None) -> int:
    """Cancel rounds that are late; how many there were. One a schedule may wait, unless its last round still goes on.

    With ``before``, those are cancelled too that should have begun by then, when nobody was there.

    Raises:
        OSError: the server does not answer.
    """
    rounds = defaultdict(list)
    for run in post(server, "/flow_runs/filter", _due()):
        if CLOCKED in run["tags"]:  # not those that a person asked for
            rounds[run["deployment_id"]].append(run)
    busy = {run["deployment_id"] for run in post(server, "/flow_runs/filter", _of_schedules(type=["RUNNING", "PENDING"]))}
    missed = 0
    for deployment, due in rounds.items():
        newest = due[-1]
        for run in due:
            late = before is not None and datetime.fromisoformat(run["expected_start_time"]) < before
            if late or deployment in busy or run is not newest:
                message = "nobody was there to begin it" if late else "the round before it still went on, or a newer one waits"
                state = {"type": "CANCELLED", "name": "Cancelled", "message": f"missed: {message}"}
                post(server, f"/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
                missed += 1
    return missed


def retrain_again(server: ServerMark, store: Store) -> Iterator[str]:
    """Plan anew what crashed or failed before the gate could decide, later each time; a line for each.

    The plan lies in the server: it holds although who made it is killed.

    Raises:
        OSError: the server does not answer.
    """
    for version, runs in _by_version(list_flow_runs(server, RETRAIN)).items():
        last = max(runs, key=lambda run: str(run["created"]))
        broken = sum(run["state_type"] in ("CRASHED", "FAILED") for run in runs)
        open_ones = any(run["state_type"] not in _OVER for run in runs)
        if open_ones or last["state_type"] not in ("CRASHED", "FAILED") or broken > RETRIES or was_retrained(store, version):
            continue
        when = datetime.fromisoformat(last["end_time"]) + FIRST_PAUSE * 2 ** (broken - 1)
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": when.isoformat()}}
        named = {name: value for name, value in last["parameters"].items() if name in ("version", "event")}  # older runs had more
        body = {"parameters": named, "state": state, "idempotency_key": f"again {last['id']}"}
        post(server, f"/deployments/{last['deployment_id']}/create_flow_run", body)
        yield f"{version[:12]}, {broken} of {RETRIES}, at {when:%H:%M:%S} UTC: {last['state_name'].lower()} before"


def unheard(server: ServerMark, store: Store) -> str | None:
    """The published version, where no retraining on it was ever begun: published while nothing listened.

    Raises:
        OSError: the server does not answer.
    """
    version = published_dataset(store)
    known = version is None or version in _by_version(list_flow_runs(server, RETRAIN)) or was_retrained(store, version)
    return None if known else version


def _by_version(runs: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    versions = defaultdict(list)
    for run in runs:
        if "version" in run["parameters"]:
            versions[str(run["parameters"]["version"])].append(run)
    return versions


def _due() -> dict[str, Any]:
    """Asks for rounds of the clock that should have begun, the oldest first."""
    query = _of_schedules(type=["SCHEDULED"])
    query["flow_runs"]["expected_start_time"] = {"before_": datetime.now(UTC).isoformat()}
    return query | {"sort": "EXPECTED_START_TIME_ASC"}


def _of_schedules(type: list[str]) -> dict[str, Any]:
    return {"flows": {"name": {"any_": [COLLECTION, SCHEDULED]}}, "flow_runs": {"state": {"type": {"any_": type}}}}
