"""The verb ``world characters``: bodies assembled from parts, side by side on a sheet."""

from pathlib import Path

import click
from PIL import Image

from engine.characters.catalogue import CATALOGUE, SHAPES, assembly_of
from engine.characters.covering import sample_covering
from engine.characters.sheet import draw_characters, draw_strides
from engine.characters.slots import describe
from engine.plan import resolve_renderer
from flows.commands.options import PICTURE


@click.command(epilog="Example: worldloom world characters --out sheet.png --count 64")
@click.option("--out", type=PICTURE, required=True, help="The sheet, *.png or *.jpg.")
@click.option("--count", type=click.IntRange(1, 400), default=64, show_default=True, help="How many characters.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which ones: all pairs of choices come early.")
@click.option("--strides", is_flag=True, help="A row for each, with every phase of its stride.")
def characters(out: Path, count: int, seed: int, strides: bool) -> None:
    """Draw characters and list their numbers. Jobs and scenes name them by these."""
    indices, renderer = sample_covering(count, seed), resolve_renderer("auto")
    picture = draw_strides(indices, renderer) if strides else draw_characters(indices, min(count, 8), renderer)
    Image.fromarray(picture).save(out, quality=88)
    for index in indices:
        click.echo(f"{index:>16}  {describe(assembly_of(index))}")
    click.echo(f"catalogue  {len(CATALOGUE):,} characters of {len(SHAPES):,} shapes")
    click.echo(f"sheet      {out.resolve()}")
