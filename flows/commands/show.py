"""The verb ``show``: one episode on a page, or as a file for the Rerun viewer."""

import webbrowser
from pathlib import Path

import click

from engine.show.page import write_page
from engine.show.rerun_file import write_rerun
from flows.commands.options import OutFile
from flows.workplace import Place, at_found_place
from infra.episodes import match_episode


@click.command(epilog="Example: worldloom show 4f1c22aa --open")
@at_found_place
@click.argument("episode")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Where the page goes.  [default: HOME/episodes/ID.html]"
)
@click.option("--open", "browse", is_flag=True, help="Open it in a browser.")
@click.option("--rerun", type=OutFile(".rrd"), help="Also write a file for the Rerun viewer, *.rrd.")
def show(place: Place, episode: str, out: Path | None, browse: bool, rerun: Path | None) -> None:
    """Show EPISODE (4 digits of its id or more): video with keys and mouse, map, depth, masks, sync."""
    found = match_episode(place.store, episode)
    path = out or place.home / "episodes" / f"{found.episode_id[:12]}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    click.echo(f"page       {write_page(place.store, found, path).resolve()}")
    if rerun is not None:
        click.echo(f"rerun      {write_rerun(place.store, found, rerun).resolve()}; open it with: rerun {rerun}")
    if browse and not webbrowser.open(path.resolve().as_uri()):
        click.echo("no browser starts here; open the page yourself", err=True)
