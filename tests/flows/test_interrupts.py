"""Every verb, interrupted at any moment: one line, its status, seconds, nothing left running, nothing finished lost."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from PIL import Image

from infra.episodes import list_episodes
from infra.interrupt import LINE
from infra.store import open_store
from tests.flows.conftest import NO_CAP, SmokeRun, assert_whole, command, worldloom
from tests.inference.released.weights_folder import PROMPT, write_weights
from tests.signals import heed_signals

pytestmark = [pytest.mark.slow, pytest.mark.fault, pytest.mark.timeout(600)]
MOST_SECONDS = 20.0  # on a machine with much else to do; 10 by construction
COLLECT = ("collect", "--source", "embedded", "--hours", "1", "--seconds", "2", "--size", "128x64", "--family", "park")


@dataclass(kw_only=True)
class Begun:
    """A command under way; the terminal's group is its own."""

    process: "subprocess.Popen[bytes]"
    log: Path
    mark: dict[str, str]  # inherited by whatever it starts

    def wait_for(self, words: str, seconds: float = 300) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.log.read_text(errors="replace"):
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text(errors="replace")
            time.sleep(0.1)

    def end(self, number: signal.Signals, *, group: bool) -> None:
        """Interrupt it twice and hold it to what interrupting promises."""
        said, began = self.log.read_text(errors="replace"), time.monotonic()
        for _ in range(2):
            (os.killpg if group else os.kill)(self.process.pid, number)
            time.sleep(0.2)
            if self.process.poll() is not None:
                break
        assert self.process.wait(120) == 128 + number, self.log.read_text(errors="replace")
        assert time.monotonic() - began < MOST_SECONDS
        more = self.log.read_text(errors="replace").removeprefix(said).splitlines()
        assert [line for line in more if not line.startswith(("collect  ", "annotate  "))] == [f"worldloom: {LINE}"], more
        assert not self.left()

    def left(self) -> list[str]:
        """What still runs of all that it started."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().items() >= self.mark.items() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                pass
        return found


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Begun]]:
    """Start commands; whoever is left over in the end is killed."""
    begun: list[Begun] = []

    def start(*words: str | Path) -> Begun:
        number = len(begun)
        log, mark = tmp_path / f"log{number}", {"WORLDLOOM_TEST": f"{tmp_path} {number}"}
        with log.open("wb") as output:
            settings = os.environ | mark
            process = subprocess.Popen(
                command(*words), stdout=output, stderr=output, start_new_session=True, env=settings, preexec_fn=heed_signals
            )
        begun.append(Begun(process=process, log=log, mark=mark))
        return begun[-1]

    yield start
    for one in begun:
        one.process.kill()
        one.process.wait()


@pytest.mark.timeout(900)
def test_a_run_that_was_interrupted_goes_on_with_what_it_had_finished(begin: Callable[..., Begun], tmp_path: Path) -> None:
    place = ("--profile", "smoke", "--home", tmp_path / "home", *NO_CAP)
    run = begin("run", *place)
    run.wait_for("\nannotate  ")
    run.end(signal.SIGINT, group=True)
    again = worldloom("curate", *place)
    assert again.returncode == 0 and again.stdout.count("found finished") >= 1, again.stdout + again.stderr
    assert_whole(open_store(tmp_path / "home" / "store"))


@pytest.mark.parametrize("group", [False, True])
def test_a_run_may_be_interrupted_while_it_starts(begin: Callable[..., Begun], tmp_path: Path, group: bool) -> None:
    for moment in (0.5, 2.0, random.uniform(0.5, 8.0)):
        print(f"after {moment:.1f} s")
        run = begin("run", "--profile", "smoke", "--home", tmp_path / "home")
        time.sleep(moment)
        run.end(signal.SIGTERM if group else signal.SIGINT, group=group)


@pytest.mark.parametrize(("workers", "number", "group"), [("0", signal.SIGTERM, False), ("2", signal.SIGINT, True)])
def test_a_collection_keeps_its_episodes(
    begin: Callable[..., Begun], tmp_path: Path, workers: str, number: signal.Signals, group: bool
) -> None:
    collection = begin(*COLLECT, "--workers", workers, "--out", tmp_path / "store")
    store, deadline = open_store(tmp_path / "store"), time.monotonic() + 300
    while not (before := len(list_episodes(store))) and time.monotonic() < deadline:
        time.sleep(0.2)
    collection.end(number, group=group)
    assert 0 < before <= len(list_episodes(store))
    assert_whole(store)


def test_what_serves_ends_by_a_signal_and_by_stop(begin: Callable[..., Begun], smoke_run: SmokeRun, tmp_path: Path) -> None:
    place = ("--profile", "smoke", "--home", smoke_run.copy_to(tmp_path / "home"))
    served = {"play": "play ", "dashboard": "Ctrl-C ends it"}
    for verb, words in served.items():
        serving = begin(verb, *place, *(("--port", "0") if verb == "play" else ()))
        serving.wait_for(words)
        serving.end(signal.SIGHUP, group=True)
        serving = begin(verb, *place, *(("--port", "0") if verb == "play" else ()))
        serving.wait_for(words)
        stopped = worldloom("stop", *place)
        assert stopped.stdout == f"stopped    {verb}\n", stopped.stdout + stopped.stderr
        assert serving.process.wait(5) == 143 and not serving.left()


def test_helpers_of_other_verbs_end_too(begin: Callable[..., Begun], tmp_path: Path) -> None:
    Image.effect_noise((64, 32), 60).convert("RGB").save(tmp_path / "start.png")
    weights = write_weights(tmp_path / "weights")
    generate = ("generate", "--weights", weights, "--image", tmp_path / "start.png", "--prompt", PROMPT, "--device", "cpu")
    for words in (
        (*generate, "--layout", "2+1", "--segments", "50", "--out", tmp_path / "walk.mp4"),
        ("world", "catalogue", "--per-family", "80", "--workers", "2", "--out", tmp_path / "scenes"),
        ("bench", "explore"),
    ):
        working = begin(*words)
        time.sleep(random.uniform(4.0, 9.0))
        working.end(signal.SIGINT, group=True)
