"""Verbs about what lies in the store: datasets, releases, lineage, episodes."""

import dataclasses
import json
from typing import get_args

import click

from flows.publish import publish_dataset
from flows.release import rollback as roll_back
from flows.server import read_mark
from flows.summary import summarise_stage
from flows.triggers import announce, was_retrained
from flows.workplace import Workplace, at_found_workplace
from infra.episodes import list_episodes
from infra.lineage import render_tree, trace
from infra.schema.episode import Perspective, Split
from infra.stage import finished_runs


@click.command(epilog="Example: worldloom publish 4f1c22aa")
@at_found_workplace
@click.argument("dataset")
def publish(place: Workplace, dataset: str) -> None:
    """Make DATASET the published version, which retraining takes."""
    version = trace(place.store, dataset).digest
    changed = publish_dataset(place.store, version)
    click.echo(f"published  {version}" if changed else f"published  {version} (it was already)")
    server = read_mark(place.prefect)
    if was_retrained(place.store, version):
        click.echo("retrained  on it already")
    elif server is None:
        click.echo(f"retraining starts when deployments are served: worldloom deploy --profile {place.profile.name}")
    else:
        click.echo(f"retraining taken by run {announce(server, place.store, version)}")


@click.command(epilog="Example: worldloom rollback --profile tiny")
@at_found_workplace
def rollback(place: Workplace) -> None:
    """Return to the bundle that was released before the current one."""
    left, back = roll_back(place.store)
    click.echo(f"released   {back}")
    click.echo(f"withdrawn  {left}")


@click.command(epilog="Example: worldloom lineage 4f1c22aa")
@at_found_workplace
@click.argument("artefact", required=False)
def lineage(place: Workplace, artefact: str | None) -> None:
    """Print what ARTEFACT (bundle, checkpoint, dataset version or stage key; 4 digits or more) was made from.

    Without ARTEFACT: every finished stage, oldest first, with the digests that it made.
    """
    if artefact is not None:
        click.echo(render_tree(trace(place.store, artefact)))
        return
    for result, when in finished_runs(place.store):
        click.echo(f"{when:%Y-%m-%d %H:%M}  {summarise_stage(result)}")


@click.command(epilog="Example: worldloom episodes --source embedded --family street --time-of-day night")
@at_found_workplace
@click.option("--source", help="embedded, unreal, vizdoom, minetest ...")
@click.option("--family", help="Of scenes.")
@click.option("--split", type=click.Choice(get_args(Split)))
@click.option("--walk", help="Who walked: policy, explore, loop, key_forward ...")
@click.option("--perspective", type=click.Choice(get_args(Perspective)))
@click.option("--weather")
@click.option("--time-of-day")
@click.option("--season")
@click.option("--where", help='SQL condition on the columns of table episodes, e.g. "frames > 100 AND revisit_share > 0.3".')
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Lines shown; the count is of all.")
@click.option("--json", "as_json", is_flag=True, help="All columns, one JSON object a line, no limit.")
def episodes(place: Workplace, where: str | None, limit: int, as_json: bool, **equal: str | None) -> None:
    """List recorded episodes, and how many hours they are."""
    conditions = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in equal.items() if value is not None]
    found = list_episodes(place.store, " AND ".join([*conditions, *([f"({where})"] if where else [])]) or None)
    if as_json:
        for episode in found:
            click.echo(json.dumps(dataclasses.asdict(episode)))
        return
    for episode in found[:limit]:
        size = f"{episode.width}x{episode.height}"
        when = " ".join(part for part in (episode.time_of_day, episode.weather, episode.season) if part)
        click.echo(
            f"{episode.episode_id[:12]}  {episode.source:<9} {episode.family:<10} {episode.walk:<14} {episode.split:<5} "
            f"{episode.perspective:<5} {episode.frames:>5} frames  {size} at {episode.fps:g} fps  "
            f"lag {f'{episode.sync_lag_frames:+.2f}' if episode.sync_checked else 'unmeasured'}  {when}"
        )
    hours = sum(episode.frames / episode.fps for episode in found) / 3600
    more = f", {len(found) - limit} not shown" if len(found) > limit else ""
    click.echo(f"{len(found)} episodes, {sum(episode.frames for episode in found)} frames, {hours:.2f} h{more}")
    if found:
        click.echo(f"look at one: worldloom show {found[0].episode_id[:8]} --open")
