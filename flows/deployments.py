"""What ``worldloom deploy`` serves: collection on a schedule, and retraining whenever a dataset version is published.

Import this only after ``PrefectServer.use``. Runs are worked off one after another, each in a process of its own.
"""

import dataclasses
import os
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from prefect import flow, serve
from prefect.client.schemas.objects import State
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.runtime import flow_run
from prefect.schedules import Cron
from prefect.settings import get_current_settings
from prefect.states import Completed
from prefect.types.entrypoint import EntrypointType
from pydantic import ValidationError

from engine.collect import is_paused
from flows.observe import walk_observed
from flows.pipeline import Loop
from flows.pool import open_pool
from flows.publish import publish_dataset
from flows.release import require_released
from flows.schedule import COLLECTION, SCHEDULED, ScheduleConfig, find_schedule
from flows.served import Digest, EventName, ScheduleName, Served, read_served
from flows.server import read_mark
from flows.summary import summarise_stage
from flows.triggers import PUBLISHED, RETRAIN, announce, retrain_once, was_retrained
from flows.workplace import Workplace
from infra.errors import BusyError
from infra.interrupt import end_with_parent
from infra.lock import hold_folder
from infra.stage import StageResult

_SECONDS_BETWEEN_TRIES: Final = 5.0


@flow(name=COLLECTION, persist_result=False)
def collection() -> None:
    """Record episodes that no earlier slot of the schedule recorded, annotate, curate and publish a dataset version."""
    end_with_parent()
    served = _served()
    place = served.open()
    slot = int(flow_run.scheduled_start_time.timestamp() // served.every_seconds)
    collect = dataclasses.replace(place.profile.collect, seed=place.profile.collect.seed + slot)
    collect_and_publish(place, Loop(profile=dataclasses.replace(place.profile, collect=collect), store=place.store))


@flow(name=SCHEDULED, flow_run_name="{schedule}", persist_result=False)
def scheduled_collection(schedule: ScheduleName) -> None:
    """Record the hours of one entry of the profile's schedules, annotate, curate and publish a dataset version.

    Raises:
        ValueError: the profile has no such schedule any more.
    """
    end_with_parent()
    place = _served().open()
    entry = find_schedule(place.profile.schedules, schedule)
    request = dataclasses.replace(entry.request, seed=entry.request.seed + entry.slot(flow_run.scheduled_start_time))
    entry = dataclasses.replace(entry, request=request)
    collect_and_publish(place, Loop(profile=place.profile, store=place.store, schedule=entry))


def collect_and_publish(place: Workplace, loop: Loop) -> None:
    """Walk the loop as far as a dataset version, publish it and tell the server, which starts retraining."""
    walk_when_free(place, loop, "curate")
    version = loop.results["curate"].outputs["dataset"]
    publish_dataset(place.store, version)
    server = read_mark(place.prefect)
    if server is not None and not was_retrained(place.store, version):
        announce(server, place.store, version)


@flow(name=RETRAIN, persist_result=False)
def retrain_and_deploy(version: Digest, event: EventName) -> "State[Any] | None":
    """Train on a published version, evaluate, and release what passes the gate; an event that was worked off does nothing."""
    end_with_parent()
    place = _served().open()
    loop = Loop(profile=place.profile, store=place.store, dataset=version)

    def work() -> dict[str, Any]:
        walk_when_free(place, loop, "release")
        outputs = loop.results["release"].outputs
        return {"bundle": outputs["bundle"], "released": outputs["released"]}

    if retrain_once(place.store, version, event, work).reused:
        return Completed(name="Repeated", message=f"dataset {version[:12]} was retrained on before; nothing was started")
    require_released(loop.results["release"])
    return None


def walk_when_free(place: Workplace, loop: Loop, until: str) -> None:
    """Run the loop's stages as tasks, after whoever else works in this home; then write the report.

    Raises:
        whatever a stage raises.
    """
    while True:
        try:
            with hold_folder(place.home, f"deployment to {until}"), open_pool(place.profile.pool, place.store.uri) as loop.pool:
                walk_observed(loop, until, _say)
                loop.write_report(place.home)
            return
        except BusyError as error:
            print(f"waiting: {error}", flush=True)
            time.sleep(_SECONDS_BETWEEN_TRIES)
        except Exception as error:
            print(f"failed: {type(error).__name__}: {error}", flush=True)  # the traceback stands in the dashboard
            raise


def _served() -> Served:
    """What the process that works off this run serves: its environment names the folder, and no caller of the API does."""
    return read_served(get_current_settings().home)


def deployments(place: Workplace, every: timedelta) -> list[RunnerDeployment]:
    """Both deployments for one home."""
    trigger = DeploymentEventTrigger(
        name=f"retrain on {PUBLISHED}",
        expect={PUBLISHED},
        match={"worldloom.store": place.store.address.label},
        parameters={
            "version": {"__prefect_kind": "jinja", "template": "{{ event.payload.version }}"},
            "event": {"__prefect_kind": "jinja", "template": "{{ event.payload.event }}"},
        },
    )
    made = [
        *_collections(place, every),
        retrain_and_deploy.to_deployment(RETRAIN, triggers=[trigger], entrypoint_type=EntrypointType.MODULE_PATH),
    ]
    return [deployment for deployment in made if isinstance(deployment, RunnerDeployment)]  # coroutines only inside a loop


def _collections(place: Workplace, every: timedelta) -> list[Any]:
    """One deployment for each schedule of the profile; without any, the profile's own plan at an interval.

    Raises:
        ValueError: a schedule's cron line or time zone is wrong; names the schedule.
    """
    if not place.profile.schedules:
        return [collection.to_deployment(COLLECTION, interval=every, entrypoint_type=EntrypointType.MODULE_PATH)]
    return [_scheduled(place, entry) for entry in place.profile.schedules]


def _scheduled(place: Workplace, entry: ScheduleConfig) -> Any:
    try:
        CronSchedule(cron=entry.cron, timezone=entry.timezone)  # Cron itself takes anything
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ValueError(f"schedule {entry.name}: cron {entry.cron!r}, timezone {entry.timezone!r}: {why}") from None
    return scheduled_collection.to_deployment(
        entry.name,
        schedule=Cron(entry.cron, timezone=entry.timezone),
        paused=is_paused(place.store, entry.name),
        parameters={"schedule": entry.name},
        tags=[entry.request.source],
        description=f"{entry.request.hours:g} h of {entry.request.source}",
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def serve_deployments(served: list[RunnerDeployment], folder: Path) -> threading.Thread:
    """Work off their runs, one at a time, in a thread: the main one stays free to watch, and to be interrupted.

    From ``folder``, since Prefect reads settings of where it starts, and runs start where this process is.
    """
    os.chdir(folder)
    options = {"limit": 1, "print_starting_message": False, "pause_on_shutdown": False}
    runner = threading.Thread(target=serve, args=served, kwargs=options, name="runner", daemon=True)
    runner.start()
    return runner


def _say(result: StageResult) -> None:
    print(summarise_stage(result), flush=True)
