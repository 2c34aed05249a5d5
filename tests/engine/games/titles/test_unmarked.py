"""Titles whose plugin draws no number: how late their pictures are is measured by fractions, corrected, or admitted."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from engine.games.titles.camera import c2w_from_game
from engine.games.titles.profile import load_title
from engine.games.titles.recorder import TitleRecorder
from engine.games.titles.running import TitlesConfig
from engine.record import gather
from infra.episodes import Recording
from tests.engine.games.titles.display import own_display
from tests.engine.games.titles.playing import poll, stand_in, window_of
from tests.engine.games.titles.stand_in_game import stamped
from tests.engine.jobs import MakeJob
from tests.requirements import require_program

pytestmark = pytest.mark.alone

TITLE = "palworld"
PROFILE = load_title(TITLE)
FPS = 6.0
ATTEMPTS = 3  # on a machine so busy that the game does not keep its rate, an episode says that its lag is not known


@pytest.fixture
def unmarked(make_job: MakeJob):
    require_program("xdotool")
    size = {"width": 192, "height": 108}  # the window's, so that the numbers in the lowest bits stay
    return lambda **changes: make_job(source=TITLE, family=TITLE, fps=FPS, renderer="game", **(size | changes))


def truth(recording: Recording, telemetry: Path) -> tuple[np.ndarray, np.ndarray]:
    """By the numbers in the pictures: rows by which each trails its row's time, (T,), and the poses that they show."""
    lines = [json.loads(line) for line in telemetry.read_text(encoding="utf-8").splitlines()]
    frames = {line["frame"]: line for line in lines if "frame" in line}
    shown = [frames[stamped(picture)] for picture in recording.rgb]
    late = recording.frames.time / 1e9 - np.array([one["clock"] for one in shown])
    return late * FPS, np.stack([c2w_from_game(PROFILE.camera, np.array(one["pos"]), np.array(one["rot"])) for one in shown])


def degrees_apart(a: np.ndarray, b: np.ndarray) -> float:
    traces = np.einsum("nij,nij->n", a[:, :3, :3], b[:, :3, :3])
    return float(np.degrees(np.arccos(np.clip((traces - 1) / 2, -1, 1))).mean())


@pytest.mark.slow
@pytest.mark.parametrize("rows", [2.0, 3.4])
def test_a_delay_of_the_capture_is_found_by_fractions_and_corrected(rows: float, unmarked, tmp_path: Path) -> None:
    with own_display(192, 108) as display, stand_in(display, tmp_path, TITLE, seed=3, delay=rows / FPS):
        recorder = TitleRecorder(TITLE, TitlesConfig(game_folder=str(tmp_path), display=display), PROFILE)
        window = window_of(display, PROFILE.window)
        poll(lambda: stamped(window.grab()) > 5 or None)  # the delay is there
        for attempt in range(ATTEMPTS):
            recording = gather(recorder, unmarked(frames=84, scene_seed=4, seed=attempt))
            if recording.episode.sync_checked:
                break
        window.close()
        recorder.close()
    late, poses = truth(recording, tmp_path / PROFILE.host.telemetry)
    found = recording.scene["sync"]["corrected_frames"]
    assert recording.episode.sync_checked and recording.episode.sync == "measured"
    assert found == pytest.approx(np.median(late), abs=0.3)
    assert abs(recording.episode.sync_lag_frames) < 0.2
    uncorrected = np.stack([poses[max(0, i - round(found))] for i in range(len(poses))])
    assert degrees_apart(recording.frames.c2w, poses) < 0.3 * degrees_apart(uncorrected, poses)


@pytest.mark.slow
def test_where_nothing_moves_the_lag_is_not_known_and_not_claimed(unmarked, tmp_path: Path) -> None:
    with own_display(192, 108) as display, stand_in(display, tmp_path, TITLE, seed=3, delay=0.3):
        deaf = dataclasses.replace(PROFILE, keys=("F1", "F2", "F3", "F4", "F5", "F6"), mouse_pixels_per_degree=1e-6)
        recorder = TitleRecorder(TITLE, TitlesConfig(game_folder=str(tmp_path), display=display), deaf)
        recording = gather(recorder, unmarked(frames=24))
        recorder.close()
    episode, sync = recording.episode, recording.scene["sync"]
    assert not episode.sync_checked and episode.sync == "measured" and episode.sync_lag_frames == 0.0
    assert sync["lag_frames"] is None and sync["corrected_frames"] == 0.0
