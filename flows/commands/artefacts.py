"""Verbs about what lies in the store: dataset versions, releases, lineage, episodes"""

import dataclasses
import json
from collections.abc import Callable
from typing import Any, Final, get_args

import click

from flows.listing import ListedDataset, ListedRelease, list_datasets, list_releases
from flows.publish import match_dataset, publish_dataset
from flows.releases import describe_standing, read_current
from flows.releases import promote as promote_bundle
from flows.releases import rollback as roll_back
from flows.server import read_mark
from flows.summary import summarise_stage
from flows.triggers import announce, was_retrained
from flows.workplace import Place, at_found_place
from infra.episodes import list_episodes
from infra.lineage import find_holders, render_holders, render_tree, trace
from infra.schema.episode import UNKNOWN_AGREEMENT, Episode, Perspective, Split
from infra.stage import finished_runs

PARTS: Final = ("evaluate_arm",)  # runs within a stage, which a list of stages leaves out


@click.command(epilog="Example: worldloom publish 4f1c22aa")
@at_found_place
@click.argument("dataset")
def publish(place: Place, dataset: str) -> None:
    """Make DATASET (4 digits or more of one that `worldloom datasets` lists) the published version, which retraining takes."""
    version = match_dataset(place.store, dataset)
    changed = publish_dataset(place.store, version)
    click.echo(f"published  {version}" if changed else f"published  {version} (it was already)")
    server = read_mark(place.prefect)
    if was_retrained(place.store, version):
        click.echo("retrained  on it already")
    elif server is None:
        click.echo(f"retraining starts when deployments are served: {place.command('deploy')}")
    else:
        click.echo(f"retraining taken by run {announce(server, place.store, version)}")


@click.command(epilog="Example: worldloom rollback --profile tiny")
@at_found_place
def rollback(place: Place) -> None:
    """Return to the bundle that was released before the current one; `worldloom releases` lists them."""
    left, back = roll_back(place.store)
    click.echo(f"released   {back}")
    click.echo(f"withdrawn  {left}")
    click.echo(f"bring back {place.command('promote')} {left[:12]}")


@click.command(epilog="Example: worldloom promote 4f1c22aa")
@at_found_place
@click.argument("bundle")
def promote(place: Place, bundle: str) -> None:
    """Bring back BUNDLE (4 digits or more of one that `worldloom releases` lists), if it passed the gate once."""
    left, back = promote_bundle(place.store, bundle)
    click.echo(f"released   {back}" if left != back else f"released   {back} (it plays already)")
    if left not in ("", back):
        click.echo(f"withdrawn  {left}")


@click.command(epilog="Example: worldloom lineage --down 4f1c22aa")
@at_found_place
@click.argument("artefact", required=False)
@click.option("--down", is_flag=True, help="Print every dataset version, checkpoint, bundle and release that holds ARTEFACT.")
def lineage(place: Place, artefact: str | None, down: bool) -> None:
    """Print what ARTEFACT was made from, to every episode; with --down, all that holds it.

    It may be an episode, a dataset version, a checkpoint, a bundle or the key of a stage; 4 digits or more. A stage below
    an artefact is not spread out: it may have worked on more than the artefact holds. Without ARTEFACT: every finished
    stage, oldest first, with the digests that it made; `worldloom datasets` and `worldloom releases` say more of those two.
    """
    if artefact is None and down:
        raise click.UsageError("--down needs an ARTEFACT; `worldloom episodes` lists episodes")
    if artefact is not None:
        click.echo(render_holders(find_holders(place.store, artefact)) if down else render_tree(trace(place.store, artefact)))
        return
    finished = [(result, when) for result, when in finished_runs(place.store) if result.stage not in PARTS]
    if not finished:
        click.echo(f"no stage was finished in {place.store.uri} yet; begin with: {place.command('run')}")
    for result, when in finished:
        click.echo(f"{when:%Y-%m-%d %H:%M}  {summarise_stage(result)}")


def listing_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a list the options ``--limit`` and ``--json``."""
    count = click.IntRange(min=1)
    limit = click.option("--limit", type=count, default=50, show_default=True, help="Lines shown; the count is of all.")
    return limit(click.option("--json", "as_json", is_flag=True, help="All columns, one JSON object a line, no limit.")(command))


def say_json(records: list[Any]) -> None:
    """One JSON object a line."""
    for record in records:
        click.echo(json.dumps(dataclasses.asdict(record)))


@click.command(epilog="Example: worldloom datasets --json")
@at_found_place
@listing_options
def datasets(place: Place, limit: int, as_json: bool) -> None:
    """List the dataset versions, newest first: their digest, date, size, and which one is published."""
    found = list_datasets(place.store)
    if as_json:
        say_json(found)
        return
    for dataset in found[:limit]:
        click.echo(describe_dataset(dataset))
    click.echo(f"{_count(found, 'dataset version', limit)}, in {place.store.uri}")
    if found:
        click.echo(f"train on the newest: {place.command('train')} --dataset {found[0].version[:8]}")
    else:
        click.echo(f"make one: {place.command('curate')}")


@click.command(epilog="Example: worldloom releases --action refused")
@at_found_place
@click.option("--action", type=click.Choice(["released", "refused", "rolled back", "promoted"]), help="Only those.")
@listing_options
def releases(place: Place, action: str | None, limit: int, as_json: bool) -> None:
    """List what was decided about bundles and when, newest first, on which numbers, and which bundle plays now."""
    found = list_releases(place.store, action=action)
    if as_json:
        say_json(found)
        return
    for release in found[:limit]:
        for line in describe_release(release):
            click.echo(line)
    click.echo(f"{_count(found, 'decision', limit)}, in {place.store.uri}")
    now = read_current(place.store)
    if now is not None:
        back = f"; return to the one before: {place.command('rollback')}" if now.before else ""
        click.echo(f"{describe_standing(place.store)}: {place.command('play')}{back}")
    elif not found and action is None:
        click.echo(f"make one: {place.command('run')}")


def describe_dataset(dataset: ListedDataset) -> str:
    """One line."""
    splits = f"{dataset.train_clips} train, {dataset.val_clips} val, {dataset.test_clips} test"
    return (
        f"{dataset.version[:12]}  {_minute(dataset.when)}  {dataset.name}  {dataset.size or 'manifest deleted'}  "
        f"{dataset.accepted} of {dataset.clips} clips ({splits})  {dataset.train_minutes:.1f} min to train on  "
        f"from {', '.join(parent[:12] for parent in dataset.parents)}{'  published' if dataset.published else ''}"
    )


def describe_release(release: ListedRelease) -> list[str]:
    """A line, and one more for each number that the gate did not let through."""
    passed = sum(check.passed for check in release.checks)
    gate = f"{passed} of {len(release.checks)} checks hold  " if release.checks else ""
    made = f"{release.name}  {release.size}  student {release.student[:12]}  dataset {release.dataset[:12]}"
    line = (
        f"{release.number:>3}  {release.bundle[:12]}  {_minute(release.when)}  {release.action:<11}  "
        f"{gate}{made if release.name else 'bundle deleted'}{'  plays now' if release.current else ''}"
    )
    return [line, *(f"     {check.sentence()}" for check in release.checks if not check.passed)]


def _lag(episode: Episode) -> str:
    """Frames by which pixels trail poses and motion its actions, as far as they could be told."""
    actions = f", actions {episode.action_lag_frames:+.2f}" if episode.action_agreement != UNKNOWN_AGREEMENT else ""
    return f"{episode.sync_lag_frames:+.2f}{actions}{'' if episode.sync_checked else ' (unchecked)'}"


def _minute(when: str) -> str:
    return f"{when[:16].replace('T', ' '):<16}"


def _count(found: list[Any], what: str, limit: int) -> str:
    more = f" ({len(found) - limit} not shown)" if len(found) > limit else ""
    return f"{len(found)} {what}{'' if len(found) == 1 else 's'}{more}"


def _why_none(place: Place, equal: dict[str, str]) -> str:
    """What to change where a list of episodes came out empty."""
    there = list_episodes(place.store)
    for name, value in equal.items():
        known = sorted({str(getattr(episode, name)) for episode in there} - {""})
        if there and value not in known:
            return f"no episode here has {name.replace('_', ' ')} {value!r}; there are {', '.join(known) or 'none that say it'}"
    return "no episode here is all of that; ask for less" if there else "record some: worldloom collect --help"


@click.command(epilog="Example: worldloom episodes --source embedded --family street --time-of-day night")
@at_found_place
@click.option("--source", help="embedded, unreal, vizdoom, minetest ...")
@click.option("--family", help="Of scenes.")
@click.option("--split", type=click.Choice(get_args(Split)))
@click.option("--walk", help="Who walked: policy, explore, loop, key_forward ...")
@click.option("--perspective", type=click.Choice(get_args(Perspective)))
@click.option("--weather")
@click.option("--time-of-day")
@click.option("--season")
@click.option("--where", help='SQL condition on the columns of table episodes, e.g. "frames > 100 AND revisit_share > 0.3".')
@listing_options
def episodes(place: Place, where: str | None, limit: int, as_json: bool, **equal: str | None) -> None:
    """List recorded episodes, and how many hours they are.

    The lags are of pixels behind poses and of motion behind actions, in frames. An (unchecked) episode was not shown to be in
    sync; its page (worldloom show) says why.
    """
    conditions = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in equal.items() if value is not None]
    try:
        found = list_episodes(place.store, " AND ".join([*conditions, *([f"({where})"] if where else [])]) or None)
    except ValueError as error:
        names = ", ".join(field.name for field in dataclasses.fields(Episode))
        raise click.ClickException(f"--where: {str(error).rpartition(': ')[2]}; the columns are {names}") from None
    if as_json:
        say_json(found)
        return
    for episode in found[:limit]:
        size = f"{episode.width}x{episode.height}"
        when = " ".join(part for part in (episode.time_of_day, episode.weather, episode.season) if part)
        click.echo(
            f"{episode.episode_id[:12]}  {episode.source:<9} {episode.family:<10} {episode.walk:<14} {episode.split:<5} "
            f"{episode.perspective:<5} {episode.frames:>5} frames  {size} at {episode.fps:g} fps  "
            f"lag {_lag(episode)}  {when}"
        )
    hours = sum(episode.frames / episode.fps for episode in found) / 3600
    click.echo(f"{_count(found, 'episode', limit)}, {sum(episode.frames for episode in found)} frames, {hours:.3g} h")
    if not found:
        click.echo(_why_none(place, {name: value for name, value in equal.items() if value is not None}))
    else:
        click.echo(f"look at one: {place.command(f'show {found[0].episode_id[:8]}')} --open")
