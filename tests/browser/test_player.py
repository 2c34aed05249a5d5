"""The page in a real Chromium, over the panning world and over the weights that ship."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from inference.frame_ring import RingShape
from inference.generator import Generator, GeneratorConfig
from inference.served import NOT_RELEASED, read_served_world
from inference.server import ServeConfig
from inference.session import BundleLoader
from infra.flow import dense_flow, to_grey
from tests.browser.frame_log import FrameLog, wait_until
from tests.inference.panning_world import FRAMES, load_panning, panning_shape
from tests.inference.serving import panning_served, serving

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.alone, pytest.mark.timeout(900)]

HUD = ("hud-fps", "hud-latency", "hud-segment", "hud-frame", "hud-applied", "hud-dropped", "hud-model")


@pytest.fixture(scope="module")
def address():
    with Generator(load_panning, panning_shape(), GeneratorConfig()) as generator:
        generator.wait_ready(60)
        with serving(generator, panning_served(banner=NOT_RELEASED, fps=16.0), ServeConfig(port=0)) as found:
            yield found


@pytest.fixture(scope="module")
def real_address(shipped_bundle):
    store, digest = shipped_bundle
    world = read_served_world(store, digest, released=True)
    shape = RingShape(seats=2, frames=world.segment_frames, height=world.height, width=world.width)
    with Generator(BundleLoader(store=store.uri, digest=digest), shape) as generator:
        generator.wait_ready(120)
        with serving(generator, world, ServeConfig(port=0)) as found:
            yield found


def open_page(page, address: str) -> None:
    page.goto(f"http://{address}/")
    page.wait_for_selector("#status[data-state=playing]")
    wait_until(page, lambda: shown(page, "hud-frame") >= 0)


def shown(page, name: str) -> float:
    """A number of the HUD, NaN before there is one."""
    text = page.inner_text(f"#{name}")
    return float("nan") if text == "–" else float(text)


def test_a_key_moves_the_action_that_is_shown_and_the_hud_has_numbers(page, address, tmp_path):
    log = FrameLog.of(page)
    open_page(page, address)
    assert "not released" in page.inner_text("#banner")
    page.keyboard.down("w")
    wait_until(page, lambda: shown(page, "hud-applied") >= 1)
    held = shown(page, "hud-applied")
    page.keyboard.up("w")
    wait_until(page, lambda: shown(page, "hud-applied") > held)
    assert all(np.isfinite(shown(page, name)) for name in HUD)
    assert shown(page, "hud-fps") > 2 and shown(page, "hud-latency") > 0
    assert log.frames[-1][0].applied == shown(page, "hud-applied")
    picture = tmp_path / "player.png"
    page.screenshot(path=picture)
    assert np.asarray(Image.open(picture).convert("L")).std() > 10


def test_a_tap_shorter_than_a_segment_is_not_lost(page, address):
    log = FrameLog.of(page)
    open_page(page, address)
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(900)
    applied = [header.applied for header, _ in log.frames]
    assert {1, 3, 5} <= set(applied)  # odd numbers press, even ones release


def test_reset_and_another_start_begin_a_new_walk(page, address):
    log = FrameLog.of(page)
    open_page(page, address)
    first = log.session
    page.keyboard.press("r")
    wait_until(page, lambda: log.session > first)
    second = log.session
    page.click("#starts button:nth-child(3)")
    wait_until(page, lambda: log.session > second)
    assert page.get_attribute("#starts button:nth-child(3)", "aria-checked") == "true"
    assert log.walk(log.session)[0][1] != log.walk(second)[0][1]


def test_pause_stops_frames_and_typing_a_prompt_steers_nothing(page, address):
    log = FrameLog.of(page)
    open_page(page, address)
    page.fill("#prompt", "")
    page.type("#prompt", "wasd")
    assert page.input_value("#prompt") == "wasd"
    page.wait_for_timeout(800)
    assert shown(page, "hud-applied") == 0
    page.click("#pause")
    page.wait_for_timeout(1500)
    paused = len(log.frames)
    page.wait_for_timeout(1000)
    assert len(log.frames) == paused and log.frames[-1][0].frame % FRAMES == 0
    page.click("#pause")
    wait_until(page, lambda: len(log.frames) > paused)


def test_the_page_says_so_when_the_server_goes_away(page):
    with Generator(load_panning, panning_shape(), GeneratorConfig()) as generator:
        generator.wait_ready(60)
        with serving(generator, panning_served(), ServeConfig(port=0)) as gone:
            open_page(page, gone)
        page.wait_for_selector("#status[data-state=lost]")
        assert page.is_visible("#message-button")


def test_same_start_and_seed_without_keys_twice_gives_identical_frames(page, real_address):
    log = FrameLog.of(page)
    open_page(page, real_address)
    wait_until(page, lambda: len(log.walk(log.session)) > 16)
    first = log.session
    page.click("#reset")
    wait_until(page, lambda: log.session > first and len(log.walk(log.session)) > 16)
    once, twice = log.walk(first), log.walk(log.session)
    both = once.keys() & twice.keys()
    assert len(both) >= 16 and all(once[number][1] == twice[number][1] for number in both)


def test_turning_right_and_left_move_the_picture_in_opposite_directions(page, real_address):
    log = FrameLog.of(page)
    open_page(page, real_address)
    opposite = []
    for start in range(10):
        flows = [_turn(page, log, start, key) for key in ("e", "q")]
        opposite.append(flows[0] < 0 < flows[1])  # turning right, the world goes left
    assert sum(opposite) >= 8, opposite


def _turn(page, log: FrameLog, start: int, key: str) -> float:
    """Median horizontal flow, in pixels a frame, of a segment during which ``key`` was held."""
    before = log.session
    page.click(f"#starts button:nth-child({start + 1})")
    wait_until(page, lambda: log.session > before and log.frames[-1][0].frame > 0)
    session, applied = log.session, log.frames[-1][0].applied
    page.keyboard.down(key)

    def turned() -> list[bytes]:
        return [jpeg for _, (header, jpeg) in sorted(log.walk(session).items()) if header.applied > applied]

    wait_until(page, lambda: len(turned()) >= 8)
    page.keyboard.up(key)
    grey = [to_grey(np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))) for jpeg in turned()[:8]]
    flows = [dense_flow(one, two)[..., 0] for one, two in itertools.pairwise(grey)]
    return float(np.median(flows))
