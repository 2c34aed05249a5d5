"""What ``deploy`` serves stands in a file of its owner, and runs find it there."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from flows.served import NothingServedError, Served, read_served, write_served
from flows.workplace import open_workplace


def test_runs_work_where_deploy_was_started_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = ("train.seed=3",)
    place = open_workplace("smoke", Path("home"), None, overrides)
    os.makedirs(place.prefect)
    for every in (timedelta(hours=1), timedelta(hours=2)):
        write_served(place.prefect, Served.at(place, "smoke", overrides, every))
    folder = place.prefect.absolute()
    assert (folder / "served.json").stat().st_mode & 0o777 == 0o600
    monkeypatch.chdir("/")
    served = read_served(folder)
    assert served.every_seconds == 7200.0
    found = served.open()
    assert (found.home, found.store.uri, found.profile.train.seed) == (tmp_path / "home", place.store.uri, 3)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"profile": "smoke"}'])
def test_a_run_that_deploy_did_not_start_says_so(tmp_path: Path, text: str) -> None:
    if text:
        (tmp_path / "served.json").write_text(text)
    with pytest.raises(NothingServedError, match="worldloom deploy"):
        read_served(tmp_path)
