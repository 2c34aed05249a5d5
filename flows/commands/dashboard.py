"""Verbs about Prefect: the dashboard of what ran, and the deployments that run by themselves."""

import dataclasses
import threading
import time
import webbrowser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from engine.collect import is_paused
from flows.commands.options import PORT
from flows.publish import published_dataset
from flows.schedule import COLLECTION, find_schedule, next_round, set_paused
from flows.server import PrefectServer, ServerConfig, read_mark
from flows.triggers import announce, was_retrained
from flows.workplace import Workplace, at_workplace, open_workplace, place_options

PLAN_SECONDS: Final = 150.0  # for the server to plan what was deployed; it looks every minute


@click.command(epilog="Example: worldloom dashboard --profile tiny --open")
@at_workplace
@click.option("--port", type=PORT, default=None, help="Port on loopback.  [default: any free one]")
@click.option("--open", "browse", is_flag=True, help="Open it in a browser.")
def dashboard(place: Workplace, port: int | None, browse: bool) -> None:
    """Show what ran in the Prefect UI, until interrupted or `worldloom stop`."""
    running = read_mark(place.prefect)
    if running is not None:
        click.echo(f"dashboard  {running.url} (already running)")
        if browse:
            webbrowser.open(running.url)
        return
    with PrefectServer(place.prefect, _server_config(place, port)) as server:
        click.echo("dashboard  starting ...")
        server.use()
        click.echo(f"dashboard  {server.url} (Ctrl-C ends it)")
        if browse:
            webbrowser.open(server.url)
        while server.alive():
            time.sleep(0.5)


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
    """Collect on the profile's schedules, and retrain and release on every published dataset version; until interrupted."""
    place = open_workplace(profile, home, store, overrides)
    if paused or resumed:
        _pause(place, paused, resumed)
        return
    with PrefectServer(place.prefect, _server_config(place, port)) as server:
        server.use()
        from flows.deployments import deployments, serve_deployments  # Prefect reads its settings when it is imported

        served = deployments(profile, place, overrides, timedelta(hours=every_hours))
        click.echo(f"dashboard  {server.url}")
        for line in _described(place, every_hours):
            click.echo(f"deployed   {line}")
        for told in (_announce_published, _tell_next_rounds):
            threading.Thread(target=told, args=(place, server), daemon=True).start()
        serve_deployments(served)


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
    """A version may have been published while nothing listened."""
    version = published_dataset(place.store)
    if version is not None and server.mark is not None and not was_retrained(place.store, version):
        click.echo(f"announced  {version[:12]}, taken by run {announce(server.mark, place.store, version)}")


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
