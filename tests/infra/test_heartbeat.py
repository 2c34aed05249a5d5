"""No work is silent for long, whatever step it is in; fast work is not disturbed, and no thread is left."""

import io
import re
import threading
import time
from dataclasses import dataclass

import pytest

from infra import heartbeat
from infra.progress import Progress
from infra.stage import StageContext, run_stage
from infra.store import Store


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """No setting."""


@pytest.fixture(autouse=True)
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "LOG_SECONDS", 0.2)
    monkeypatch.setattr(heartbeat, "TERMINAL_SECONDS", 0.1)


def heartbeats() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "heartbeat"]


def test_a_stage_says_what_it_is_at_also_in_its_first_step(local_store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    def work(context: StageContext) -> dict[str, str]:
        time.sleep(1)
        context.progress(0, 3, "first clip")
        time.sleep(1)
        return {}

    run_stage(local_store, name="curate", version=1, inputs={}, config=Nothing(), work=work)
    lines = capsys.readouterr().err.splitlines()
    before = [line for line in lines if re.fullmatch(r"curate     working, for \d s now", line)]
    after = [line for line in lines if "0/3 first clip" in line and "nothing new for" in line]
    assert len(before) >= 3 and len(after) >= 3
    assert not heartbeats()


def test_a_fast_stage_says_nothing_and_leaves_no_thread(local_store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    run_stage(local_store, name="curate", version=1, inputs={}, config=Nothing(), work=lambda context: {})
    assert capsys.readouterr().err == "" and not heartbeats()


def test_a_stage_that_fails_leaves_no_thread(local_store: Store) -> None:
    def work(context: StageContext) -> dict[str, str]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_stage(local_store, name="curate", version=1, inputs={}, config=Nothing(), work=work)
    assert not heartbeats()


def test_steady_progress_needs_no_heartbeat() -> None:
    stream = io.StringIO()
    with Progress("train", stream=stream) as progress:
        for step in range(10):
            progress.say(f"step {step}")
            time.sleep(0.05)
    assert "nothing new" not in stream.getvalue()


def test_of_nested_work_that_speaks_which_had_news_last() -> None:
    outer, inner = io.StringIO(), io.StringIO()
    with Progress("loop", stream=outer) as loop, Progress("train", stream=inner):
        time.sleep(0.5)
        assert outer.getvalue() == "" and "train      working" in inner.getvalue()
        said = inner.getvalue()
        loop.doing("reading clips")
        time.sleep(0.5)
        assert "loop       reading clips" in outer.getvalue() and inner.getvalue() == said


def test_a_reader_that_is_gone_does_no_harm() -> None:
    stream = io.StringIO()
    with Progress("train", stream=stream):
        stream.close()
        time.sleep(0.5)
        assert heartbeats()


def test_on_a_terminal_the_line_renews_itself_and_is_ended() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with Progress("train", stream=stream) as progress:
        progress.doing("loading")
        time.sleep(0.5)
    assert stream.getvalue().count("\r") >= 3 and stream.getvalue().count("\n") == 1
