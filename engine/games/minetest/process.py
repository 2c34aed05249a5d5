"""The game's processes: a display, a server with a world of its own and a client, which end with whoever started them."""

import contextlib
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from engine import leash
from engine.games.minetest.folder import GameFolder
from engine.games.minetest.settings import window_of, write_client, write_server
from engine.job import Job
from infra.errors import NotHereError, WorldloomError

PACKAGES: Final = "minetest minetest-server xvfb libgl1-mesa-dri"
LOG_TAG: Final = "FRAME "
KEPT_FRAMES: Final = 600
POLL_SECONDS: Final = 0.05
STOP_SECONDS: Final = 10.0


class MinetestError(WorldloomError):
    """The game does not start, or does not run any more."""


@dataclass(frozen=True, kw_only=True)
class MinetestConfig:
    """Where the game's programs are and how long they may take; defaults are those of Debian's packages."""

    client: str = "/usr/games/minetest"
    server: str = "/usr/games/minetestserver"
    display: str = "Xvfb"
    fov: float = 72.0  # degrees, vertical
    viewing_range: int = 80  # metres
    start_seconds: float = 120.0  # from nothing to a land that can be walked
    frame_seconds: float = 10.0  # until the client shows its next frame


@dataclass(frozen=True, kw_only=True)
class LoggedFrame:
    """One line of the client's mod."""

    number: int
    seconds: float  # of CLOCK_MONOTONIC_RAW
    position: NDArray[np.float64]  # (3,) metres, the game's axes
    look: NDArray[np.float64]  # (3,) unit
    fov: float  # degrees, vertical
    controls: int  # bits: forward, back, left, right, and whether the feet are in water


class MinetestProcess:
    """Display, server and client of one job."""

    def __init__(self, config: MinetestConfig, job: Job) -> None:
        """Start all three, and wait until the player stands on ground.

        Raises:
            NotHereError: a program is missing; names the packages.
            MinetestError: one of them did not come up in time.
        """
        self.config = config
        for program in (config.client, config.server, config.display):
            if shutil.which(program) is None:
                raise NotHereError(f"{program} is missing; apt-get install {PACKAGES}")
        self._folder = GameFolder()
        self.folder = self._folder.path
        self._leashes: dict[str, subprocess.Popen[str]] = {}
        self._words: dict[str, deque[str]] = {}
        self._readers: list[threading.Thread] = []
        self.frames: deque[LoggedFrame] = deque(maxlen=KEPT_FRAMES)
        self._until = time.monotonic() + config.start_seconds
        self.display = ""
        try:
            self._start(job)
        except BaseException:
            self.stop()
            raise

    def _start(self, job: Job) -> None:
        window, port = window_of(job), free_udp_port()
        screen = ["-screen", "0", f"{window.width}x{window.height}x24", "-dpi", "96", "-nolisten", "tcp", "-noreset"]
        self._launch("display", [self.config.display, "-displayfd", "1", *screen])
        self.display = ":" + self._wait("display", lambda line: line.strip().isdigit()).strip()
        self._launch("server", [self.config.server, *write_server(self.folder, job, port)])
        self._wait("server", lambda line: "listening on" in line)
        options = write_client(self.folder, job, port, self.config.fov, self.config.viewing_range)
        self._launch("client", [self.config.client, *options])
        spawned = self._wait("server", lambda line: "SPAWN " in line)
        if "SPAWN none" in spawned:
            raise MinetestError(f"the land of scene seed {job.scene_seed} has no walkable ground; use another seed")
        self._wait("client", lambda line: LOG_TAG in line)

    def check(self) -> None:
        """Raise MinetestError unless all three run."""
        for name, process in self._leashes.items():
            if process.poll() is not None:
                words = " | ".join(line for line in self._words[name] if LOG_TAG not in line)
                raise MinetestError(f"Minetest's {name} ended: {words[-600:] or 'without a word'}")

    def stop(self) -> None:
        """End all three, client first, and remove their files."""
        for name in ("client", "server", "display"):
            process = self._leashes.pop(name, None)
            if process is None:
                continue
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()  # the leash pulls
            process.wait(STOP_SECONDS)
        for reader in self._readers:
            reader.join(STOP_SECONDS)
        if self.display:
            number = self.display[1:]  # a killed Xvfb leaves these
            Path(f"/tmp/.X{number}-lock").unlink(missing_ok=True)
            Path(f"/tmp/.X11-unix/X{number}").unlink(missing_ok=True)
        self._folder.remove()

    def pid(self, name: str) -> int:
        """Of the leash that holds ``display``, ``server`` or ``client``."""
        return self._leashes[name].pid

    def _launch(self, name: str, command: Sequence[str]) -> None:
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/games", "HOME": str(self.folder), "LANG": "C.UTF-8"}
        if name == "client":
            environment["DISPLAY"] = self.display
        process = subprocess.Popen(
            [sys.executable, "-I", leash.__file__, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=self.folder,
            text=True,
            errors="replace",
        )
        self._leashes[name] = process
        self._words[name] = deque(maxlen=200)
        assert process.stdout is not None
        reader = threading.Thread(target=self._read, args=(name, process.stdout), daemon=True)
        reader.start()
        self._readers.append(reader)

    def _read(self, name: str, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                self._words[name].append(line.rstrip())
                if LOG_TAG in line and (frame := parse_frame(line)) is not None:
                    self.frames.append(frame)

    def _wait(self, name: str, wanted: Callable[[str], bool]) -> str:
        while time.monotonic() < self._until:
            for line in list(self._words[name]):
                if wanted(line):
                    return line
            self.check()
            time.sleep(POLL_SECONDS)
        raise MinetestError(
            f"Minetest's {name} was not ready after {self.config.start_seconds:.0f} s; raise endpoints.minetest.start_seconds"
        )


def parse_frame(line: str) -> LoggedFrame | None:
    """A frame's line as the mod wrote it; None if it is cut off."""
    parts = line.split(LOG_TAG, 1)[1].split()
    try:
        number, clock, *place, controls = parts
        values = np.array(place, np.float64)
        if values.shape != (7,) or not np.isfinite(values).all():
            return None
        return LoggedFrame(
            number=int(number),
            seconds=int(clock) / 1e6,
            position=values[:3],
            look=values[3:6],
            fov=float(values[6]),
            controls=int(controls),
        )
    except ValueError:
        return None


def free_udp_port() -> int:
    """A port of the loopback that nothing uses now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
