"""The command line: every verb explains itself, and what a user can mend is one line and a status."""

import errno
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from flows.release import GateRefusedError
from flows.summary import summarise_stage
from flows.verbs import VERBS, run_command, worldloom
from infra.errors import BusyError
from infra.interrupt import LINE
from infra.lock import hold_folder
from infra.stage import StageResult
from tests.flows.conftest import command
from tests.flows.conftest import worldloom as run_worldloom
from tests.signals import heed_signals


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    outcome = CliRunner().invoke(worldloom, [verb, "--help"])
    assert outcome.exit_code == 0, outcome.output
    assert f"Example: worldloom {verb}" in " ".join(outcome.output.split())


def test_the_overview_names_every_verb_without_loading_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {verb} " in shown for verb in VERBS)


def raising(error: BaseException) -> Callable[..., None]:
    def command(*_: object, **__: object) -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ValueError("profile tiny: unknown key\ntrian"), 2, "profile tiny: unknown key trian"),
        (BusyError("runs/tiny is in use"), 2, "runs/tiny is in use"),
        (GateRefusedError("gate: not released"), 3, "gate: not released"),
        (OSError(errno.ENOSPC, "No space left on device", "/disk/file"), 2, "No space left on device: /disk/file"),
        (click.UsageError("no such option"), 2, "no such option"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_can_be_mended_is_one_line_and_a_status(
    error: BaseException, status: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(worldloom, "invoke", raising(error))
    assert run_command(["doctor"]) == status
    shown = capsys.readouterr().err
    assert line in shown
    assert "Traceback" not in shown


def test_what_nobody_expected_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worldloom, "invoke", raising(KeyError("x")))
    with pytest.raises(KeyError):
        run_command(["doctor"])


def test_a_mistyped_key_ends_the_command_before_anything_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    assert run_command(["collect", "--home", str(home), "--set", "collect.widht=3"]) == 2
    assert "unknown key collect.widht (did you mean width?)" in capsys.readouterr().err
    assert not home.exists()


def test_rolling_back_an_empty_store_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "store").mkdir()
    assert run_command(["rollback", "--home", str(tmp_path)]) == 2
    assert "no earlier bundle" in capsys.readouterr().err


def test_stages_before_training_take_no_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["collect", "--home", str(tmp_path), "--dataset", "abcd"]) == 2
    assert "No such option '--dataset'" in capsys.readouterr().err


def test_a_mistyped_verb_is_named_with_its_neighbour(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["rolback"]) == 2
    assert "did you mean rollback?" in capsys.readouterr().err


def test_a_finished_evaluation_says_what_the_model_scored_beside_its_baselines() -> None:
    scores = {"candidate.psnr@8": 25.52, "repeat_last.psnr@8": 17.5, "base.psnr@4": 30.0}
    outputs = {"arms": ["candidate", "repeat_last"], "starts": 3, "scenes": 2, "headline": scores}
    result = StageResult(stage="evaluate", key="k", outputs=outputs, seconds=1.0, reused=False, stopped_early=False)
    assert "2 unseen scenes; dB at frame 8: model 25.5, last frame 17.5 (1.0 s)" in summarise_stage(result)


@pytest.mark.parametrize(
    "verb",
    [
        ("episodes",),
        ("datasets",),
        ("releases",),
        ("lineage",),
        ("publish", "abcd1234"),
        ("show", "abcd1234"),
        ("rollback",),
        ("play",),
        ("stop",),
    ],
)
def test_verbs_that_read_make_no_home_and_say_what_to_run(
    verb: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command([*verb, "--profile", "smoke", "--home", str(tmp_path / "home")]) == 2
    assert "begin with: worldloom run --profile smoke" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["parity", "nowhere"], "nowhere holds no fixtures: it has no meta.json; name a fixture folder"),
        (["episodes", "--store", "FILE"], "is a file; name a folder or s3://bucket/prefix"),
        (["episodes", "--home", "FILE"], "is a file; see: worldloom episodes --help"),
        (["doctor", "--home", "FILE"], "is a file; see: worldloom doctor --help"),
        (["episodes", "--home", "EMPTY", "--where", "colour = 1"], 'Referenced column "colour" not found'),
        (["dashboard", "--port", "99999"], "99999 is not in the range 0<=x<=65535; see: worldloom dashboard --help"),
        (["collect", "--source", "embedded", "--hours", "-1"], "hours = -1.0: ask for more than 0"),
        (["collect", "--source", "embedded", "--hours", "1", "--size", "0x0"], "'0x0': use even numbers from 16"),
        (["collect", "--source", "embedded", "--hours", "1", "--size", "640"], "'640': write WIDTHxHEIGHT, for example 640x360"),
        (["bench", "collect", "--out", "nowhere/x.json"], "there is no folder nowhere; make it first"),
        (["world", "sheet", "--out", "sheet.txt"], "sheet.txt: end the name in .png or .jpg"),
        (["collect", "--source", "embedded", "--hours", "1", "--weather", "hail"], "unknown weather 'hail'; use one of clear"),
        (["collect", "--source", "embedded", "--hours", "1", "--agent", "nobody"], "no agent 'nobody'; use policy"),
        (["collect", "--source", "embedded", "--hours", "1", "--out", "FILE"], "is a file; name a folder"),
        (["collect", "--source", "embedded", "--hours", "1", "--out", ""], "is empty; name a folder"),
        (["episodes", "--store", ""], "is empty; name a folder"),
        (["world", "catalogue", "--out", ""], "is empty; name a folder"),
        (["show", "abcd", "--rerun", "FILE"], "end the name in .rrd"),
        (["collect", "--source", "embedded", "--hours", "1", "--out", "OTHERS"], "holds other files and no store; name a folder"),
        (["collect", "--source", "embedded", "--hours", "1", "--seed", "-5"], "'--seed': -5 is not in the range x>=0"),
        (["episodes", "--store", "nowhere"], "nothing was made in nowhere yet; is the name right?"),
        (["collect", "--family", "park"], "--family narrows down a --source; name one; see: worldloom collect --help"),
        (["play", "--home", "EMPTY"], "nothing is released in"),
        (["publish", "abcd1234", "--home", "EMPTY"], "begins with 'abcd1234'; list them: worldloom datasets"),
        (["train", "--home", "EMPTY", "--dataset", "abcd1234"], "begins with 'abcd1234'; list them: worldloom datasets"),
    ],
)
def test_bad_input_is_one_line_that_names_the_thing_and_the_fix(
    words: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty" / "store").mkdir(parents=True)
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "notes.txt").write_text("x")
    places = {name: str(tmp_path / name.lower()) for name in ("FILE", "EMPTY", "OTHERS")}
    assert run_command([places.get(word, word) for word in words]) == 2
    shown = capsys.readouterr()
    assert line in shown.err and len(shown.err.splitlines()) == 1
    assert not shown.out
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_an_interrupt_is_how_a_served_world_ends() -> None:
    line = command("world", "serve", "--port", "0", "--renderer", "software")
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed_signals) as serving:
        assert serving.stdout is not None and serving.stdout.readline().startswith("serving ")
        serving.send_signal(signal.SIGINT)
        assert serving.communicate(timeout=20) == ("", f"worldloom: {LINE}\n") and serving.returncode == 130


@pytest.mark.slow
def test_a_collection_writes_into_its_store_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    request = ("collect", "--source", "vizdoom", "--hours", "0.0003", "--seconds", "1", "--size", "128x64", "--workers", "0")
    first = run_worldloom(*request, "--out", "one")
    assert first.returncode == 0, first.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    with hold_folder(tmp_path / "one", "another collection"):
        assert run_worldloom(*request, "--out", "two").returncode == 0, "collections into two stores go side by side"
        refused = run_worldloom(*request, "--out", "one")
    assert refused.returncode == 2 and "another collection" in refused.stderr


def test_a_page_is_not_written_where_a_file_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    assert run_command(["deploy", "--home", str(tmp_path / "file" / "home"), "--pause", "nights"]) == 2
    assert "a file stands where a folder is needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("a[b]", "'[' cannot stand in a store's name; choose another"),
        ("feature%2Flogin", "'%2F' cannot stand in a store's name"),
        ("s3://worlds/a%20b", "'%20' cannot stand in a store's name"),
        ("s3://worlds/x//y", "a part of its prefix is 'empty'"),
        ("s3:/worlds/x", "neither a folder nor s3://bucket/prefix"),
        ("tables/episodes/mine", "lies in the table"),
    ],
)
def test_a_name_that_no_store_can_have_is_refused_before_anything_is_written(
    out: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tables" / "episodes" / "_delta_log").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    assert run_command(["collect", "--source", "embedded", "--hours", "0.001", "--out", out]) == 2
    shown = capsys.readouterr().err
    assert says in shown and shown.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_the_commands_that_are_shown_work_for_names_with_spaces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my store").mkdir()
    assert run_command(["datasets", "--store", str(tmp_path / "my store")]) == 0
    assert f"--store '{tmp_path / 'my store'}'" in capsys.readouterr().out
