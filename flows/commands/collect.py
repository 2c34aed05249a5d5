"""The verb ``collect``: the profile's plan, or so many hours of one source."""

import dataclasses
from pathlib import Path
from shlex import quote
from typing import Any, get_args

import click

from engine.collect import collect_request
from engine.job import Source
from engine.request import CollectionRequest
from engine.scenes.conditions import SEASONS, TIMES, WEATHERS
from flows.commands.options import SIZE
from flows.pool import check_actors, fitting_actors, open_pool
from flows.workplace import Workplace, open_workplace, place_options
from infra.address import parse_address
from infra.lock import hold_folder


@click.command(epilog="Example: worldloom collect --source embedded --hours 2 --family street --time-of-day night --out nights")
@place_options
@click.option("--fresh", is_flag=True, help="Do finished stages again.")
@click.option("--source", type=click.Choice(get_args(Source)), help="Record hours of this instead of the profile's plan.")
@click.option("--hours", type=float, help="Of finished episodes.")
@click.option("--out", help="Folder or s3://bucket/prefix that takes the episodes; same as --store. Its own home, too.")
@click.option("--family", "families", multiple=True, help="Of scenes; repeatable.  [default: all]")
@click.option("--weather", multiple=True, help=f"{', '.join(WEATHERS)}; repeatable.  [default: as scenes have it]")
@click.option("--time-of-day", multiple=True, help=f"{', '.join(TIMES)}; repeatable.")
@click.option("--season", multiple=True, help=f"{', '.join(SEASONS)}; repeatable.")
@click.option("--agent", "agents", multiple=True, help="Who walks: policy, route, explore, loop ...; repeatable.")
@click.option("--perspective", type=click.Choice(["first", "third"]), help="[default: first]")
@click.option("--size", type=SIZE, help="[default: 640x360]")
@click.option("--seconds", type=float, help="Of one episode, at most 60.  [default: 20]")
@click.option("--seed", type=click.IntRange(min=0), help="Another seed records other scenes and walks.  [default: 0]")
@click.option("--workers", type=click.IntRange(min=0), help="Recorders at once; 0 records in this process.  [default: what fits]")
def collect(
    profile: str, home: Path | None, store: str | None, overrides: tuple[str, ...], fresh: bool, source: Source | None,
    out: str | None, workers: int | None, **wishes: Any,
) -> None:  # fmt: skip
    """Record the episodes that the store lacks: the profile's plan, or with --source and --hours what you ask for."""
    request = _requested(source, {name: value for name, value in wishes.items() if value not in (None, ())})
    if out and store and out != store:
        raise click.UsageError("--out and --store are the same option; give one of them")
    from flows.pipeline import Loop  # every stage; not for who asks for help
    from flows.running import run_loop

    address = store if out is None else out
    place = open_workplace(profile, home or _home_of(request, address), address, overrides)
    if request is None:
        run_loop(place, Loop(profile=place.profile, store=place.store, fresh=fresh), "collect")
    else:
        _collect_hours(place, request, workers, fresh)


def _requested(source: Source | None, given: dict[str, Any]) -> CollectionRequest | None:
    """What the options ask for; None is the profile's plan.

    Raises:
        click.UsageError: an option is missing or has no meaning without another.
    """
    if source is None:
        if given:
            raise click.UsageError(f"--{_option(next(iter(given)))} narrows down a --source; name one")
        return None
    if "hours" not in given:
        raise click.UsageError("--source needs --hours, for example --hours 0.5")
    if "size" in given:
        given["width"], given["height"] = given.pop("size")
    return CollectionRequest(source=source, **given)


def _home_of(request: CollectionRequest | None, store: str | None) -> Path | None:
    """So many hours need no run around them: collections into two stores keep out of each other's way."""
    if request is None or store is None:
        return None
    address = parse_address(store)
    if address.folder is None:
        return Path("runs") / address.slug
    return address.folder.parent if address.folder.name == "store" else address.folder  # a run's own store keeps it waiting


def _option(name: str) -> str:
    """The option that fills a parameter."""
    return {"families": "family", "agents": "agent"}.get(name, name.replace("_", "-"))


def _collect_hours(place: Workplace, request: CollectionRequest, workers: int | None, fresh: bool) -> None:
    from flows.running import say_stage

    config, endpoints = place.profile.pool, place.profile.endpoints
    actors = fitting_actors(request.source, endpoints.unreal, config) if workers is None else workers
    check_actors(request.source, endpoints.unreal, actors)
    sized = dataclasses.replace(config, actors=actors)
    begins = f"{actors} recorders at once start" if actors > 1 else "one recorder starts"
    click.echo(f"collect    {request.hours:g} h of {request.source} into {place.store.uri}; {begins}", err=True)
    with hold_folder(place.home, "worldloom collect"), open_pool(sized, place.store.uri) as pool:
        result = collect_request(request, place.store, endpoints=endpoints, pool=pool, fresh=fresh)
    say_stage(place, result)
    click.echo(f"episodes   {place.store.uri}; list them: worldloom episodes --store {quote(place.store.uri)}")
