"""Games for tests: programs of ours with a window on a display of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from engine.titles.capture_x11 import WindowLostError, X11Window
from engine.titles.profile import load_title

ROOT = Path(__file__).resolve().parents[3]
Found = TypeVar("Found")


def poll(ask: Callable[[], Found | None], seconds: float = 30.0) -> Found:
    """What ``ask`` gives as soon as it is not None."""
    deadline = time.monotonic() + seconds
    while (found := ask()) is None:
        assert time.monotonic() < deadline, "nothing came in time"
        time.sleep(0.02)
    return found


def window_of(display: str, title: str) -> X11Window:
    """The window, once it is there."""

    def look() -> X11Window | None:
        try:
            return X11Window(display, title)
        except WindowLostError:
            return None

    return poll(look)


@contextmanager
def program(display: str, module: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A module of ours that runs on the display; ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "DISPLAY": display, "SDL_VIDEODRIVER": "x11", "PYGAME_HIDE_SUPPORT_PROMPT": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def install_plugin(game_folder: Path, title: str = "cyberpunk_2077") -> Path:
    """Copy the plugin to where its profile says; that folder."""
    host = load_title(title).host
    folder = game_folder / host.install
    folder.mkdir(parents=True)
    for file in host.files:
        source = ROOT / "infra" / "plugins" / title / file
        (folder / source.name).write_bytes(source.read_bytes())
    return folder
