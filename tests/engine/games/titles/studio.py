"""OBS Studio for tests: the real one, started headless with settings of its own."""

import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.games.titles.obs_websocket import ObsClient, ObsConfig, ObsError
from tests.engine.games.titles.playing import poll
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
# The encoder that OBS offers for weak machines: the game, its plugin, four layers and OBS share two cores here.
BASIC_INI = """[General]
Name=Test
[Video]
BaseCX=640
BaseCY=360
OutputCX=640
OutputCY=360
FPSType=0
FPSCommon=20
[Output]
Mode=Simple
[SimpleOutput]
FilePath={folder}
RecFormat=mp4
RecQuality=Small
RecEncoder=x264_lowcpu
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
