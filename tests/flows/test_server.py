"""The dashboard's server: ours alone, on loopback, ended with whoever started it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.server import PortInUseError, PrefectServer, ServerConfig, ServerError, choose_port, environment, healthy, read_mark


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_named(taken_port: int) -> None:
    with pytest.raises(PortInUseError, match=f"port {taken_port} is in use"):
        choose_port(taken_port)


def test_any_port_is_a_free_one() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", choose_port(0)))


def test_nothing_phones_home_and_nothing_runs_without_a_server() -> None:
    settings = environment(Path("/somewhere"), "http://127.0.0.1:4")
    assert settings["DO_NOT_TRACK"] == "1"
    assert settings["PREFECT_SERVER_ANALYTICS_ENABLED"] == settings["PREFECT_SERVER_EPHEMERAL_ENABLED"] == "false"
    assert settings["PREFECT_API_URL"] == "http://127.0.0.1:4/api"
    assert settings["PREFECT_HOME"] == "/somewhere"


def test_a_mark_whose_process_is_gone_or_is_another_is_no_server(tmp_path: Path, taken_port: int) -> None:
    assert read_mark(tmp_path) is None
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for pid in (gone.pid, os.getpid()):
        (tmp_path / "server.json").write_text(json.dumps({"pid": pid, "port": taken_port}))
        assert read_mark(tmp_path) is None
    (tmp_path / "server.json").write_text("{")
    assert read_mark(tmp_path) is None


def test_a_server_that_was_not_started_has_no_address(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="start it first"):
        _ = PrefectServer(tmp_path, ServerConfig()).url


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_second_user_adopts_the_server_and_leaves_it_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    with PrefectServer(tmp_path, ServerConfig()) as first:
        first.use()
        with PrefectServer(tmp_path, ServerConfig()) as second:
            assert second.url == first.url
        assert healthy(first.url)
        url = first.url
    assert not healthy(url)
    assert read_mark(tmp_path) is None


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_killed_owner_takes_its_server_along(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from flows.server import PrefectServer, ServerConfig\n"
        f"server = PrefectServer(Path({str(tmp_path)!r}), ServerConfig()); server.launch(); server.use()\n"
        "print(server.url, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        url = owner.stdout.readline().strip()
        assert healthy(url)
        owner.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while healthy(url) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not healthy(url)
