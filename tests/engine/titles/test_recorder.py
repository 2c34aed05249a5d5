"""A whole episode of a stand-in game (ours, with the real plugin inside) by real keys and pixels; no real title is here."""

import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.record import gather
from engine.render import RenderConfig, SceneRenderer
from engine.scenes.build import build_scene
from engine.titles.capture_x11 import WindowLostError
from engine.titles.profile import TitleMissingError, load_title
from engine.titles.recorder import TitleRecorder, TitlesConfig
from engine.titles.telemetry import TelemetryError
from infra.episodes import list_episodes, read_episode, write_episode
from infra.store import open_store
from tests.engine.jobs import MakeJob
from tests.engine.titles.display import own_display
from tests.engine.titles.playing import install_plugin, program, window_of
from tests.requirements import require_program

TITLE = "cyberpunk_2077"
WINDOW = "^Stand-in for a title"
SEED = 12
PROFILE = dataclasses.replace(load_title(TITLE), window=WINDOW)


@pytest.fixture
def game(tmp_path: Path, egl: str) -> Iterator[tuple[TitlesConfig, "subprocess.Popen[str]"]]:
    require_program("xdotool")
    folder = install_plugin(tmp_path)
    with own_display() as display, program(display, "tests.engine.titles.stand_in_game", str(folder), str(SEED)) as process:
        window_of(display, WINDOW).close()
        yield TitlesConfig(game_folder=str(tmp_path), display=display, start_seconds=20, frame_seconds=3), process


@pytest.mark.slow
def test_an_episode_of_a_stand_in_game_reaches_the_store(game, make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(source=TITLE, family=TITLE, frames=40, fps=10.0, renderer="game")
    recorder = TitleRecorder(TITLE, game[0], PROFILE)
    recording = gather(recorder, job)
    recorder.close()
    store = open_store(tmp_path / "store")
    written = write_episode(store, recording)
    assert list_episodes(store) == [written]
    frames, video, _ = read_episode(store, written)
    assert len(frames) == len(video) == 40
    assert (written.sync, written.redistributable, written.commercial_ok) == ("measured", False, False)
    assert (np.diff(frames.time) >= 99_999_000).all()  # ten a second at most, of the game's 24
    _pictures_fit_their_poses(recording.rgb, frames)
    _keys_move_the_camera(frames)


def _pictures_fit_their_poses(rgb: np.ndarray, frames) -> None:
    """Drawn again at the recorded poses the scene looks as recorded; at the poses of another row it does not."""
    renderer = SceneRenderer(RenderConfig(width=640, height=360, renderer="egl"))
    renderer.load(build_scene("park", SEED))
    again = []
    for c2w in frames.c2w:
        picture = renderer.draw(c2w, 0.0)[0][8:]  # the strip with the marker is cut off
        rows, columns = ((np.arange(n) + 0.5) * size / n for n, size in ((128, 352), (224, 640)))
        again.append(picture[rows.astype(int)][:, columns.astype(int)])
    renderer.close()
    error = np.abs(np.stack(again).astype(float) - rgb).mean((1, 2, 3))
    shifted = np.abs(np.stack(again[1:]).astype(float) - rgb[:-1]).mean((1, 2, 3))
    moving = np.linalg.norm(np.diff(frames.c2w[:, :3].reshape(len(frames), -1), axis=0), axis=1) > 0.05
    assert moving.sum() > 10
    assert error.max() < 12
    assert np.median(shifted[moving]) > 1.5 * np.median(error[:-1][moving])


def _keys_move_the_camera(frames) -> None:
    forward = frames.keyboard[:-2, 0] & ~frames.keyboard[:-2, 1].astype(bool)
    steps = frames.c2w[2:, :3, 3] - frames.c2w[1:-1, :3, 3]  # the game answers a frame later
    ahead = np.einsum("ij,ij->i", steps, frames.c2w[1:-1, :3, 2])
    assert np.median(ahead[forward.astype(bool)]) > 0.05
    turned = np.degrees(np.unwrap(np.arctan2(frames.c2w[:, 0, 2], frames.c2w[:, 2, 2])))
    asked = 15 * frames.mouse[:-2, 1] * (np.abs(frames.mouse[:-2, 1]) > 0.02)
    assert abs(turned[-1] - turned[0] - asked.sum()) < 10  # what the mouse asked for, but for the last frames


@pytest.mark.slow
def test_a_menu_ends_an_episode_and_a_game_that_is_gone_is_named(game, make_job: MakeJob) -> None:
    config, process = game
    job = make_job(source=TITLE, family=TITLE, frames=40, fps=10.0, renderer="game")
    recorder = TitleRecorder(TITLE, config, PROFILE)
    state = recorder.reset(job)
    for _ in range(5):
        action = recorder.act(state)
        assert action is not None
        state = recorder.step(*action)
    keys = window_of(config.display, WINDOW)
    keys.play(["m"], (0, 0))
    keys.play([], (0, 0))
    steps = 0
    while (action := recorder.act(state)) is not None:
        state = recorder.step(*action)
        steps += 1
    assert steps < 10
    with pytest.raises(TelemetryError, match="not in a menu"):
        TitleRecorder(TITLE, dataclasses.replace(config, start_seconds=1), PROFILE).reset(job)
    keys.play(["m"], (0, 0))
    keys.play([], (0, 0))
    state = recorder.reset(job)
    process.kill()
    process.wait()
    with pytest.raises((TelemetryError, WindowLostError)):
        recorder.step(*recorder.act(state))  # type: ignore[misc]
    recorder.close()


def test_who_lacks_the_game_is_told_so_before_anything_starts(make_job: MakeJob) -> None:
    with pytest.raises(TitleMissingError, match="recording Cyberpunk 2077 needs the game itself, Cyber Engine Tweaks"):
        TitleRecorder(TITLE, TitlesConfig()).reset(make_job(source=TITLE))
