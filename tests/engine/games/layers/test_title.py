"""A title through the layers: what is no play is not recorded, and no key stays down, however an episode ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from Xlib.display import Display

from engine.endpoints import EndpointsConfig
from engine.games.layers import coordinator as coordinators
from engine.games.layers.coordinator import record_game
from engine.games.layers.layer import LayerLostError
from engine.games.titles.profile import load_title
from engine.games.titles.running import TitlesConfig
from infra.digest import canonical_json
from infra.episodes import list_episodes, read_episode
from infra.store import Store, open_store
from tests.engine.games.titles.display import own_display
from tests.engine.games.titles.playing import poll, stand_in, window_of
from tests.engine.jobs import MakeJob
from tests.requirements import require_program

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(300)]
TITLE = "cyberpunk_2077"


@pytest.fixture
def game(tmp_path: Path, egl: str) -> Iterator[EndpointsConfig]:
    """A stand-in game that is played, as endpoints name it."""
    require_program("xdotool")
    with own_display() as display, stand_in(display, tmp_path / "game", TITLE, seed=12):
        folder = str(tmp_path / "game")
        yield EndpointsConfig(titles=TitlesConfig(game_folder=folder, display=display, capture="x11", start_seconds=30))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "store")
    yield opened
    coordinators._warm.pop((opened.uri, TITLE)).close()


class Keys:
    """What is held down on a display, and a hand that opens the menu."""

    def __init__(self, display: str) -> None:
        self.display, self._server = display, Display(display)
        self.menu_opened = 0.0  # monotonic seconds

    def down(self) -> bool:
        return any(self._server.query_keymap())

    def open_menu_in_play(self) -> None:
        poll(lambda: self.down() or None, 120)
        window = window_of(self.display, load_title(TITLE).window)
        window.play(["m"], (0, 0))
        self.menu_opened = time.monotonic()
        window.close()


def test_a_menu_ends_the_episode_before_it_and_lets_go_of_all_keys(
    game: EndpointsConfig, store: Store, make_job: MakeJob
) -> None:
    keys = Keys(game.titles.display)
    opening = threading.Thread(target=keys.open_menu_in_play)
    opening.start()
    episode = record_game(store.uri, make_job(source=TITLE, family=TITLE, frames=150, fps=3.0, renderer="game"), game)
    opening.join()
    assert not keys.down()
    assert 8 < episode.frames < 150 and list_episodes(store) == [episode]
    frames, video, _ = read_episode(store, episode)
    with video:
        video.check_count(len(frames))
    assert frames.keyboard.any()
    assert (frames.time / 1e9 > keys.menu_opened).sum() <= 1, (
        "one row may have been on its way; the plugin's clock is the machine's"
    )


RECORDING = """
import json
import signal
import sys
from engine.endpoints import EndpointsConfig
from engine.games.layers.coordinator import record_game
from engine.games.titles.running import TitlesConfig
from engine.job import Job

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever starts tests may ignore it
    store, folder, display, job = sys.argv[1:]
    titles = TitlesConfig(game_folder=folder, display=display, capture="x11", start_seconds=30)
    record_game(store, Job(**json.loads(job)), EndpointsConfig(titles=titles))
"""


@pytest.mark.fault
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_no_key_stays_down_when_the_recording_is_interrupted_or_killed(
    game: EndpointsConfig, tmp_path: Path, make_job: MakeJob, end: signal.Signals
) -> None:
    keys, titles, script = Keys(game.titles.display), game.titles, tmp_path / "recording.py"
    script.write_text(RECORDING)
    job = make_job(source=TITLE, family=TITLE, frames=150, fps=3.0, renderer="game")
    places = [str(script), str(tmp_path / "store"), titles.game_folder, titles.display]
    line = [sys.executable, *places, canonical_json(job).decode()]
    settings = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[4])}
    with (
        (tmp_path / "said").open("w") as said,
        subprocess.Popen(line, env=settings, start_new_session=True, stderr=said) as recording,
    ):
        poll(lambda: keys.down() or None, 120)
        if end is signal.SIGINT:
            os.killpg(recording.pid, end)  # as a terminal does it
        else:
            recording.kill()
        recording.wait(60)
    poll(lambda: not keys.down() or None)
    assert "Process worldloom-" not in (tmp_path / "said").read_text(), "a layer ended with a traceback"


@pytest.mark.fault
def test_an_episode_that_is_given_up_lets_go_of_all_keys(
    game: EndpointsConfig, store: Store, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinators, "ATTEMPTS", 1)
    keys = Keys(game.titles.display)

    def kill_output_in_play() -> None:
        poll(lambda: keys.down() or None, 120)
        pid = coordinators._warm[store.uri, TITLE].output.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    killing = threading.Thread(target=kill_output_in_play)
    killing.start()
    with pytest.raises(LayerLostError, match="output"):
        record_game(store.uri, make_job(source=TITLE, family=TITLE, frames=150, fps=3.0, renderer="game"), game)
    killing.join()
    poll(lambda: not keys.down() or None)
    assert not list_episodes(store)
