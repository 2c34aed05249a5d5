"""An episode's page in a real browser: it draws the frame that the video shows, plays, and asks for nothing outside."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from engine.embedded.render import egl_available
from engine.games.doom import FPS
from engine.job import Job, scene_seed
from engine.record import record_job
from engine.show.page import write_page
from infra.episodes import Recording, read_episode, write_episode
from infra.store import open_store
from tests.requirements import require

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.alone]
FRAMES = 48


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recording, int]:
    """The page of an episode with masks, what was recorded, and a frame that shows several things."""
    folder = tmp_path_factory.mktemp("masked")
    job = Job(
        source="vizdoom", family="doom", split="train", scene_seed=scene_seed("doom", "train", 1, 0), walk="explore", seed=1,
        frames=FRAMES, width=640, height=360, fps=FPS, renderer="vizdoom",
    )  # fmt: skip
    store = open_store(folder / "store")
    recording = record_job(job)
    episode = write_episode(store, recording)
    assert recording.mask is not None
    frame = max(range(FRAMES), key=[len(np.unique(mask)) for mask in recording.mask].__getitem__)
    return write_page(store, episode, folder / "page.html"), recording, frame


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The page of a short episode, and its rows."""
    require(egl_available(), "EGL rendering")
    folder = tmp_path_factory.mktemp("show")
    job = Job(
        source="embedded", family="park", split="train", scene_seed=scene_seed("park", "train", 0, 5), walk="explore", seed=0,
        frames=FRAMES, width=224, height=128, fps=16.0, renderer="egl",
    )  # fmt: skip
    store = open_store(folder / "store")
    episode = write_episode(store, record_job(job))
    return write_page(store, episode, folder / "page.html"), read_episode(store, episode)[0]


def test_what_is_drawn_belongs_to_the_frame_that_the_video_shows(page: Any, shown: tuple[Path, Any]) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.split(",")[0][:40]))
    page.goto(shown[0].as_uri())
    page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.readyState >= 2)")
    for frame in (0, 17, FRAMES - 1):
        page.evaluate(f"show({frame})")
        page.wait_for_function(f"Math.floor(document.getElementById('video').currentTime * data.fps) === {frame}")
        assert page.inner_text("#now").startswith(f"frame {frame} · tick {shown[1].tick[frame]}")
    assert all(url.startswith(("file:", "data:")) for url in asked), asked


def test_it_plays_to_the_end_and_depth_goes_along(page: Any, shown: tuple[Path, Any]) -> None:
    page.goto(shown[0].as_uri())
    page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.readyState >= 2)")
    page.click("#play")
    page.wait_for_function("document.getElementById('video').ended")
    page.wait_for_function(f"shown === {FRAMES - 1}")
    apart = page.evaluate("Math.abs(document.getElementById('video').currentTime - document.getElementById('depth').currentTime)")
    assert apart < 2 / 16


def test_where_it_stops_depth_stands_too(page: Any, shown: tuple[Path, Any]) -> None:
    page.goto(shown[0].as_uri())
    page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.readyState >= 2)")
    for _ in range(4):  # where its clock stands, the browser may show the frame after
        page.evaluate("video.play()")
        page.wait_for_function(f"shown > {FRAMES // 8}")
        page.evaluate("video.pause()")
        page.wait_for_function("video.paused && !depth.seeking")
        page.evaluate("new Promise(done => setTimeout(done, 200))")  # a frame may be told late
        assert page.evaluate("Math.floor(depth.currentTime * data.fps) - shown") == 0
        page.evaluate("show(0)")
        page.wait_for_function("shown === 0 && !video.seeking")


@pytest.mark.parametrize("late", [False, True])
def test_the_end_is_the_last_frame_though_the_browser_skips_it_or_tells_of_another_late(
    page: Any, shown: tuple[Path, Any], late: bool
) -> None:
    page.goto(shown[0].as_uri())
    page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.readyState >= 2)")
    page.evaluate("skipped = 0; video.requestVideoFrameCallback = () => ++skipped; show(3)")
    page.wait_for_function("skipped > 0")  # the one that was asked for; no other comes
    page.click("#play")
    page.wait_for_function("video.ended")
    page.wait_for_function(f"shown === {FRAMES - 1}")
    if late:
        page.evaluate("follow(0, { mediaTime: 20 / data.fps })")
    assert page.inner_text("#now").startswith(f"frame {FRAMES - 1} ")


def test_the_things_of_the_frame_are_named_in_the_colours_that_they_have(page: Any, masked: tuple[Path, Recording, int]) -> None:
    path, recording, frame = masked
    assert recording.mask is not None
    mask = recording.mask[frame]
    greatest = np.bincount(mask[mask > 0]).argmax()
    y, x = np.argwhere(binary_erosion(mask == greatest, np.ones((5, 5))))[0].tolist()  # its colour, no edge's
    page.goto(path.as_uri())
    page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.readyState >= 2)")
    page.evaluate(f"show({frame})")
    page.wait_for_function(f"Math.floor(document.getElementById('mask').currentTime * data.fps) === {frame} && !mask.seeking")
    named = page.locator("#things li").all_inner_texts()
    assert len(named) > 2 and named[0] == recording.scene["mask_names"][str(greatest)]
    shown, wanted = page.evaluate(
        """([frame, x, y]) => {
        const pen = new OffscreenCanvas(640, 360).getContext("2d");
        pen.drawImage(document.getElementById("mask"), 0, 0, 640, 360);
        return [[...pen.getImageData(x, y, 1, 1).data].slice(0, 3), data.things[frame][0][1]];
    }""",
        [frame, x, y],
    )
    assert np.abs(np.array(shown) - list(bytes.fromhex(wanted[1:]))).max() < 24, "it is painted in another colour than its name"


def test_a_click_on_the_time_line_goes_there(page: Any, shown: tuple[Path, Any]) -> None:
    page.goto(shown[0].as_uri())
    page.wait_for_function("document.getElementById('video').readyState >= 2")
    box = page.locator("#timeline").bounding_box()
    page.locator("#timeline").click(position={"x": 58 + (box["width"] - 58) / 2, "y": 20})
    page.wait_for_function(f"shown === {FRAMES // 2}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_in_light_and_dark(page: Any, shown: tuple[Path, Any], scheme: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme=scheme)
    page.goto(shown[0].as_uri())
    page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.readyState >= 2)")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) > 384) == (scheme == "light")
