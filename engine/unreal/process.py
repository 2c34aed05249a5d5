"""The engine's process: launched with the flags that make it a recorder's, looked after, and started anew."""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine import leash
from engine.unreal.client import Address, EngineGoneError, UnrealClient
from engine.unreal.server import socket_path
from infra.errors import NotHereError, WorldloomError
from infra.surroundings import engine_environment

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE: Final = 0.05  # seconds between two knocks at an engine that is starting
STOP_SECONDS: Final = 10.0  # to die after being killed
LAST_WORDS: Final = 400  # characters of an engine's log that an error quotes
UNREALCV_PORT: Final = 9000  # that the plugin listens at where nobody says otherwise
LOG_BYTES: Final = 16 * 2**20  # of an engine's log that are kept on disk, give or take an episode's


class EngineStartError(WorldloomError):
    """The engine did not come up."""


@dataclass(frozen=True, kw_only=True)
class UnrealConfig:
    """Which engine records, and how long it may take. By default the embedded world in a process of its own."""

    command: tuple[str, ...] = ()  # starts an Unreal Engine build with the UnrealCV plugin; empty: the embedded world
    host: str = ""  # of an engine that somebody else runs; empty: one is started here
    port: int = 0  # of UnrealCV; 0 takes a free one, or the plugin's own where a host is named
    unix_socket: bool = True  # where the engine runs here; pictures travel faster so
    scenes: str = ""  # scene list of the build's maps, as infra/unreal/scenes.toml; empty: a job's family is the map
    mask: bool = True  # record which thing each pixel shows
    hfov: float = 80.0  # degrees
    start_seconds: float = 240.0  # for an engine to come up
    reply_seconds: float = 60.0  # for one answer
    level_seconds: float = 240.0  # for another map to load


class EngineProcess:
    """One engine and the connection to it."""

    def __init__(self, config: UnrealConfig) -> None:
        self.config = config
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile(prefix="unreal-")  # noqa: SIM115 — as long as the engine
        self.project = ""
        self.client: UnrealClient | None = None
        self._fps = 0.0
        self._port = 0

    def ready(self, fps: float) -> UnrealClient:
        """The connection to a living engine; starts or restarts one where there is none.

        Raises:
            EngineStartError: it did not come up in time, or ended at once; quotes its last words.
            NotHereError: the command is not installed.
        """
        if self.client is not None and self.alive() and fps == self._fps:
            self._bound_log()
            return self.client
        self.stop()
        self._fps = fps
        port = self._port = self.config.port or (UNREALCV_PORT if self.config.host else free_port())
        if not self.config.host:
            self._launch(engine_command(self.config, port, fps))
        self.client = self._knock(self._address(port))
        return self.client

    def alive(self) -> bool:
        """Whether the engine runs, as far as that can be seen from here."""
        return bool(self.config.host) or (self._process is not None and self._process.poll() is None)

    def stop(self) -> None:
        """Hang up and end the engine."""
        if self.client is not None:
            self.client.close()
            self.client = None
        if self._process is not None:
            assert self._process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()  # the leash pulls
            self._process.wait(STOP_SECONDS)
            self._process = None
            socket_path(self._port).unlink(missing_ok=True)

    @property
    def pid(self) -> int:
        """Of the leash; 0 where nothing was started."""
        return self._process.pid if self._process else 0

    def _launch(self, command: list[str]) -> None:
        if shutil.which(command[0]) is None:
            raise NotHereError(f"{command[0]} cannot be run here; mend endpoints.unreal.command")
        self._log.truncate(0)
        self._process = subprocess.Popen(
            [sys.executable, leash.__file__, *command],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=None if self.config.command else ROOT,
            env=engine_environment(),
        )

    def _bound_log(self) -> None:
        """Begin the log anew when it is long: an engine may talk for weeks."""
        if self._log.seek(0, 2) > LOG_BYTES:
            self._log.seek(0)  # the engine writes on where this file stands
            self._log.truncate()

    def _address(self, port: int) -> Address:
        if self.config.host:
            return (self.config.host, port)
        return socket_path(port) if self.config.unix_socket else ("127.0.0.1", port)

    def _knock(self, address: Address) -> UnrealClient:
        client = UnrealClient(address, reply_seconds=self.config.reply_seconds)
        until = time.monotonic() + self.config.start_seconds
        while True:
            try:
                self.project = client.connect(min(self.config.reply_seconds, max(until - time.monotonic(), PATIENCE)))
                return client
            except EngineGoneError as error:
                if not self.alive():
                    raise EngineStartError(f"the engine ended while it started: {self._last_words()}") from None
                if time.monotonic() > until:
                    self.stop()
                    raise EngineStartError(f"{error}; it had {self.config.start_seconds:g} s: {self._last_words()}") from None
                with contextlib.suppress(subprocess.TimeoutExpired):
                    (self._process.wait if self._process else time.sleep)(PATIENCE)

    def _last_words(self) -> str:
        size = self._log.seek(0, 2)
        self._log.seek(max(size - LAST_WORDS, 0))
        return " ".join(self._log.read().decode("utf-8", "replace").split()) or "it said nothing"


def engine_command(config: UnrealConfig, port: int, fps: float) -> list[str]:
    """What to run: the embedded world's server, or the build with its flags."""
    if not config.command:
        return [sys.executable, "-m", "engine.unreal", "--port", str(port)]
    fixed = ["-RenderOffScreen", "-unattended", "-UseFixedTimeStep", f"-FPS={fps:g}"]
    return [*config.command, *fixed, "-cvport", str(port)]  # the plugin reads no "-cvport="


def free_port() -> int:
    """A TCP port that nobody uses at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
