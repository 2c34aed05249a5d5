"""Packages of others with the names of ours."""

from pathlib import Path

import pytest

from flows.foreign import PACKAGES, find_foreign
from tests.flows.conftest import worldloom


def test_our_own_packages_are_found() -> None:
    assert find_foreign() is None


@pytest.mark.parametrize("marker", ["__init__.py", ""])
@pytest.mark.parametrize("name", PACKAGES)
def test_one_that_stands_in_front_is_named(name: str, marker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).mkdir()
    if marker:
        (tmp_path / name / marker).touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    found = find_foreign()
    if marker:
        assert found is not None and f"{tmp_path / name}" in found and "PYTHONPATH" in found
    else:
        assert found is None, "a folder that is no package hides none"


def test_a_command_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "infra.py").touch()
    done = worldloom("--version", environment={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert done.stderr.startswith(f"worldloom: {tmp_path / 'infra.py'} has the name of the package infra")
    assert len(done.stderr.splitlines()) == 1
