"""What else the page offers: own images, a recording, help, and a label for everything that can be used."""

import io

import numpy as np
import pytest
from PIL import Image

from inference.generator import Generator, GeneratorConfig
from inference.server import ServeConfig
from tests.browser.frame_log import FrameLog, wait_until
from tests.inference.panning_world import HEIGHT, WIDTH, load_panning, panning_shape, start_image
from tests.inference.serving import panning_served, serving

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def address():
    with Generator(load_panning, panning_shape(), GeneratorConfig()) as generator:
        generator.wait_ready(60)
        with serving(generator, panning_served(fps=16.0), ServeConfig(port=0)) as found:
            yield found


@pytest.fixture
def log(page, address) -> FrameLog:
    log = FrameLog.of(page)
    page.goto(f"http://{address}/")
    page.wait_for_selector("#status[data-state=playing]")
    return log


def test_an_uploaded_picture_is_where_the_walk_begins(page, log, tmp_path):
    wait_until(page, lambda: log.session > 0)  # the walk that the page began with
    first = log.session
    path = tmp_path / "own.png"
    Image.fromarray(start_image(77)).resize((4 * WIDTH, 4 * HEIGHT), Image.Resampling.NEAREST).save(path)
    page.set_input_files("#upload", path)
    wait_until(page, lambda: log.session > first and 0 in log.walk(log.session))
    shown = np.asarray(Image.open(io.BytesIO(log.walk(log.session)[0][1])).convert("RGB"))
    assert np.abs(shown.astype(int) - start_image(77)).mean() < 12
    assert not page.query_selector("#starts [aria-checked=true]")


def test_a_file_that_is_no_picture_is_refused_on_the_page_and_the_game_goes_on(page, log, tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG broken")
    page.set_input_files("#upload", path)
    wait_until(page, lambda: "cannot be read as a picture" in page.inner_text("#message-text"))
    count = len(log.frames)
    wait_until(page, lambda: len(log.frames) > count + 4)


def test_a_recording_is_a_video_file(page, log):
    wait_until(page, lambda: len(log.frames) > 2)
    page.click("#record")
    assert page.get_attribute("#record", "aria-pressed") == "true"
    page.wait_for_timeout(1500)
    with page.expect_download() as download:
        page.click("#record")
    assert download.value.suggested_filename.endswith(".webm")
    data = download.value.path().read_bytes()
    assert data[:4] == b"\x1a\x45\xdf\xa3" and len(data) > 2000  # Matroska
    assert page.get_attribute("#record", "aria-pressed") == "false"


def test_help_opens_and_closes_by_key_and_steers_nothing(page, log):
    page.keyboard.press("h")
    assert page.is_visible("#keys")
    page.keyboard.press("w")
    page.keyboard.press("Escape")
    assert not page.is_visible("#keys")
    page.wait_for_timeout(500)
    assert page.inner_text("#hud-applied") in ("0", "–")


def test_everything_that_can_be_used_has_a_name(page, log):
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, textarea, canvas, [role]")].filter((element) => {
             const text = element.getAttribute("aria-label") || element.textContent.trim() || element.labels?.length
               || element.querySelector("img")?.alt || element.getAttribute("aria-labelledby");
             return !text && !["alert", "status"].includes(element.role) && !element.closest("#recalled");
           }).map((element) => element.outerHTML)"""
    )
    assert nameless == []


def test_nothing_is_loaded_from_elsewhere(page, address):
    elsewhere: list[str] = []
    page.on(
        "request",
        lambda request: None if request.url.startswith((f"http://{address}/", "blob:")) else elsewhere.append(request.url),
    )
    page.goto(f"http://{address}/")
    page.wait_for_selector("#status[data-state=playing]")
    assert elsewhere == []
