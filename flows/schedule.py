"""Scheduled collection: what to record, how much of it and when, as a profile says it in ``[[schedules]]``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from engine.collect import pause
from engine.request import CollectionRequest
from flows.server import ServerMark
from flows.triggers import post
from infra.store import Store

COLLECTION: Final = "collection"  # the flow, and its deployment, of a profile without schedules
SCHEDULED: Final = "scheduled-collection"  # the flow that schedules run
_NAME_ALPHABET: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """For example two hours of street scenes at night, third person, every day at 02:00."""

    name: str  # lower case, digits and dashes
    cron: str  # minute hour day month weekday
    timezone: str = "UTC"
    request: CollectionRequest = CollectionRequest()

    def __post_init__(self) -> None:
        if not self.name or not set(self.name) <= _NAME_ALPHABET:
            raise ValueError(f"schedule name {self.name!r}: use lower-case letters, digits and dashes")
        if len(self.cron.split()) != 5:
            raise ValueError(f"schedule {self.name}: {self.cron!r} is no cron line; for every day at two write '0 2 * * *'")

    def slot(self, scheduled: datetime) -> int:
        """Which round of the schedule a run is: added to the request's seed, so that no two rounds record the same."""
        return int(scheduled.timestamp() // 60)


def find_schedule(schedules: Sequence[ScheduleConfig], name: str) -> ScheduleConfig:
    """The schedule of that name.

    Raises:
        ValueError: there is none; names those that there are.
    """
    for entry in schedules:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in schedules) or "none; add [[schedules]] to the profile"
    raise ValueError(f"the profile has no schedule {name!r}; it has {known}")


def next_round(server: ServerMark, name: str, since: datetime) -> datetime | None:
    """When the server is going to start the next run of a deployment that was registered after ``since``.

    As it has planned it itself: None as long as it has planned nothing.
    """
    named = {"deployments": {"name": {"any_": [name]}}}
    if not any(datetime.fromisoformat(found["updated"]) >= since for found in post(server, "/deployments/filter", named)):
        return None
    ahead = {"state": {"type": {"any_": ["SCHEDULED"]}}, "expected_start_time": {"after_": datetime.now(UTC).isoformat()}}
    query = {**named, "flow_runs": ahead, "sort": "EXPECTED_START_TIME_ASC", "limit": 1}
    planned = post(server, "/flow_runs/filter", query)
    return datetime.fromisoformat(planned[0]["expected_start_time"]) if planned else None


def set_paused(store: Store, server: ServerMark | None, name: str, paused: bool) -> bool:
    """Pause or resume a schedule: a run that is under way waits after its open episodes, and no new one starts.

    Returns whether a running server was told as well; one that starts later reads it from the store.
    """
    pause(store, name, paused)
    if server is None:
        return False
    found = post(
        server, "/deployments/filter", {"deployments": {"name": {"any_": [name]}}, "flows": {"name": {"any_": [SCHEDULED]}}}
    )
    for deployment in found:
        post(server, f"/deployments/{deployment['id']}/{'pause' if paused else 'resume'}_deployment", {})
    return bool(found)
