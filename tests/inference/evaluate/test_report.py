"""The report: honest first lines, everything inlined, nothing from elsewhere."""

import dataclasses
import html
import re
from pathlib import Path

import pytest

from inference.evaluate.report import write_report
from infra.stage import StageResult
from infra.store import MissingObjectError
from tests.inference.evaluate.arena import Arena, pretend_stages


@pytest.fixture(scope="session")
def page(arena: Arena, evaluated: StageResult, tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("home")
    path = write_report(arena.store, home, pretend_stages(arena) | {"evaluate": evaluated.key})
    assert path == home / "report.html"
    return path.read_text()


def test_the_first_line_says_what_came_from_where_and_the_next_is_the_bad_news(page: str) -> None:
    lines = re.findall(r'<li class="(\w+)">(.*?)</li>', page)
    assert "base weights that ship" in lines[0][1] and "12 steps" in lines[0][1]
    assert lines[1][0] == "bad" and "worse than" in html.unescape(lines[1][1])
    assert page.index(lines[1][1]) < page.index("<video")


def test_every_part_stands_on_the_page(page: str, arena: Arena, evaluated: StageResult) -> None:
    headings = re.findall(r"<h2 id=\"[\w-]+\">(.*?)</h2>", page)
    assert headings == [
        "Walks, side by side",
        "Fidelity",
        "Following actions",
        "Seeing places again",
        "Drift over long walks",
        "Speed",
        "Training",
        "Dataset",
        "Rejected clips",
        "Stage timings",
        "Lineage",
    ]
    assert page.count("data:video/mp4;base64,") == len(evaluated.outputs["videos"])
    assert "too dark" in page and page.count("<img") == 3
    for digest in (arena.dataset, arena.candidate.denoiser, evaluated.key):
        assert digest in page


def test_geometry_on_and_off_stand_under_each_other(page: str) -> None:
    rows = re.findall(r"<tr class=\"\w*\"><td>(.*?)</td>", page)
    assert rows.index("Candidate, network alone") == rows.index("Candidate") + 1


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    assert not re.findall(r'(?:src|href|poster)="(?!data:|#)[^"]*"', page)
    assert "url(" not in re.sub(r"url\(#[^)]*\)", "", page)
    assert "<script" not in page and "@import" not in page


def test_a_table_shows_the_score_with_its_interval_and_its_counts(page: str, evaluated: StageResult) -> None:
    value = evaluated.outputs["headline"]["repeat_last.psnr@8"]
    table = page[page.index('id="fidelity"') :]
    row = re.search(r"<td>Repeat the last frame</td>(.*?)</tr>", table)
    assert row is not None
    cells = re.findall(r"<td class=\"\">([^<]*)<span class=\"small\">([^<]*)</span>", row.group(1))
    assert cells[2][0] == f"{value:.1f}" and "…" in cells[2][1]
    assert "16 / 2" in row.group(1)


def test_the_same_run_gives_the_same_page(page: str, arena: Arena, evaluated: StageResult, tmp_path: Path) -> None:
    again = write_report(arena.store, tmp_path, pretend_stages(arena) | {"evaluate": evaluated.key}).read_text()
    assert again == page


def test_a_run_that_is_not_evaluated_claims_nothing(arena: Arena, tmp_path: Path) -> None:
    page = write_report(arena.store, tmp_path, pretend_stages(arena)).read_text()
    assert "nothing is claimed" in page
    assert "<video" not in page and 'id="fidelity"' not in page


def test_names_from_the_data_are_escaped(arena: Arena, tmp_path: Path) -> None:
    hostile = dataclasses.replace(arena.candidate, name="x")
    keys = pretend_stages(dataclasses.replace(arena, candidate=hostile, dataset="<script>alert(1)</script>"))
    assert "<script>" not in write_report(arena.store, tmp_path, keys).read_text()


def test_an_unknown_key_is_an_error_that_names_the_stage(arena: Arena, tmp_path: Path) -> None:
    with pytest.raises(MissingObjectError, match="stage evaluate"):
        write_report(arena.store, tmp_path, {"evaluate": "0" * 64})
