"""Stands in for a UE5 build: takes Unreal's flags, knows no fixed step, and its camera sits above the pawn that is moved."""

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


class PlainCommands(Commands):
    """Without the extension; set moves the pawn, get reads the camera."""

    def answer(self, command: str) -> Body:
        if "/worldloom/" in command:
            return f"error Can not find a handler for URI '{command}'".encode()
        if match := re.fullmatch(r"(vset /camera/0/(?:location|moveto)) (\S+) (\S+) (\S+)", command):
            x, y, z = (float(value) for value in match.groups()[1:])
            return super().answer(f"{match[1]} {x:.6f} {y:.6f} {z + EYES[2]:.6f}")
        return super().answer(command)


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("-cvport", type=int, required=True)
    parser.add_argument("-FPS", required=True)
    for flag in ("-RenderOffScreen", "-unattended", "-UseFixedTimeStep"):
        parser.add_argument(flag, action="store_true", required=True)
    given = parser.parse_args()
    with patch.object(server, "PROJECT", "Lookalike"), patch.object(server, "Commands", PlainCommands):
        serve(ServerConfig(port=given.cvport, level=MAP), print)


if __name__ == "__main__":
    main()
