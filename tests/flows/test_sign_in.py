"""The token of a home: made once, its owner's alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.server import ServerMark, read_mark, write_mark
from flows.sign_in import authorization, read_token


def test_commands_that_begin_together_make_one_token(tmp_path: Path) -> None:
    script = f"from pathlib import Path; from flows.sign_in import read_token; print(read_token(Path({str(tmp_path / 'p')!r})))"
    begun = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    tokens = {process.communicate(timeout=60)[0].strip() for process in begun}
    assert tokens == {read_token(tmp_path / "p")}
    assert len(tokens.pop()) == len("worldloom:") + 64
    assert read_token(tmp_path / "another") != read_token(tmp_path / "p")


def test_only_its_owner_reads_the_token_whatever_was_there_before(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        token = read_token(tmp_path)
    finally:
        os.umask(before)
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    (tmp_path / "token").chmod(0o644)
    assert read_token(tmp_path) == token
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    (tmp_path / "token").write_text(token[:20])  # a disk that was full
    assert len(read_token(tmp_path)) == len(token)


def test_a_mark_says_nothing_of_the_token(tmp_path: Path) -> None:
    mark = ServerMark(pid=os.getpid(), port=1, token=read_token(tmp_path))
    write_mark(tmp_path, mark)
    assert mark.token not in f"{mark} {(tmp_path / 'server.json').read_text()}"
    assert authorization("worldloom:0") == "Basic d29ybGRsb29tOjA="


def test_a_number_that_another_user_was_given_is_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def healthy(url: str) -> bool:
        asked.append(url)
        return True

    monkeypatch.setattr("flows.server.healthy", healthy)
    command = [sys.executable, "-c", "print(flush=True); input()", "server", "4321"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        write_mark(tmp_path, ServerMark(pid=process.pid, port=4321))
        assert read_mark(tmp_path) is not None
        monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
        assert read_mark(tmp_path) is None
        process.communicate(b"\n")
    assert len(asked) == 1
