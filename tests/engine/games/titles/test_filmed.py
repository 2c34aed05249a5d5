"""A title with capture = obs: the real OBS films a stand-in game through all layers, and its film becomes an episode."""

import dataclasses
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from engine.endpoints import EndpointsConfig
from engine.games.layers.coordinator import Coordinator
from engine.games.titles.align import Shown, film_rows
from engine.games.titles.capture_x11 import WindowBox
from engine.games.titles.filmed import _why_behind
from engine.games.titles.obs_websocket import ObsClient, ObsConfig, ObsError
from engine.games.titles.running import TitlesConfig
from engine.games.titles.studio import CANVAS, SCENE, Studio
from engine.games.titles.telemetry import Sample
from engine.record import record_episode
from infra.episodes import list_episodes, read_episode
from infra.store import open_store
from tests.engine.games.titles.display import own_display
from tests.engine.games.titles.playing import assert_pictures_fit, poll, stand_in
from tests.engine.games.titles.studio import free_port, running_obs
from tests.engine.jobs import MakeJob
from tests.requirements import require_program

pytestmark = pytest.mark.alone

TITLE = "cyberpunk_2077"
SEED = 12


def sample(frame: int) -> Sample:
    return Sample(frame=frame, clock=frame / 60, pos=(0.0, 0.0, 0.0), rot=(0.0, 0.0, 0.0), fov=60.0, state="play")


def test_rows_get_the_first_picture_of_their_frame_or_a_later_one() -> None:
    shown = [Shown(picture=number, sample=sample(frame)) for number, frame in enumerate((1, 3, 5, 7, 9, 11, 13, 15))]
    rows = [sample(2), sample(8), sample(14)]
    assert [one.sample.frame for one in film_rows(shown, rows, 0.1)] == [3, 9, 15]
    with pytest.raises(ObsError, match="no picture of row 1 of 3: it dropped frames"):
        list(film_rows(shown[:2] + shown[7:], rows, 0.1))
    with pytest.raises(ObsError, match="no picture of row 2 of 3: it ends too early"):
        list(film_rows(shown[:5], rows, 0.1))


@pytest.mark.slow
@pytest.mark.fault
@pytest.mark.timeout(300)
def test_obs_films_an_episode_through_all_layers_though_the_one_that_leads_it_is_killed(
    tmp_path: Path, egl: str, make_job: MakeJob
) -> None:
    require_program("xdotool")
    require_program("obs")
    job = make_job(source=TITLE, family=TITLE, frames=48, fps=4.0, renderer="game")
    store, home = open_store(tmp_path / "store"), tmp_path / "home"
    home.mkdir()
    with (
        own_display(640, 360) as display,
        stand_in(display, tmp_path / "game", TITLE, seed=SEED),
        own_display() as other,
        running_obs(other, home) as config,
        ObsClient(config) as client,
    ):
        endpoints = EndpointsConfig(
            titles=TitlesConfig(game_folder=str(tmp_path / "game"), display=display, capture="obs", obs=config)
        )
        coordinator = Coordinator(store.uri, endpoints)
        killer = threading.Thread(target=kill_while_filming, args=(coordinator, config))
        killer.start()
        try:
            episode = coordinator.record(job)
        finally:
            killer.join()
            coordinator.close()
        assert coordinator.game.starts == 2 and coordinator.agent.starts == 1
        assert list_episodes(store) == [episode]
        assert not list(home.glob("*.mp4")), "films are deleted when they are developed, or were given up"
        assert client.request("GetCurrentProgramScene")["currentProgramSceneName"] == SCENE
        frames, video, _ = read_episode(store, episode)
        with video:
            rgb = video.decode_range(0, len(video))
        assert len(frames) == len(rgb) == 48
        assert (episode.sync, episode.depth_kind) == ("measured", "none")
        assert abs(episode.sync_lag_frames) < 0.25
        assert_pictures_fit(rgb, frames, SEED, strip=12, most=12)
        alone_is_the_same_and_leaves_obs_as_it_was(tmp_path, endpoints, dataclasses.replace(job, frames=24), client)


def kill_while_filming(coordinator: Coordinator, config: ObsConfig) -> None:
    with ObsClient(config) as client:
        poll(lambda: client.request("GetRecordStatus")["outputActive"] or None, 60)
        time.sleep(1.5)
        assert coordinator.game.pid is not None
        os.kill(coordinator.game.pid, signal.SIGKILL)


def alone_is_the_same_and_leaves_obs_as_it_was(tmp_path: Path, endpoints: EndpointsConfig, job, client: ObsClient) -> None:
    client.request("SetCurrentProgramScene", sceneName="Scene")
    store = open_store(tmp_path / "alone")
    import engine.record

    episode = record_episode(store, job, endpoints)
    engine.record._warm.pop(TITLE).close()
    frames, video, _ = read_episode(store, episode)
    video.check_count(len(frames))
    assert len(frames) == 24 and (np.diff(frames.tick) > 0).all()
    assert client.request("GetCurrentProgramScene")["currentProgramSceneName"] == "Scene"


@pytest.mark.slow
def test_a_studio_fits_the_canvas_to_the_window_and_puts_back_what_it_was(tmp_path: Path) -> None:
    require_program("obs")
    box = WindowBox(left=0, top=0, width=320, height=180)
    with own_display() as display, running_obs(display, tmp_path) as config, ObsClient(config) as client:
        fitting, studio = Studio(config), Studio(config)
        begun = video_begun(tmp_path)
        fitting.ready(display, WindowBox(left=0, top=0, width=640, height=360), 4.0)
        fitting.close()
        assert video_begun(tmp_path) == begun, "a canvas that fits is left alone: a new one may bring no pictures"
        studio.ready(display, box, 4.0)
        assert canvas_of(client) == (320, 180, 320, 180)
        studio.close()
        assert canvas_of(client) == (640, 360, 640, 360) and video_begun(tmp_path) == begun + 2
        assert client.request("GetCurrentProgramScene")["currentProgramSceneName"] == "Scene"


def video_begun(home: Path) -> int:
    """How often OBS began its video anew."""
    return (home / "obs.log").read_text().count("video settings reset")


def canvas_of(client: ObsClient) -> tuple[int, ...]:
    settings = client.request("GetVideoSettings")
    return tuple(settings[name] for name in CANVAS)


@pytest.mark.parametrize(("recorded", "fix"), [(0.0, "set its canvas to 640x360"), (1.5, "choose a lighter encoder")])
def test_a_film_that_does_not_come_says_what_to_change(recorded: float, fix: str) -> None:
    assert fix in _why_behind(recorded, WindowBox(left=0, top=0, width=640, height=360))


@pytest.mark.slow
def test_what_obs_cannot_film_is_one_line_with_the_fix(tmp_path: Path) -> None:
    require_program("obs")
    box = WindowBox(left=0, top=0, width=640, height=360)
    with own_display() as display, running_obs(display, tmp_path) as config:
        named = ObsConfig(url=config.url, password=config.password, input="Game Capture")
        for studio, message, fps in (
            (Studio(named), "no input 'Game Capture', it has .*endpoints.titles.obs.input", 16),
            (Studio(config), "records 20 pictures a second, the job asks for 60", 60),
        ):
            with pytest.raises(ObsError, match=message):
                studio.ready(display, box, fps)
            studio.close()
        with ObsClient(config) as client:
            client.request("StartRecord")
            poll(lambda: client.request("GetRecordStatus")["outputActive"] or None)
            with pytest.raises(ObsError, match="recording already; stop that recording first"):
                Studio(config).ready(display, box, 16)
            client.request("StopRecord")
    with pytest.raises(ObsError, match="start OBS 28 or later"):
        Studio(ObsConfig(url=f"ws://127.0.0.1:{free_port()}", deadline=2))
