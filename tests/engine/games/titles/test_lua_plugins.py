"""The Lua plugins run in real Lua (5.4 as in UE4SS, LuaJIT as in Cyber Engine Tweaks) against scripted games of ours."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lupa.lua54
import lupa.luajit21
import numpy as np
import pytest

from engine.games.titles.camera import c2w_from_game, game_from_c2w
from engine.games.titles.marker import marker_cells
from engine.games.titles.profile import load_title
from engine.games.titles.telemetry import Received, TelemetryReader

PLUGINS = Path(__file__).resolve().parents[4] / "infra" / "plugins"
HOSTS = Path(__file__).parent / "hosts"
UNREAL = ("palworld", "hogwarts_legacy")


def install(title: str, folder: Path) -> None:
    for file in load_title(title).host.files:
        source = PLUGINS / file
        (folder / source.name).write_bytes(source.read_bytes())


@contextmanager
def reading(title: str, folder: Path) -> Iterator[TelemetryReader]:
    with TelemetryReader(folder / "worldloom.jsonl", title) as reader:
        yield reader
        assert not reader.faults


def c2w_of(title: str, received: Received) -> np.ndarray:
    return c2w_from_game(load_title(title).camera, np.array(received.sample.pos), np.array(received.sample.rot))


def turned(frame: int) -> np.ndarray:
    """A camera that walks and looks about: frame n of a smooth path, in our own axes."""
    yaw, pitch = np.radians(3.0 * frame), np.radians(20 * np.sin(frame / 9))
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    c2w = np.eye(4)
    c2w[:3, :3] = turn @ np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    c2w[:3, 3] = [0.05 * frame, -1.7, np.sin(frame / 5)]
    return c2w


class Unreal:
    def __init__(self, title: str, folder: Path, *, frame_callbacks: bool) -> None:
        install(title, folder)
        self.title = title
        self.lua: Any = lupa.lua54.LuaRuntime()
        self.lua.execute(f'package.path = "{folder}/?.lua"; frame_callbacks = {str(frame_callbacks).lower()}')
        self.lua.execute((HOSTS / "ue4ss.lua").read_text())
        self.world = self.lua.globals().world
        self.lua.execute((folder / "main.lua").read_text())

    def look(self, c2w: np.ndarray) -> None:
        place, angles = game_from_c2w(load_title(self.title).camera, c2w)
        self.world.x, self.world.y, self.world.z = map(float, place)
        self.world.pitch, self.world.yaw, self.world.roll = map(float, angles)

    def frame(self) -> None:
        self.lua.globals().run_frame()


@pytest.mark.parametrize("frame_callbacks", [True, False])
@pytest.mark.parametrize("title", UNREAL)
def test_unreal_poses_arrive_exact(title: str, frame_callbacks: bool, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    game = Unreal(title, tmp_path, frame_callbacks=frame_callbacks)
    with reading(title, tmp_path) as reader:
        reader.poll()
        received = []
        for number in range(300):
            game.look(turned(number))
            game.frame()
            received += reader.poll()
    assert [each.sample.frame for each in received] == list(range(1, 301))
    assert all(each.sample.state == "play" and each.sample.fov == 90 for each in received)
    assert all(a.sample.clock <= b.sample.clock for a, b in itertools.pairwise(received))
    for number, each in enumerate(received):
        np.testing.assert_allclose(c2w_of(title, each), turned(number), atol=1e-6)
        assert each.sample.player is not None and each.sample.player[2] == pytest.approx(each.sample.pos[2] - 100)


def test_unreal_levels_menus_and_errors_do_not_stop_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    game = Unreal("palworld", tmp_path, frame_callbacks=True)
    game.look(turned(0))
    game.world.generation = 1
    seen = []
    with reading("palworld", tmp_path) as reader:
        reader.poll()
        for change in (
            {},
            {"paused": True},
            {"paused": False, "cursor": True},
            {"cursor": False, "cinematic": True},
            {"cinematic": False, "pawn": False},
            {"pawn": True, "broken": True},  # the level is torn down under it
            {"broken": False, "level": False},  # loading: no controller at all
            {"level": True, "generation": 2},  # another level, another controller
            {"fov": float("nan")},
            {"fov": 80.0},
        ):
            for name, value in change.items():
                game.world[name] = value
            for _ in range(40):
                game.frame()
            states = {(each.sample.state, each.sample.fov) for each in reader.poll()}
            seen.append(states.pop() if len(states) == 1 else tuple(states))
    assert seen == [
        ("play", 90), ("paused", 90), ("menu", 90), ("cutscene", 90), ("loading", 90), (), (), ("play", 90), (), ("play", 80),
    ]  # fmt: skip
    printed = list(game.lua.globals().printed.values())
    assert len(printed) == 1 and "torn down" in printed[0]  # each fault once, not in every frame


def test_unreal_writes_on_when_its_file_cannot_be_opened_at_first(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "worldloom.jsonl").mkdir()
    game = Unreal("palworld", tmp_path, frame_callbacks=True)
    for _ in range(100):
        game.frame()
    (tmp_path / "worldloom.jsonl").rmdir()
    for _ in range(300):
        game.frame()
    lines = (tmp_path / "worldloom.jsonl").read_text().splitlines()
    assert '"worldloom":1' in lines[0] and len(lines) > 90


def test_a_long_session_begins_its_file_anew_and_the_reader_follows(tmp_path: Path) -> None:
    lua: Any = lupa.lua54.LuaRuntime()
    source = (PLUGINS / "shared" / "telemetry.lua").read_text()
    (tmp_path / "telemetry.lua").write_text(source.replace("64 * 1024 * 1024", "2000"))
    lua.execute(f'package.path = "{tmp_path}/?.lua"')
    writer = lua.eval(f'require("telemetry").new("palworld", "test", "{tmp_path}/worldloom.jsonl")')
    view = lua.eval('{pos = {1, 2, 3}, rot = {0, 0, 0}, fov = 90, state = "play"}')
    with reading("palworld", tmp_path) as reader:
        reader.poll()
        frames = []
        for _ in range(200):
            lua.eval("function(w, v) return w:sample(v) end")(writer, view)
            frames += [each.sample.frame for each in reader.poll()]
        assert frames == list(range(1, 201))
        assert reader.epoch == 1 and reader.header is not None and reader.header.part > 5
    assert (tmp_path / "worldloom.jsonl").stat().st_size < 3000


class Cyberpunk:
    def __init__(self, folder: Path) -> None:
        install("cyberpunk_2077", folder)
        self.lua: Any = lupa.luajit21.LuaRuntime()
        self.lua.execute(f'package.path = "{folder}/?.lua"')
        self.lua.execute((HOSTS / "cet.lua").read_text())
        self.world = self.lua.globals().world
        self.fire = self.lua.globals().fire
        self.lua.execute((folder / "init.lua").read_text())

    def look(self, c2w: np.ndarray) -> None:
        place, axes = game_from_c2w(load_title("cyberpunk_2077").camera, c2w)
        self.world.x, self.world.y, self.world.z = map(float, place)
        self.world.forward, self.world.up = (self.lua.table(*map(float, part)) for part in (axes[:3], axes[3:]))

    def frame(self) -> list[list[float]]:
        self.fire("onUpdate")
        self.fire("onDraw")
        return [list(square.values()) for square in self.lua.globals().squares.values()]


def test_cyberpunk_poses_arrive_exact_and_the_picture_shows_their_number(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    game = Cyberpunk(tmp_path)
    assert game.frame() == []  # before onInit nothing happens
    game.fire("onInit")
    with reading("cyberpunk_2077", tmp_path) as reader:
        reader.poll()
        for number in range(300):
            game.look(turned(number))
            squares = game.frame()
            (received,) = reader.poll()
            np.testing.assert_allclose(c2w_of("cyberpunk_2077", received), turned(number), atol=2e-6)
            assert [square[4] == 1 for square in squares] == marker_cells(received.sample.frame).tolist()
            assert [square[0] for square in squares] == [8 * cell for cell in range(24)]


def test_cyberpunk_menus_loading_and_errors_do_not_stop_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    game = Cyberpunk(tmp_path)
    game.fire("onInit")
    seen = []
    with reading("cyberpunk_2077", tmp_path) as reader:
        reader.poll()
        for change in (
            {},
            {"menu": True},
            {"menu": False, "paused": True},
            {"paused": False, "tier": 4},
            {"tier": 1, "player": None},
            {"player": True, "cameras": None},
            {"cameras": True, "active": False},
            {"active": True, "broken": True},
            {"broken": False},
        ):
            for name, value in change.items():
                game.world[name] = value
            squares = [len(game.frame()) for _ in range(20)]
            received = reader.poll()
            assert all((count > 0) == bool(received) for count in squares)
            seen.append({each.sample.state for each in received})
    assert seen == [{"play"}, {"menu"}, {"paused"}, {"cutscene"}, set(), set(), set(), set(), {"play"}]
    assert len(list(game.lua.globals().printed.values())) == 1
    game.fire("onShutdown")
    game.frame()
