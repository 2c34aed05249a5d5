"""One undisturbed smoke run, through the command line as a user starts it; slow tests share it."""

import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.episodes import list_episodes, read_episode
from infra.schema import Episode
from infra.store import Store, open_store
from infra.tables import read_records
from tests.hostile import hostile
from tests.seaweed import s3_server as s3_server
from tests.seaweed import s3_store_uri as s3_store_uri

NO_CAP = ("--set", "evaluate.max_seconds=100000.0")  # equal results need equal work


@dataclass(frozen=True, kw_only=True)
class SmokeRun:
    """A finished run's home and what it printed."""

    home: Path
    seconds: float
    silence: float  # the longest, in seconds
    output: str

    @property
    def store(self) -> Store:
        return open_store(self.home / "store")

    def copy_to(self, home: Path) -> Path:
        """Copy the home, for tests that damage it."""
        shutil.copytree(self.home, home)
        return home


def command(*arguments: str | Path) -> list[str]:
    """The command line that starts ``worldloom``."""
    return [str(Path(sys.executable).parent / "worldloom"), *map(str, arguments)]


def worldloom(
    *arguments: str | Path, timeout: float = 600, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``worldloom`` to its end, from ``folder``."""
    settings = os.environ | dict(environment or {})
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=timeout, check=False, env=settings, cwd=folder
    )


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory: pytest.TempPathFactory) -> SmokeRun:
    """The loop at profile smoke, from collect to release, in surroundings that are as bad as they come."""
    home = tmp_path_factory.mktemp("smoke") / "home"
    arguments, folder = command("run", "--profile", "smoke", "--home", home, *NO_CAP), home.parent / "place"
    settings = os.environ | hostile(folder)
    lines, times = [], [time.monotonic()]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", env=settings, cwd=folder
    ) as run:
        assert run.stdout is not None
        for line in run.stdout:
            lines.append(line)
            times.append(time.monotonic())
    assert run.returncode == 0, "".join(lines)
    silence = max(later - earlier for earlier, later in itertools.pairwise(times))
    return SmokeRun(home=home, seconds=times[-1] - times[0], silence=silence, output="".join(lines))


def assert_whole(store: Store) -> None:
    """Every episode is there once, and each object has the digest and the count of frames that its row says."""
    episodes = list_episodes(store)
    rows = read_records(store, "episodes", Episode)
    assert len({row.episode_id for row in rows}) == len(rows) == len(episodes), "an episode has two rows"
    for episode in episodes:
        frames, video, depth = read_episode(store, episode)
        with video:
            video.check_count(len(frames))
        if depth is not None:
            with depth:
                depth.check_count(len(frames))
