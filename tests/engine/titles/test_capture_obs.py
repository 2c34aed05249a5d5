"""OBS Studio, the real one, started headless: it records a stand-in game (ours), and its file is aligned to telemetry."""

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from engine.titles.align import align_by_marker
from engine.titles.capture_obs import TAIL_FRAMES, ObsCapture
from engine.titles.obs_websocket import ObsClient, ObsConfig, ObsError, answer_challenge
from engine.titles.telemetry import TelemetryReader
from infra.video import VideoReader
from tests.engine.titles.display import own_display
from tests.engine.titles.playing import install_plugin, poll, program, window_of
from tests.requirements import require_program

GLOBAL_INI = """[General]
FirstRun=true
EnableAutoUpdates=false
[Basic]
Profile=Test
ProfileDir=Test
SceneCollection=Test
SceneCollectionFile=Test
[BasicWindow]
SysTrayEnabled=false
[OBSWebSocket]
FirstLoad=false
ServerEnabled=true
ServerPort={port}
AuthRequired=true
ServerPassword={password}
"""
BASIC_INI = """[General]
Name=Test
[Video]
BaseCX=640
BaseCY=360
OutputCX=640
OutputCY=360
FPSType=0
FPSCommon=30
[Output]
Mode=Simple
[SimpleOutput]
FilePath={folder}
RecFormat=mp4
RecQuality=Small
RecEncoder=x264
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_obs(display: str, home: Path) -> Iterator[ObsConfig]:
    """Real OBS with a profile of its own in a home of its own; OBS takes no port 0, so a free one is looked up first."""
    config = ObsConfig(url=f"ws://127.0.0.1:{free_port()}", password=secrets.token_hex(8))
    settings = home / ".config" / "obs-studio"
    (settings / "basic" / "profiles" / "Test").mkdir(parents=True)
    (settings / "basic" / "scenes").mkdir()
    (settings / "global.ini").write_text(GLOBAL_INI.format(port=config.url.rpartition(":")[2], password=config.password))
    (settings / "basic" / "profiles" / "Test" / "basic.ini").write_text(BASIC_INI.format(folder=home))
    with (home / "obs.log").open("w") as log:
        process = subprocess.Popen(
            [require_program("obs"), "--multi", "--disable-updater", "--disable-missing-files-check"],
            env={**os.environ, "HOME": str(home), "DISPLAY": display, "XDG_RUNTIME_DIR": str(home), "QT_QPA_PLATFORM": "xcb"},
            stdout=log,
            stderr=log,
        )
    try:
        poll(lambda: connect(config), 30).close()
        yield config
    finally:
        process.kill()
        process.wait(timeout=10)


def connect(config: ObsConfig) -> ObsClient | None:
    try:
        return ObsClient(config)
    except ObsError:
        return None


@pytest.mark.slow
def test_real_obs_records_a_game_and_the_file_is_aligned_to_telemetry(tmp_path: Path, egl: str) -> None:
    require_program("xdotool")
    require_program("obs")
    plugin, home = install_plugin(tmp_path / "game"), tmp_path / "home"
    home.mkdir()
    with (
        own_display(640, 360) as display,
        program(display, "tests.engine.titles.stand_in_game", str(plugin), "12"),
        own_display() as other,
        running_obs(other, home) as config,
        ObsClient(config) as client,
        TelemetryReader(plugin / "worldloom.jsonl", "cyberpunk_2077") as reader,
    ):
        window = window_of(display, "^Stand-in for a title")
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
        first, second = capture.split(), None
        second = poll(lambda: capture.stop() if capture.recorded_seconds() > 0.5 else None)
        window.close()
    assert first.path != second.path and second.path.stat().st_size > 1000
    with VideoReader(first.path) as video:
        pictures = video.decode_range(0, len(video) - TAIL_FRAMES)
    shown = align_by_marker(pictures, samples, 8)
    assert len(shown) > 0.6 * len(samples) > 6
    at = [one.picture / 30 - one.sample.clock for one in shown]
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
