"""The event that a published dataset version sends, and what it starts exactly once."""

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from flows.server import ServerError, ServerMark
from flows.sign_in import authorization
from infra.stage import StageResult, find_run, run_stage, stage_key
from infra.store import Store

VERSION: Final = 1
PUBLISHED: Final = "worldloom.dataset.published"
RETRAIN: Final = "retrain-and-deploy"  # the flow that the event starts
TRIES: Final = 4
SECONDS_A_TRY: Final = 15.0
BUSY_PAUSES: Final = (0.5, 1.0, 2.0, 4.0)  # seconds
_NAMES: Final = uuid.UUID("6b2f7c1e-5d43-4f0a-9f39-2a3c1d8e7b60")


@dataclass(frozen=True, kw_only=True)
class RetrainConfig:
    """What retraining ends with. Deliberately small: a version is retrained once, whatever else changes."""

    until: str = "release"


def event_id(store: Store, version: str) -> str:
    """Names the news of a version, however often it is sent: the part of retraining's key that makes it happen once."""
    return str(uuid.uuid5(_NAMES, f"{store.uri} {version}"))


def announce(server: ServerMark, store: Store, version: str) -> str:
    """Send ``worldloom.dataset.published`` until a run of retraining takes it; returns that run's name.

    Prefect may miss an event while it takes up a deployment, and drops a second one with the same id: every sending has
    an id of its own, and the payload carries ``event_id``.

    Raises:
        ServerError: nothing takes it, so no deployment is served there.
    """
    for _ in range(TRIES):
        began = send(server, store, version)
        deadline = time.monotonic() + SECONDS_A_TRY
        while time.monotonic() < deadline:
            for run in list_flow_runs(server, RETRAIN):
                if run["parameters"].get("version") == version and datetime.fromisoformat(run["created"]) >= began:
                    return str(run["name"])
            time.sleep(0.5)
    raise ServerError(f"nothing at {server.url} takes dataset {version[:12]}; is `worldloom deploy` running for this home?")


def send(server: ServerMark, store: Store, version: str) -> datetime:
    """Send ``worldloom.dataset.published`` once, whether or not anything takes it; returns when that was.

    Raises:
        OSError: the server does not answer or refuses.
    """
    now = datetime.now(UTC)
    event = {
        "id": str(uuid.uuid4()),
        "occurred": now.isoformat(),
        "event": PUBLISHED,
        "resource": {"prefect.resource.id": f"worldloom.dataset.{version}", "worldloom.store": store.address.label},
        "payload": {"version": version, "event": event_id(store, version)},
    }
    post(server, "/events", [event])
    return now


def list_flow_runs(server: ServerMark, flow: str) -> list[dict[str, Any]]:
    """The newest runs of a flow, as the server's API gives them."""
    found = post(server, "/flow_runs/filter", {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_DESC"})
    assert isinstance(found, list)
    return found


def post(server: ServerMark, path: str, body: Any) -> Any:
    """One request to the server's API; None where it answers with nothing.

    Raises:
        OSError: the server does not answer or refuses.
    """
    headers = {"Content-Type": "application/json", "Authorization": authorization(server.token)}
    request = urllib.request.Request(f"{server.url}/api{path}", json.dumps(body).encode(), headers, method="POST")
    with _open_when_free(request) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def _open_when_free(request: urllib.request.Request) -> Any:
    """A server whose database is busy says so with status 503; asked again it mostly is free."""
    for pause in BUSY_PAUSES:
        try:
            return urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            time.sleep(pause)
    return urllib.request.urlopen(request, timeout=30)


def was_retrained(store: Store, version: str) -> bool:
    """Whether retraining on this version is finished."""
    key = stage_key("retrain", VERSION, {"dataset": version, "event": event_id(store, version)}, RetrainConfig())
    return find_run(store, key) is not None


def retrain_once(store: Store, version: str, event: str, work: Callable[[], dict[str, Any]]) -> StageResult:
    """Do ``work`` unless this event of this version was worked off already; a repeated delivery does nothing.

    Only a finished retraining counts: one that was killed is done when its event comes again.
    """
    return run_stage(
        store,
        name="retrain",
        version=VERSION,
        inputs={"dataset": version, "event": event},
        config=RetrainConfig(),
        work=lambda _: work(),
    )
