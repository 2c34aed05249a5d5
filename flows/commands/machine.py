"""Verbs about this machine: set it up, and say what it can do."""

from pathlib import Path

import click

from flows.commands.options import HOME
from flows.machine import diagnose, install_egl
from infra.surroundings import describe


@click.command(epilog="Example: worldloom setup")
def setup() -> None:
    """Make EGL rendering work where that is allowed, otherwise say how."""
    install_egl(lambda line: click.echo(f"setup: {line}"))


@click.command(epilog="Example: worldloom doctor")
@click.option("--home", type=HOME, default=Path("runs"), show_default=True, help="Folder of the runs.")
def doctor(home: Path) -> None:
    """Say what works here, what does not, and what to do about it."""
    findings = diagnose(home)
    for finding in findings:
        fix = f"; {finding.fix}" if finding.fix else ""
        click.echo(
            f"{'ok  ' if finding.works else 'MISS' if finding.needed else 'opt '}  {finding.name:<22} {finding.found}{fix}"
        )
    for name, value, fate in describe():
        click.echo(f"env   {name:<22} {value or '(empty)'}; {fate}")
    if any(finding.needed and not finding.works for finding in findings):
        raise click.exceptions.Exit(2)
