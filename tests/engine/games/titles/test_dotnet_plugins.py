"""The .NET plugins, compiled by mcs and run in Mono against stand-ins of ours for their hosts."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from engine.games.titles.camera import c2w_from_game, game_from_c2w
from engine.games.titles.marker import marker_cells
from engine.games.titles.profile import load_title
from engine.games.titles.telemetry import Received, TelemetryReader
from tests.requirements import require_program

PLUGINS = Path(__file__).resolve().parents[4] / "infra" / "plugins"
HOSTS = Path(__file__).parent / "hosts"
STAND_INS = {"gta_v": "GtaHost.cs", "red_dead_redemption_2": "RdrHost.cs"}


def build(title: str, folder: Path) -> Path:
    sources = [PLUGINS / title / "WorldloomTelemetry.cs", PLUGINS / "shared" / "TelemetryFile.cs"]
    program = folder / "game.exe"
    compiler = [require_program("mcs"), "-langversion:5", "-warnaserror", f"-out:{program}"]
    built = subprocess.run(
        [*compiler, *sources, HOSTS / STAND_INS[title], HOSTS / "World.cs"], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return program


def play(program: Path, folder: Path, lines: list[str], locale: str = "C.UTF-8") -> list[str]:
    """Run one session of the game: one line a frame. Returns the squares that each frame shows."""
    finished = subprocess.run(
        [require_program("mono"), program], cwd=folder, input="\n".join(lines) + "\n", text=True, capture_output=True,
        timeout=60, check=False, env={"LANG": locale, "LC_ALL": locale, "HOME": str(folder), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()


def line_of(title: str, c2w: np.ndarray, state: str = "play") -> str:
    place, angles = game_from_c2w(load_title(title).camera, c2w)
    return " ".join(f"{value:.6f}" for value in (*place, *angles, 50.0)) + f" {state}"


def posed(number: int) -> np.ndarray:
    yaw, pitch = np.radians(3.0 * number), np.radians(15 * np.sin(number / 7))
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    c2w = np.eye(4)
    c2w[:3, :3] = turn @ np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    c2w[:3, 3] = [0.1 * number, -30, -0.05 * number]
    return c2w


def received_of(title: str, folder: Path, play_it) -> list[Received]:
    with TelemetryReader(folder / load_title(title).host.telemetry, title) as reader:
        reader.poll()
        play_it()
        received = reader.poll()
        assert not reader.faults
    return received


@pytest.mark.parametrize("title", STAND_INS)
def test_poses_arrive_and_the_picture_shows_their_number(title: str, tmp_path: Path) -> None:
    program = build(title, tmp_path)
    (tmp_path / "scripts").mkdir()
    squares: list[str] = []
    received = received_of(
        title, tmp_path, lambda: squares.extend(play(program, tmp_path, [line_of(title, posed(n)) for n in range(300)]))
    )
    assert [each.sample.frame for each in received] == list(range(1, 301))
    for number, each in enumerate(received):
        c2w = c2w_from_game(load_title(title).camera, np.array(each.sample.pos), np.array(each.sample.rot))
        np.testing.assert_allclose(c2w, posed(number), atol=2e-5)  # the games speak in single precision
        assert each.sample.player is not None and each.sample.player[2] == pytest.approx(each.sample.pos[2] - 1, abs=1e-4)
    assert squares == ["".join("01"[int(cell)] for cell in marker_cells(each.sample.frame)) for each in received]


@pytest.mark.parametrize("title", STAND_INS)
def test_states_arrive_and_what_is_not_there_does_no_harm(title: str, tmp_path: Path) -> None:
    program = build(title, tmp_path)
    states = ["loading", "play", "menu", "play", "cutscene", "noplayer", "play"]
    lines = [line_of(title, posed(n), state) for n, state in enumerate(states)]
    lines.insert(3, "nan 0 0 0 0 0 50 play")
    assert play(program, tmp_path, lines)[0] == ""  # there is no folder to write to: nothing is drawn, nothing breaks
    (tmp_path / "scripts").mkdir()
    received = received_of(title, tmp_path, lambda: play(program, tmp_path, lines, locale="de_DE.UTF-8"))
    assert [each.sample.state for each in received] == ["loading", "play", "menu", "play", "cutscene", "play", "play"]
    assert [each.sample.player is None for each in received] == [False] * 5 + [True, False]
    assert [each.sample.frame for each in received] == [1, 2, 3, 5, 6, 7, 8]  # the view with a NaN was passed over
