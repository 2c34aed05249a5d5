"""Windows under a real X server: found by title, grabbed, and played with events that a real client receives."""

import subprocess

import numpy as np
import pytest

from engine.games.titles.capture_x11 import WindowLostError, X11Window
from engine.games.titles.profile import TitleMissingError
from tests.engine.games.titles.display import own_display
from tests.engine.games.titles.playing import poll, program, window_of
from tests.requirements import require_program

MODULE = "tests.engine.games.titles.small_window"


def wait_colour(window: X11Window, colour: tuple[int, int, int]) -> None:
    poll(lambda: True if (window.grab()[100, 100] == colour).all() else None, 10)


def read_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_window_is_found_grabbed_and_played() -> None:
    require_program("xdotool")
    with own_display() as display, program(display, MODULE, "Tëst wörld 2") as game:
        window = window_of(display, "^Tëst w.rld")
        window.focus()
        wait_colour(window, (200, 10, 30))
        picture = window.grab()
        assert picture.shape == (200, 320, 3) and picture.dtype == np.uint8
        assert (picture[190, 310] == 255).all() and (picture[0, 0] == (200, 10, 30)).all()  # its own corners, no border
        window.play(["w", "space"], (0, 0))
        assert {read_line(game), read_line(game)} == {"down w", "down space"}
        window.play(["w", "d"], (0, 0))
        assert [read_line(game), read_line(game)] == ["up space", "down d"]
        wait_colour(window, (200, 10, 30))  # the third key: its colours are back at the first
        window.play(["w", "d"], (-7, 12))
        line = read_line(game)
        while sum(map(abs, map(int, line.split()[1:]))) != 19:  # X may tell one motion in pieces
            line = "mouse " + " ".join(
                str(a + b) for a, b in zip(*(map(int, x.split()[1:]) for x in (line, read_line(game))), strict=True)
            )
        assert line == "mouse -7 12"
        window.close()
        assert [read_line(game), read_line(game)] == ["up d", "up w"]


def test_windows_and_displays_that_are_not_there_are_named() -> None:
    require_program("xdotool")
    with own_display() as display:
        with pytest.raises(WindowLostError, match="no window 'Game' on display"):
            X11Window(display, "Game")
        with program(display, MODULE, "Game") as game:
            window = window_of(display, "Game")
            game.kill()
            game.wait()
            with pytest.raises(WindowLostError, match="gone"):
                window.focus()
    with pytest.raises(TitleMissingError, match="there is no display"):
        X11Window(display, "Game")
