"""Verbs about Prefect: the dashboard of what ran, and the deployments that run by themselves."""

import contextlib
import dataclasses
import threading
import time
import webbrowser
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click
import psutil

from engine.collect import is_paused
from flows.commands.options import PORT
from flows.marks import leave_mark
from flows.orphans import close_orphans
from flows.schedule import COLLECTION, find_schedule, next_round, set_paused
from flows.served import Served, write_served
from flows.server import PrefectServer, ServerConfig, ServerError, read_mark
from flows.sign_in import carrier, write_doors
from flows.triggers import announce
from flows.upkeep import cancel_missed, retrain_again, unheard
from flows.workplace import Workplace, at_workplace, open_workplace, place_options

LOOK_SECONDS: Final = 10.0
SILENT_LOOKS: Final = 3  # in a row, after which a server is taken for dead; a busy one may miss one
ANNOUNCE_SECONDS: Final = 120.0  # between two questions whether a published version was never heard of
PLAN_SECONDS: Final = 150.0  # for the server to plan what was deployed; it looks every minute


@click.command(epilog="Example: worldloom dashboard --profile tiny --open")
@at_workplace
@click.option("--port", type=PORT, default=None, help="Port on loopback.  [default: any free one]")
@click.option("--open", "browse", is_flag=True, help="Open it in a browser.")
def dashboard(place: Workplace, port: int | None, browse: bool) -> None:
    """Show what ran in the Prefect UI, until interrupted or `worldloom stop`."""
    running = read_mark(place.prefect)
    if running is not None:
        write_doors(place.prefect, running.url)
        _tell(place, f"{running.url} (already running)", browse)
        return
    with leave_mark(place.home, "dashboard"), PrefectServer(place.prefect, _server_config(place, port)) as server:
        click.echo("dashboard  starting ...")
        server.use()
        close_orphans(server.running, place.home, fresh=server.owned)
        _tell(place, f"{server.url} (Ctrl-C ends it)", browse)
        _watch(server, lambda: close_orphans(server.running, place.home))


@click.command(epilog="Example: worldloom deploy --profile tiny --every-hours 6")
@place_options
@click.option(
    "--every-hours", type=click.FloatRange(min=0.01), default=24.0, show_default=True, help="Pause between collections."
)
@click.option("--port", type=PORT, default=None, help="Port of the dashboard on loopback.  [default: any free one]")
@click.option("--pause", "paused", metavar="SCHEDULE", help="Let a schedule of the profile wait, also where it is recording.")
@click.option("--resume", "resumed", metavar="SCHEDULE", help="Let it go on.")
def deploy(
    profile: str,
    home: Path | None,
    store: str | None,
    overrides: tuple[str, ...],
    every_hours: float,
    port: int | None,
    paused: str | None,
    resumed: str | None,
) -> None:
    """Collect on the profile's schedules, and retrain and release on every published dataset version; until Ctrl-C or `stop`."""
    place = open_workplace(profile, home, store, overrides)
    if paused or resumed:
        _pause(place, paused, resumed)
        return
    place = dataclasses.replace(place, home=place.home.absolute())  # this process moves
    with (
        leave_mark(place.home, "deploy", alone=True),
        PrefectServer(place.prefect, _server_config(place, port)) as server,
    ):
        server.use()
        _tidy_up(place, server)
        with contextlib.chdir(server.folder):  # Prefect reads its settings when it is imported, also from where that happens
            from flows.deployments import deployments, serve_deployments

        every = timedelta(hours=every_hours)
        write_served(place.prefect, Served.at(place, profile, overrides, every))
        served = deployments(place, every)
        _tell(place, server.url)
        for line in _described(place, every_hours):
            click.echo(f"deployed   {line}")
        runner = serve_deployments(served, server.folder)
        for told in (_announce_published, _tell_next_rounds):
            threading.Thread(target=told, args=(place, server), daemon=True).start()
        try:
            _watch(server, lambda: _look_after(place, server, runner))
        finally:
            _end_runs(place, server)


def _watch(server: PrefectServer, look: Callable[[], object]) -> None:
    """Look every few seconds, until interrupted.

    Raises:
        ServerError: the server ended.
    """
    due, silent = 0.0, 0
    while silent < SILENT_LOOKS:
        silent = 0 if server.alive() else silent + 1
        if not silent and time.monotonic() > due:
            with contextlib.suppress(OSError):  # it ended just now, or has much to do
                look()
            due = time.monotonic() + LOOK_SECONDS
        time.sleep(0.5)
    raise ServerError(f"the Prefect server ended; what is finished is kept; see {server.log}, then start again")


def _tidy_up(place: Workplace, server: PrefectServer) -> None:
    """Before anything is worked off: what others left under way, and rounds that nobody was there for."""
    close_orphans(server.running, place.home, fresh=server.owned)
    if missed := cancel_missed(server.running, before=datetime.now(UTC)):
        click.echo(f"missed     {missed} rounds, cancelled")


def _look_after(place: Workplace, server: PrefectServer, runner: threading.Thread) -> None:
    if not runner.is_alive():
        raise ServerError(f"the runner of the deployments ended; see {server.log}, then start again")
    close_orphans(server.running, place.home)
    cancel_missed(server.running)
    for line in retrain_again(server.running, place.store):
        click.echo(f"again      {line}")


def _end_runs(place: Workplace, server: PrefectServer) -> None:
    """End what is being worked off, and say so to the server, where it still is."""
    for run in psutil.Process().children():
        if run.pid != server.running.pid:
            run.kill()  # what is finished is kept
    with contextlib.suppress(OSError):
        close_orphans(server.running, place.home, deployed=False)


def _tell(place: Workplace, address: str, browse: bool = False) -> None:
    """Say where the dashboard is; what is opened or clicked on signs in by itself."""
    page = carrier(place.prefect).as_uri()
    click.echo(f"dashboard  {address}\nsign in    {page}")
    if browse:
        webbrowser.open(page)


def _described(place: Workplace, every_hours: float) -> list[str]:
    """What is served, a line each."""
    lines = [
        f"{entry.name}: {entry.request.hours:g} h of {entry.request.source} at '{entry.cron}' {entry.timezone}"
        + (", paused" if is_paused(place.store, entry.name) else "")
        for entry in place.profile.schedules
    ]
    return [*(lines or [f"collection every {every_hours:g} h"]), "retraining on every published dataset version"]


def _pause(place: Workplace, paused: str | None, resumed: str | None) -> None:
    for name, now in ((paused, True), (resumed, False)):
        if name:
            find_schedule(place.profile.schedules, name)
            told = set_paused(place.store, read_mark(place.prefect), name, now)
            click.echo(
                f"{'paused' if now else 'resumed':<10} {name}{'' if told else ' (no server runs here; deploy will heed it)'}"
            )


def _announce_published(place: Workplace, server: PrefectServer) -> None:
    """A version may have been published while nothing listened, or its news may have been lost."""
    while True:
        try:
            if version := unheard(server.running, place.store):
                click.echo(f"announced  {version[:12]}, taken by run {announce(server.running, place.store, version)}")
        except (OSError, ServerError) as error:
            click.echo(f"warning    the published version was not announced: {error}; tried again later", err=True)
        time.sleep(ANNOUNCE_SECONDS)


def _tell_next_rounds(place: Workplace, server: PrefectServer) -> None:
    """Say when the server itself plans to collect, and warn where it plans nothing."""
    began, mark = datetime.now(UTC), server.mark
    waiting = [entry.name for entry in place.profile.schedules] or [COLLECTION]
    deadline = time.monotonic() + PLAN_SECONDS
    while mark is not None and waiting and time.monotonic() < deadline:
        time.sleep(1)
        waiting = [name for name in waiting if not is_paused(place.store, name)]
        for name in tuple(waiting):
            try:
                planned = next_round(mark, name, began)
            except OSError:  # it ends, and so do we
                return
            if planned:
                waiting.remove(name)
                click.echo(f"next       {name}: {planned.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    for name in waiting:
        click.echo(f"warning    {name}: no round of the next 100 days is planned; if one should be, see {server.log}", err=True)


def _server_config(place: Workplace, port: int | None) -> ServerConfig:
    config = place.profile.server
    return config if port is None else dataclasses.replace(config, port=port)
