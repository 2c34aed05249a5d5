"""Prefect's own server as a child process: started, health-checked and stopped by the command that needs it."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Final

from flows.sign_in import PAGES, carrier, read_token, write_doors
from infra.errors import WorldloomError
from infra.surroundings import enter, settled_environment

LOOPBACK: Final = "127.0.0.1"
STOP_SECONDS: Final = 2.0  # for a server to end by itself; its database survives if it does not
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """Where the dashboard answers."""

    port: int = 0  # 0 takes a free one
    start_seconds: float = 180.0  # after which a server that does not answer is given up


class PortInUseError(WorldloomError):
    """Another program listens on the port."""


class ServerError(WorldloomError):
    """The Prefect server did not start, or there is none."""


@dataclass(frozen=True, kw_only=True)
class ServerMark:
    """What ``server.json`` in the server's folder says of the running server."""

    pid: int
    port: int
    token: str = field(default="", repr=False)  # stands in a file of its own

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def alive(self) -> bool:
        """Whether that process still is a Prefect server on that port and answers."""
        process = Path(f"/proc/{self.pid}")
        try:
            command, owner = (process / "cmdline").read_bytes().split(b"\0"), process.stat().st_uid
        except OSError:
            return False
        if owner != os.getuid():  # the number was given to another user's process, which is not told our token
            return False
        return b"server" in command and str(self.port).encode() in command and healthy(self.url)


def environment(folder: Path, url: str = "") -> dict[str, str]:
    """Settings for everything of Prefect that we start: its files in ``folder``, no ephemeral server, no telemetry."""
    settings = {
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # failures are told once, by the command line
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_TASKS_REFRESH_CACHE": "true",
    }
    return settings | ({"PREFECT_API_URL": f"{url}/api"} if url else {})


def _guarded(folder: Path, port: int) -> dict[str, str]:
    """Settings of a server that answers nobody without its token, and no page but its own."""
    return {
        "PREFECT_SERVER_API_AUTH_STRING": read_token(folder),
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": ",".join(f"http://{host}:{port}" for host in (LOOPBACK, "localhost")),
        "PREFECT_SERVER_UI_API_URL": f"http://{LOOPBACK}:{port}/api",
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(folder / PAGES),  # with the one that signs in
    }


class PrefectServer:
    """The server of one run home. One that already runs there (a dashboard) is used and left running."""

    def __init__(self, folder: Path, config: ServerConfig) -> None:
        self.folder, self.config = folder.absolute(), config
        self.mark: ServerMark | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> ServerMark:
        """The server, once it is started.

        Raises:
            ServerError: it was not.
        """
        if self.mark is None:
            raise ServerError(f"no Prefect server is started in {self.folder}; start it first")
        return self.mark

    @property
    def url(self) -> str:
        """Address of the dashboard. Raises as ``running``."""
        return self.running.url

    @property
    def owned(self) -> bool:
        """Whether this object started it, so that nothing else of the home can be running there yet."""
        return self._process is not None

    def __enter__(self) -> "PrefectServer":
        self.launch()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def launch(self) -> None:
        """Adopt the server that runs in this folder, or start one without waiting for it: other things can start meanwhile.

        Raises:
            PortInUseError: the configured port is taken.
        """
        self.mark = read_mark(self.folder)
        if self.mark is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        port = choose_port(self.config.port)
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=settled_environment() | environment(self.folder) | _guarded(self.folder, port) | {"COLUMNS": "120"},
                cwd=self.folder,  # Prefect reads .env, prefect.toml and pyproject.toml of where it starts, and imports from there
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # who interrupts a run ends the run, which then needs the server to say so
                preexec_fn=_end_with_parent,
            )
        self.mark = ServerMark(pid=self._process.pid, port=port, token=read_token(self.folder))
        write_mark(self.folder, self.mark)

    def use(self) -> None:
        """Wait until the server answers and point this process's Prefect client at it; before Prefect is imported.

        Raises:
            ServerError: the server ended or did not answer in time; names its log.
        """
        deadline = time.monotonic() + self.config.start_seconds
        while not healthy(self.url):
            if self._process is not None and self._process.poll() is not None:
                raise ServerError(f"the Prefect server ended with status {self._process.returncode}; see {self.log}")
            if time.monotonic() > deadline:
                raise ServerError(f"the Prefect server did not answer in {self.config.start_seconds:.0f} s; see {self.log}")
            time.sleep(0.2)
        signed_in = {"PREFECT_API_AUTH_STRING": read_token(self.folder)}
        enter(settled_environment() | environment(self.folder, self.url) | signed_in)
        write_doors(self.folder, self.url)

    def alive(self) -> bool:
        """Whether the server still runs."""
        return self._process.poll() is None if self._process is not None else self.mark is not None and self.mark.alive()

    def stop(self) -> None:
        """End the server if this object started it."""
        self.mark = None
        if self._process is None:
            return
        (self.folder / "server.json").unlink(missing_ok=True)
        carrier(self.folder).unlink(missing_ok=True)
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.folder / "server.log"


def read_mark(folder: Path) -> ServerMark | None:
    """The server that runs in ``folder``, None where there is none."""
    try:
        mark = ServerMark(**json.loads((folder / "server.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return replace(mark, token=read_token(folder)) if mark.alive() else None


def write_mark(folder: Path, mark: ServerMark) -> None:
    """Say which server runs in ``folder``."""
    temporary = folder / "server.json.part"
    temporary.write_text(json.dumps({"pid": mark.pid, "port": mark.port}))
    os.replace(temporary, folder / "server.json")


def choose_port(wanted: int) -> int:
    """``wanted`` if it is free, any free one for 0.

    Raises:
        PortInUseError: it is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError:
            raise PortInUseError(f"port {wanted} is in use; stop what listens there or choose another port") from None
        return int(probe.getsockname()[1])


def healthy(url: str) -> bool:
    """Whether a Prefect server answers there."""
    try:
        with urllib.request.urlopen(f"{url}/api/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _end_with_parent() -> None:
    """In the child: end when the parent ends, even if that was killed, so that no server is left behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
