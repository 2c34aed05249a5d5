"""The verb ``parity``: one row a case of a fixture folder, and whether all of them hold."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:  # what the comparison needs is loaded once there is something to compare
    from inference.parity.result import CaseResult

META: Final = "meta.json"


@click.command(epilog="Example: worldloom parity tests/parity")
@click.argument("folder", type=click.Path(path_type=Path))
@click.pass_context
def parity(context: click.Context, folder: Path) -> None:
    """Run every case of the fixture FOLDER against this code; status 1 if one fails or was not run."""
    if not (folder / META).is_file():
        raise click.ClickException(f"{folder} holds no fixtures: it has no {META}; name a fixture folder, as tests/parity")
    from inference.parity.folder import run_folder

    counts = {True: 0, False: 0}
    for result in run_folder(folder):
        if not sum(counts.values()):
            click.echo(f"{'case':<58} {'worst':>10} {'tolerance':>10}")
        click.echo(row_of(result))
        counts[result.passed] += 1
    click.echo(f"{counts[True]} passed, {counts[False]} failed")
    context.exit(1 if counts[False] or not counts[True] else 0)


def row_of(result: "CaseResult") -> str:
    """Name, worst error, tolerance, PASS or FAIL, and what there is to say about it."""
    verdict = "PASS" if result.passed else "FAIL"
    return f"{result.name:<58} {result.worst:>10.3g} {result.tolerance:>10.3g}  {verdict}  {result.note}".rstrip()
