"""Commands of ``world`` about scenes: the catalogue of them, contact sheets."""

import collections
import time
from pathlib import Path

import click
from PIL import Image

from engine.plan import resolve_renderer
from engine.scenes.build import FAMILIES, build_scene
from engine.scenes.catalogue import catalogue as scenes_of
from engine.scenes.catalogue import write_catalogue
from engine.scenes.conditions import SEASONS, TIMES, WEATHERS, Conditions
from engine.scenes.sheet import draw_sheet
from flows.commands.options import PICTURE
from infra.allowance import cores
from infra.store import open_store

MANY = [
    "noon clear summer",
    "dusk cloudy autumn",
    "night clear spring",
    "noon rain autumn",
    "afternoon snow winter",
    "dawn fog spring",
]


@click.command(epilog="Example: worldloom world catalogue --per-family 80 --out runs/home/store")
@click.option("--families", default=",".join(FAMILIES), show_default=True, help="Which, with commas between.")
@click.option("--per-family", default=80, show_default=True, type=click.IntRange(1), help="Scenes of each family.")
@click.option("--seed", default=0, show_default=True, help="Of the catalogue.")
@click.option("--pictures/--no-pictures", default=True, show_default=True, help="Draw a thumbnail of each scene.")
@click.option("--workers", default=cores(), show_default="one a core", type=click.IntRange(1))
@click.option("--out", required=True, help="Store that takes table scenes: a folder or s3://bucket/prefix.")
def catalogue(families: str, per_family: int, seed: int, pictures: bool, workers: int, out: str) -> None:
    """Write the table of scenes. Stopped and called again, it goes on with what is missing."""
    chosen = tuple(families.split(","))
    began = said = time.monotonic()

    def say(done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said > 5:
            said = time.monotonic()
            click.echo(f"{done} of {total} scenes")

    renderer = resolve_renderer("auto") if pictures else None
    rows = write_catalogue(
        open_store(out), per_family, seed=seed, families=chosen, renderer=renderer, workers=workers, progress=say
    )
    for family, count in collections.Counter(row.family for row in rows).items():
        click.echo(f"{family:<12} {count:>5}")
    click.echo(
        f"{len(rows)} scenes, {len({row.layout_digest for row in rows})} layouts, "
        f"{len({row.objects_digest for row in rows})} sets of objects, {time.monotonic() - began:.1f} s"
    )


@click.command(epilog="Example: worldloom world sheet --family street --conditions --out street.png")
@click.option("--family", type=click.Choice(FAMILIES), help="Only this one; else all.")
@click.option("--conditions", is_flag=True, help="One scene of each family in several conditions, not several scenes.")
@click.option("--columns", default=6, show_default=True, type=click.IntRange(1, 12), help="Scenes of a family side by side.")
@click.option("--weather", type=click.Choice(WEATHERS), help="For all; else as each seed says.")
@click.option("--time-of-day", type=click.Choice(TIMES), help="For all; else as each seed says.")
@click.option("--season", type=click.Choice(SEASONS), help="For all; else as each seed says.")
@click.option("--out", required=True, type=PICTURE, help="Picture to write, *.png or *.jpg.")
def sheet(
    family: str | None,
    conditions: bool,
    columns: int,
    weather: str | None,
    time_of_day: str | None,
    season: str | None,
    out: Path,
) -> None:
    """Draw a contact sheet of scenes."""
    families = (family,) if family else FAMILIES
    cells = []
    for name in families:
        if conditions:
            seed = next(scenes_of(1, families=(name,))).seed
            for words in MANY[:columns]:
                hour, sky, part = words.split()
                cells.append(
                    (f"{name}, {words}", build_scene(name, seed, Conditions(weather=sky, time_of_day=hour, season=part)))
                )
        else:
            wanted = Conditions(weather=weather or "", time_of_day=time_of_day or "", season=season or "")
            for scene in scenes_of(columns, families=(name,)):
                shown = build_scene(name, scene.seed, wanted)
                cells.append((f"{name}, {shown.time_of_day} {shown.weather} {shown.season}", shown))
    width = min(columns, len(MANY)) if conditions else columns
    Image.fromarray(draw_sheet(cells, width, resolve_renderer("auto"))).save(out)
    click.echo(f"sheet      {out}")
