"""Verbs about what lies in the store: datasets, releases, lineage, episodes."""

import click

from flows.publish import publish_dataset
from flows.release import rollback as roll_back
from flows.server import read_mark
from flows.triggers import announce, was_retrained
from flows.workplace import Workplace, at_workplace
from infra.episodes import list_episodes
from infra.lineage import render_tree, trace


@click.command(epilog="Example: worldloom publish 4f1c22aa")
@at_workplace
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
@at_workplace
def rollback(place: Workplace) -> None:
    """Return to the bundle that was released before the current one."""
    left, back = roll_back(place.store)
    click.echo(f"released   {back}")
    click.echo(f"withdrawn  {left}")


@click.command(epilog="Example: worldloom lineage 4f1c22aa")
@at_workplace
@click.argument("artefact")
def lineage(place: Workplace, artefact: str) -> None:
    """Print what ARTEFACT (bundle, checkpoint, dataset version or stage key; 4 digits or more) was made from."""
    click.echo(render_tree(trace(place.store, artefact)))


@click.command(epilog="Example: worldloom episodes --where \"split = 'test'\"")
@at_workplace
@click.option("--where", help="SQL condition on the columns of table episodes.")
def episodes(place: Workplace, where: str | None) -> None:
    """List recorded episodes."""
    for episode in list_episodes(place.store, where):
        size = f"{episode.width}x{episode.height}"
        click.echo(
            f"{episode.episode_id[:12]}  {episode.source:<9} {episode.family:<8} {episode.walk:<14} {episode.split:<5} "
            f"{episode.frames:>5} frames  {size} at {episode.fps:g} fps  {episode.renderer}"
        )
