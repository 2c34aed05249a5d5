"""Verbs about playing: serve a model to a browser, and stop what serves."""

import dataclasses
import functools
import threading
import webbrowser
from pathlib import Path

import click

from flows.commands.options import PORT
from flows.marks import leave_mark, stop_serving
from flows.releases import candidate_bundle, read_current, released_bundle
from flows.workplace import home_of, open_place, open_workplace, place_options


@click.command(epilog="Example: worldloom play --profile tiny --port 8761")
@place_options
@click.option("--candidate", is_flag=True, help="Play the last candidate, released or not.")
@click.option("--port", type=PORT, default=None, help="Port on loopback; same as --set serve.port=PORT.")
@click.option("--open", "browse", is_flag=True, help="Open it in a browser.")
def play(
    profile: str,
    home: Path | None,
    store: str | None,
    overrides: tuple[str, ...],
    candidate: bool,
    port: int | None,
    browse: bool,
) -> None:
    """Serve the released model on a page where keys and mouse steer it, until Ctrl-C or `worldloom stop`."""
    found = open_place(profile, home, store)
    digest, _ = candidate_bundle(found.store) if candidate else released_bundle(found.store)
    from inference.server import serve  # the web server: not for `stop`, nor where there is nothing to play

    place = open_workplace(profile, home, store, overrides, make=False)
    now = read_current(place.store)
    config = place.profile.serve if port is None else dataclasses.replace(place.profile.serve, port=port)
    if browse and config.port:
        opener = threading.Timer(1.0, webbrowser.open, [f"http://{config.host}:{config.port}/"])
        opener.daemon = True
        opener.start()
    with leave_mark(place.home, "play"):
        serve(config, place.store, digest, released=now is not None and now.bundle == digest)


@click.command(epilog="Example: worldloom stop --profile tiny")
@functools.partial(place_options, overrides=False)
def stop(profile: str, home: Path | None, store: str | None) -> None:
    """Stop what `play`, `dashboard` and `deploy` left running in this home."""
    place = home_of(profile, home)
    if not place.is_dir():
        open_place(profile, home, store)  # says so
    stopped = [verb for verb in ("play", "deploy", "dashboard") if stop_serving(place, verb)]
    click.echo(f"stopped    {', '.join(stopped) or 'nothing: nothing of this home was running'}")
