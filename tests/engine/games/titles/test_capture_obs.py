"""OBS Studio, the real one, started headless: it records a stand-in game (ours), and its file is aligned to telemetry."""

import time
from pathlib import Path

import numpy as np
import pytest

from engine.games.titles.align import align_by_marker
from engine.games.titles.capture_obs import TAIL_FRAMES, ObsCapture
from engine.games.titles.obs_websocket import ObsClient, ObsConfig, ObsError, answer_challenge
from engine.games.titles.profile import load_title
from engine.games.titles.telemetry import TelemetryReader
from infra.video import VideoReader
from tests.engine.games.titles.display import own_display
from tests.engine.games.titles.playing import poll, stand_in, window_of
from tests.engine.games.titles.studio import free_port, running_obs
from tests.requirements import require_program

pytestmark = pytest.mark.alone


@pytest.mark.slow
def test_real_obs_records_a_game_and_the_file_is_aligned_to_telemetry(tmp_path: Path, egl: str) -> None:
    require_program("xdotool")
    require_program("obs")
    profile, home = load_title("cyberpunk_2077"), tmp_path / "home"
    home.mkdir()
    with (
        own_display(640, 360) as display,
        stand_in(display, tmp_path / "game", "cyberpunk_2077", seed=12),
        own_display() as other,
        running_obs(other, home) as config,
        ObsClient(config) as client,
        TelemetryReader(tmp_path / "game" / profile.host.telemetry, "cyberpunk_2077") as reader,
    ):
        window = window_of(display, profile.window)
        window.focus()
        settings = {"advanced": True, "server": display, "show_cursor": False}
        scene = client.request("GetCurrentProgramScene")["currentProgramSceneName"]
        client.request("CreateInput", sceneName=scene, inputName="game", inputKind="xshm_input", inputSettings=settings)
        capture = ObsCapture(client)
        capture.start()
        with pytest.raises(ObsError, match="recording already"):
            capture.start()
        reader.poll()
        samples = []
        for turn in (0, 24, 0, -16, 0, 30, 0, 0, -24, 0):  # pixels a step: turns and rests
            stop = time.monotonic() + 0.6
            while time.monotonic() < stop:
                window.play([], (turn, 0))
                samples += [one.sample for one in reader.poll()]
                time.sleep(0.03)
        assert capture.recorded_seconds() > 3
        first = capture.stop()
        capture.start()
        second = poll(lambda: capture.stop() if capture.recorded_seconds() > 0.5 else None)
        window.close()
    assert first.path != second.path and second.path.stat().st_size > 1000
    with VideoReader(first.path) as video:
        pictures = video.decode_range(0, len(video) - TAIL_FRAMES)
    shown = align_by_marker(pictures, samples, 8)
    assert len(shown) > 0.6 * len(samples) > 6
    at = [one.picture / 20 - one.sample.clock for one in shown]
    assert np.ptp(at) < 0.2  # pictures and telemetry keep step from the first to the last


@pytest.mark.slow
def test_real_obs_refuses_a_wrong_password_and_unknown_requests(tmp_path: Path) -> None:
    require_program("obs")
    with own_display() as display, running_obs(display, tmp_path) as config, ObsClient(config) as client:
        with pytest.raises(ObsError, match="refused the password"):
            ObsClient(ObsConfig(url=config.url, password="wrong"))
        with pytest.raises(ObsError, match=r"refused Nothing: .*code 204"):
            client.request("Nothing")
        with pytest.raises(ObsError, match="event RecordStateChanged"):
            client.wait_event("RecordStateChanged", time.monotonic() + 0.2)
        with pytest.raises(ObsError, match="no recording was started"):
            ObsCapture(client).stop()


def test_no_obs_is_one_line_with_the_fix() -> None:
    with pytest.raises(ObsError, match="start OBS 28 or later and enable"):
        ObsClient(ObsConfig(url=f"ws://127.0.0.1:{free_port()}", deadline=2))


def test_the_challenge_is_answered_as_the_protocol_says() -> None:
    # the example of the protocol's documentation
    answer = answer_challenge(
        "supersecretpassword", "lM1GncleQOaCu9lT1yeUZhFYnqhsLLP1G5lAGo3ixaI=", "+IxH4CnCiqpX1rM9scsNynZzbOe4KhDeYcTNS3PDaeY="
    )
    assert answer == "1Ct943GAT+6YQUUX47Ia/ncufilbe6+oD6lY+5kaCu4="
