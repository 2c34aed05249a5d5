"""Runs the server by itself, as the recorder launches it: python -m engine.unreal --port 9000"""

import argparse

from engine.unreal.server import ServerConfig, serve


def main() -> None:
    """Read the options of ``ServerConfig`` and serve."""
    parser = argparse.ArgumentParser(prog="python -m engine.unreal", description="Serve the embedded world to UnrealCV clients.")
    parser.add_argument("--port", type=int, default=ServerConfig.port)
    parser.add_argument("--level", default=ServerConfig.level)
    parser.add_argument("--renderer", default=ServerConfig.renderer)
    given = parser.parse_args()
    serve(ServerConfig(port=given.port, level=given.level, renderer=given.renderer), print)


if __name__ == "__main__":
    main()
