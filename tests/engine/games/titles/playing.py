"""Games for tests: programs of ours with a window on a display of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from engine.embedded.render import RenderConfig, SceneRenderer
from engine.games.titles.capture_x11 import WindowLostError, X11Window
from engine.games.titles.profile import load_title
from engine.scenes.build import build_scene
from infra.schema import Frames
from tests.engine.games.titles.stand_in_game import FPS

ROOT = Path(__file__).resolve().parents[4]
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


@contextmanager
def stand_in(display: str, game_folder: Path, title: str, *, seed: int, delay: float = 0.0) -> Iterator["subprocess.Popen[str]"]:
    """A stand-in for a title, with the real plugin inside, once its window is there. See ``stand_in_game``."""
    install_plugin(game_folder, title)
    with program(display, "tests.engine.games.titles.stand_in_game", str(game_folder), title, str(seed), str(delay)) as process:
        window_of(display, load_title(title).window).close()
        yield process


def assert_pictures_fit(rgb: np.ndarray, frames: Frames, seed: int, strip: int, most: float) -> None:
    """Drawn again at the recorded poses a stand-in's scene looks as recorded; at the poses of another row it does not."""
    renderer = SceneRenderer(RenderConfig(width=640, height=360, renderer="egl"))
    renderer.load(build_scene("park", seed))
    height, width = rgb.shape[1:3]
    again = []
    for c2w, tick in zip(frames.c2w, frames.tick, strict=True):
        picture = renderer.draw(c2w, float(tick) / FPS["cyberpunk_2077"])[0][strip:]  # what the marker stands in is cut off
        again.append(np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX)))
    renderer.close()
    error = np.abs(np.stack(again).astype(float) - rgb).mean((1, 2, 3))
    shifted = np.abs(np.stack(again[1:]).astype(float) - rgb[:-1]).mean((1, 2, 3))
    moving = np.linalg.norm(np.diff(frames.c2w[:, :3].reshape(len(frames), -1), axis=0), axis=1) > 0.05
    assert moving.sum() > 10
    assert error.max() < most
    assert np.median(shifted[moving]) > 1.5 * np.median(error[:-1][moving])


def install_plugin(game_folder: Path, title: str = "cyberpunk_2077") -> Path:
    """Copy the plugin to where its profile says; that folder."""
    host = load_title(title).host
    folder = game_folder / host.install
    folder.mkdir(parents=True)
    for file in host.files:
        source = ROOT / "infra" / "plugins" / file
        (folder / source.name).write_bytes(source.read_bytes())
    return folder
