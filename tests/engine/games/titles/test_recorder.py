"""A whole episode of a stand-in game (ours, with the real plugin inside) by real keys and pixels; no real title is here."""

import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.games.titles.capture_x11 import WindowLostError
from engine.games.titles.profile import TitleMissingError, load_title
from engine.games.titles.recorder import TitleRecorder
from engine.games.titles.running import TitlesConfig
from engine.games.titles.telemetry import TelemetryError
from engine.record import gather
from infra.episodes import list_episodes, read_episode, write_episode
from infra.store import open_store
from tests.engine.games.titles.display import own_display
from tests.engine.games.titles.playing import assert_pictures_fit, stand_in, window_of
from tests.engine.jobs import MakeJob
from tests.requirements import require_program

pytestmark = pytest.mark.alone

TITLE = "cyberpunk_2077"
SEED = 12
PROFILE = load_title(TITLE)


@pytest.fixture
def game(tmp_path: Path, egl: str) -> Iterator[tuple[TitlesConfig, "subprocess.Popen[str]"]]:
    require_program("xdotool")
    with own_display() as display, stand_in(display, tmp_path, TITLE, seed=SEED) as process:
        yield TitlesConfig(game_folder=str(tmp_path), display=display, start_seconds=20, frame_seconds=3), process


@pytest.mark.slow
def test_an_episode_of_a_stand_in_game_reaches_the_store(game, make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(source=TITLE, family=TITLE, frames=80, fps=10.0, renderer="game")
    recorder = TitleRecorder(TITLE, game[0], PROFILE)
    recording = gather(recorder, job)
    recorder.close()
    store = open_store(tmp_path / "store")
    written = write_episode(store, recording)
    assert list_episodes(store) == [written]
    frames, video, _ = read_episode(store, written)
    assert len(frames) == len(video) == 80
    assert (written.sync, written.redistributable, written.commercial_ok) == ("measured", False, False)
    assert (np.diff(frames.time) > 0).all() and (np.diff(frames.tick) > 0).all()
    assert np.diff(frames.time).mean() / 1e9 > 0.95 / 10  # ten a second at most, of the game's 24
    assert_pictures_fit(recording.rgb, frames, SEED, strip=8, most=0.5)
    _keys_move_the_camera(frames)


def _keys_move_the_camera(frames) -> None:
    forward = frames.keyboard[:-1, 0] & ~frames.keyboard[:-1, 1].astype(bool)
    steps = np.diff(frames.c2w[:, :3, 3], axis=0)  # action i leads to frame i + 1
    ahead = np.einsum("ij,ij->i", steps, frames.c2w[:-1, :3, 2])
    assert np.median(ahead[forward.astype(bool)]) > 0.05
    turned = np.degrees(np.unwrap(np.arctan2(frames.c2w[:, 0, 2], frames.c2w[:, 2, 2])))
    asked = 15 * frames.mouse[:-1, 1] * (np.abs(frames.mouse[:-1, 1]) > 0.02)
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
    keys = window_of(config.display, PROFILE.window)
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
        TitleRecorder(TITLE, TitlesConfig(), PROFILE).reset(make_job(source=TITLE))
