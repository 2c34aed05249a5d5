"""Two Ray nodes on one machine record one collection into S3; one of them is killed and nothing finished is lost."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from infra.episodes import list_episodes
from infra.store import open_store
from tests.flows.conftest import assert_whole, command
from tests.seaweed import free_ports

RAY = Path(sys.executable).with_name("ray")
SECOND = "127.0.0.2"


@dataclass
class Cluster:
    """Nodes started by ``ray start``, as an operator does it; all of their processes know its token."""

    folder: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)

    def start_node(self, address: str, *options: str) -> None:
        line = [str(RAY), "start", f"--node-ip-address={address}", "--num-cpus=2", "--object-store-memory=100000000", *options]
        done = subprocess.run([*line, "--disable-usage-stats"], env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    def processes(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self.environment["RAY_AUTH_TOKEN"] == _token_of(process)]

    def raylet(self, address: str) -> psutil.Process:
        (found,) = [
            process
            for process in self.processes()
            if _command_of(process)[0].endswith("/raylet") and f"--node_ip_address={address}" in _command_of(process)
        ]
        return found


def _command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline() or [""]
    except psutil.Error:
        return [""]


def _token_of(process: psutil.Process) -> str:
    try:
        return process.environ().get("RAY_AUTH_TOKEN", "")
    except psutil.Error:
        return ""


@pytest.fixture
def cluster(s3_store_uri: str) -> Iterator[Cluster]:
    """Two nodes that know the S3 server."""
    folder = Path(tempfile.mkdtemp(prefix="ray-"))  # short: it holds sockets
    settings = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    made = Cluster(folder=folder, port=free_ports(1)[0], environment=os.environ | settings)
    try:
        made.start_node("127.0.0.1", "--head", f"--port={made.port}", f"--temp-dir={folder}", "--include-dashboard=false")
        made.start_node(SECOND, f"--address=127.0.0.1:{made.port}")
        yield made
    finally:
        while left := made.processes():  # a raylet that dies last may have started another agent
            for process in left:
                process.kill()
            psutil.wait_procs(left, 10)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds:.0f} s"
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.fault
@pytest.mark.timeout(400)
def test_a_killed_node_loses_no_episode_and_is_not_waited_for(cluster: Cluster, s3_store_uri: str, tmp_path: Path) -> None:
    line = command(
        "collect", "--source", "embedded", "--hours", "0.02", "--seconds", "4", "--size", "224x128", "--family", "park",
        "--agent", "loop", "--out", s3_store_uri, "--home", tmp_path, "--profile", "smoke",
        "--set", f"pool.address='127.0.0.1:{cluster.port}'",
    )  # fmt: skip
    store = open_store(s3_store_uri)
    log = tmp_path / "collect.log"
    with log.open("w") as output, subprocess.Popen(line, env=cluster.environment, stdout=output, stderr=output) as collecting:
        wait_for(lambda: len(list_episodes(store)) >= 4 or collecting.poll() is not None, 200, "episode")
        assert collecting.poll() is None, log.read_text()
        recorders = [child for child in cluster.raylet(SECOND).children() if "Worker" in _command_of(child)[0]]
        assert recorders, "the second node records nothing"
        before = {episode.episode_id for episode in list_episodes(store)}
        cluster.raylet(SECOND).send_signal(signal.SIGKILL)
        assert collecting.wait(300) == 0, log.read_text()
    after = list_episodes(store)
    assert before <= {episode.episode_id for episode in after} and len(after) == 18, log.read_text()
    assert_whole(store)
