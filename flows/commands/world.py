"""The verb ``world``: the embedded worlds by themselves."""

import click

from flows.commands.characters import characters


@click.group()
def world() -> None:
    """Look at the embedded worlds by themselves: what scenes there are, how they look."""


world.add_command(characters)
