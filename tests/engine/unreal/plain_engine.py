"""Stands in for a UE5 build: takes Unreal's flags, and its camera sits above the pawn that is moved; --steps: with our plugin."""

import argparse
import re
from unittest.mock import patch

import numpy as np

import engine.unreal.server as server
from engine.unreal.commands import Commands
from engine.unreal.server import ServerConfig, serve
from engine.unreal.wire import Body

EYES = np.array([0.0, 0.0, 64.0])  # cm above the pawn
MAP = "park-0000000000000005"


class SteppedCommands(Commands):
    """Set moves the pawn, get reads the camera; says which levels it loads and which console commands it is given."""

    def answer(self, command: str) -> Body:
        if command.startswith("vrun "):
            print(command, flush=True)
            return b"ok"
        if command.startswith("vset /action/game/level "):
            print(command, flush=True)
            command = command.replace("/Game/", "")
        if match := re.fullmatch(r"(vset /camera/0/(?:location|moveto)) (\S+) (\S+) (\S+)", command):
            x, y, z = (float(value) for value in match.groups()[1:])
            return super().answer(f"{match[1]} {x:.6f} {y:.6f} {z + EYES[2]:.6f}")
        return super().answer(command)


class PlainCommands(SteppedCommands):
    """Without the extension."""

    def answer(self, command: str) -> Body:
        if "/worldloom/" in command:
            return f"error Can not find a handler for URI '{command}'".encode()
        return super().answer(command)


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("-cvport", type=int, required=True)
    parser.add_argument("-FPS", required=True)
    for flag in ("-RenderOffScreen", "-unattended", "-UseFixedTimeStep"):
        parser.add_argument(flag, action="store_true", required=True)
    given = parser.parse_args()
    kind = SteppedCommands if given.steps else PlainCommands
    with patch.object(server, "PROJECT", "Lookalike"), patch.object(server, "Commands", kind):
        serve(ServerConfig(port=given.cvport, level=MAP), print)


if __name__ == "__main__":
    main()
