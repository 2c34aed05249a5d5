"""The report in a real browser: it loads whole, alone, and its videos play."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inference.evaluate.evaluate import evaluate
from inference.evaluate.report import write_report
from tests.inference.evaluate.arena import SMALL_EVALUATION, build_arena, pretend_stages

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    arena = build_arena(folder)
    few = dataclasses.replace(SMALL_EVALUATION, arms=SMALL_EVALUATION.arms[:4])
    evaluated = evaluate(arena.candidate, arena.dataset, few, arena.store)
    return write_report(arena.store, folder / "home", pretend_stages(arena) | {"evaluate": evaluated.key})


@pytest.fixture()
def page(chromium: Any, report: Path) -> Iterator[Any]:
    """The opened report; every request it makes is noted in ``page.asked``, every complaint in ``page.complaints``."""
    opened = chromium.new_page(viewport={"width": 1280, "height": 900})
    opened.asked, opened.complaints = [], []
    opened.on("request", lambda request: opened.asked.append(request.url.split(",")[0]))
    opened.on("requestfailed", lambda request: opened.complaints.append(request.url[:100]))
    opened.on("console", lambda message: opened.complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.goto(report.as_uri())
    opened.wait_for_function("[...document.querySelectorAll('video')].every(v => v.readyState >= 2)")
    yield opened
    opened.close()


def test_the_page_needs_nothing_but_itself(page: Any, report: Path) -> None:
    assert page.complaints == []
    assert [url for url in page.asked if not url.startswith("data:")] == [report.as_uri()]


def test_the_first_line_says_what_came_from_where(page: Any) -> None:
    first = page.locator("#verdict li").first
    assert first.is_visible() and "base weights" in first.inner_text()
    assert page.locator("#verdict li.bad").count() > 0
    assert first.bounding_box()["y"] < 300  # in sight without scrolling


def test_every_video_has_its_length_and_plays(page: Any) -> None:
    videos = page.locator("video")
    assert videos.count() == SMALL_EVALUATION.plan.shown
    for number in range(videos.count()):
        video = videos.nth(number)
        assert video.evaluate("v => v.duration") == pytest.approx(33 / 16, abs=0.1)
        video.evaluate("v => { v.currentTime = 0; return v.play() }")
        page.wait_for_function("v => v.currentTime > 0.2", arg=video.element_handle())


def test_every_picture_is_drawn(page: Any) -> None:
    sizes = page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(sizes) == 3 and all(sizes)
    assert page.evaluate("[...document.querySelectorAll('svg')].every(plot => plot.getBoundingClientRect().height > 100)")


@pytest.mark.parametrize("width", [1280, 800])
def test_nothing_sticks_out_sideways(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_light_and_dark_pages_differ_and_stay_readable(page: Any) -> None:
    def brightness(scheme: str, colour: str) -> float:
        page.emulate_media(color_scheme=scheme)
        text = page.evaluate(f"getComputedStyle(document.body).{colour}")
        return sum(float(part) for part in text.removeprefix("rgb(").removesuffix(")").split(","))

    assert brightness("light", "backgroundColor") - brightness("light", "color") > 400
    assert brightness("dark", "color") - brightness("dark", "backgroundColor") > 400
