"""The verb ``world``: the embedded worlds by themselves."""

import click

from engine.unreal.server import ServerConfig
from engine.unreal.server import serve as serve_world
from flows.commands.characters import characters
from flows.commands.options import PORT, SIZE
from flows.commands.scenes import catalogue, sheet


@click.group(epilog="Example: worldloom world sheet --family harbour --out harbour.png")
def world() -> None:
    """Look at the embedded worlds by themselves: what scenes there are, how they look."""


world.add_command(characters)
world.add_command(catalogue)
world.add_command(sheet)


@world.command(epilog="Example: worldloom world serve --port 9000 --scene park-0000000000000005 --size 640x360")
@click.option("--port", type=PORT, default=ServerConfig.port, show_default=True, help="0 takes a free one.")
@click.option("--scene", default=ServerConfig.level, show_default=True, help="Id of a scene: family and seed.")
@click.option("--size", type=SIZE, default=f"{ServerConfig.width}x{ServerConfig.height}", show_default=True)
@click.option("--renderer", type=click.Choice(["egl", "software"]), default=ServerConfig.renderer, show_default=True)
def serve(port: int, scene: str, size: tuple[int, int], renderer: str) -> None:
    """Serve the embedded world to UnrealCV clients. One at a time, on loopback; stop it with Ctrl-C."""
    width, height = size
    config = ServerConfig(port=port, level=scene, width=width, height=height, renderer=renderer)
    serve_world(config, lambda line: click.echo(line))
