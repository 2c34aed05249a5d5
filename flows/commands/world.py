"""The verb ``world``: the embedded worlds by themselves."""

import click


@click.group()
def world() -> None:
    """Look at the embedded worlds by themselves: what scenes there are, how they look."""
