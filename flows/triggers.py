"""The event that a published dataset version sends, and what it starts exactly once."""

import json
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from flows.server import ServerMark
from infra.stage import StageResult, run_stage
from infra.store import Store

VERSION: Final = 1
PUBLISHED: Final = "worldloom.dataset.published"
_NAMES: Final = uuid.UUID("6b2f7c1e-5d43-4f0a-9f39-2a3c1d8e7b60")


@dataclass(frozen=True, kw_only=True)
class RetrainConfig:
    """What retraining ends with. Deliberately small: a version is retrained once, whatever else changes."""

    until: str = "release"


def event_id(store: Store, version: str) -> str:
    """The id of a version's event, the same whenever and by whomever it is sent."""
    return str(uuid.uuid5(_NAMES, f"{store.uri} {version}"))


def announce(server: ServerMark, store: Store, version: str) -> str:
    """Send ``worldloom.dataset.published`` to a Prefect server; returns the event's id.

    Raises:
        OSError: the server does not take it.
    """
    event = {
        "id": event_id(store, version),
        "occurred": datetime.now(UTC).isoformat(),
        "event": PUBLISHED,
        "resource": {"prefect.resource.id": f"worldloom.dataset.{version}", "worldloom.store": store.uri},
        "payload": {"version": version},
    }
    request = urllib.request.Request(
        f"{server.url}/api/events", json.dumps([event]).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=30):
        return str(event["id"])


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
