"""Verbs about playing: serve a model to a browser, and stop what serves."""

import contextlib
import dataclasses
import os
import signal
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import click

from flows.commands.options import PORT
from flows.releases import candidate_bundle, read_current, released_bundle
from flows.server import stop_server
from flows.workplace import Place, at_found_place, open_place, open_workplace, place_options


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
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `stop` ends it as Ctrl-C does, with everything put away
    with _mark(place.home):
        serve(config, place.store, digest, released=now is not None and now.bundle == digest)


@click.command(epilog="Example: worldloom stop --profile tiny")
@at_found_place
def stop(place: Place) -> None:
    """Stop what `play`, `dashboard` and `deploy` left running in this home."""
    stopped = [
        name for name, stop_it in (("play", stop_players(place.home)), ("dashboard", stop_server(place.prefect))) if stop_it
    ]
    click.echo(f"stopped    {', '.join(stopped) or 'nothing: nothing of this home was running'}")


@contextlib.contextmanager
def _mark(home: Path) -> Iterator[None]:
    """Leave an empty file ``players/PID`` as long as this process plays; several may play from one home."""
    path = home / "players" / str(os.getpid())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def stop_players(home: Path) -> int:
    """End the processes that play from ``home``; how many there were. Marks of killed ones are swept."""
    stopped = 0
    for path in sorted((home / "players").glob("*")):
        path.unlink(missing_ok=True)
        if path.name.isdecimal() and _plays(int(path.name)):
            os.kill(int(path.name), signal.SIGTERM)
            stopped += 1
    return stopped


def _plays(pid: int) -> bool:
    """Whether that process still is a player: numbers are given again to others."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"play" in command
