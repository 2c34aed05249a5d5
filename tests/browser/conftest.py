"""Chromium, and a bundle of the weights that ship, with ten recorded places to start from."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.embedded.render import egl_available
from engine.job import Job, scene_seed
from engine.record import record_job
from flows.bundle import shipped_bundle as offer_shipped
from infra.datasets import put_bundle
from infra.local_store import LocalStore
from infra.schema import Bundle
from modeling.distil import DistilConfig
from modeling.train import TrainConfig
from tests.requirements import require_program

CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    program = require_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(CHROMIUM_OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium) -> Iterator[Any]:
    """A fresh page; an error in its scripts fails the test."""
    errors: list[str] = []
    page = chromium.new_page(viewport={"width": 1360, "height": 820})
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(60_000)
    yield page
    page.close()
    assert not errors


@pytest.fixture(scope="session")
def shipped_bundle(tmp_path_factory) -> tuple[LocalStore, str]:
    """Store and digest of a bundle made of the shipped weights; it starts in parks that training never saw."""
    store = LocalStore(Path(tmp_path_factory.mktemp("shipped")))
    places = Bundle(
        name="",
        autoencoder="",
        denoiser="",
        denoiser_int8="",
        dataset="",
        profile="tiny",
        width=224,
        height=128,
        fps=16.0,
        parents=(),
        start_images=tuple(_record_start(store, number) for number in range(10)),
        start_prompts=("A park in daylight.",) * 10,
    )
    bundle = offer_shipped(store, places, TrainConfig(), DistilConfig())
    assert bundle is not None
    return store, put_bundle(store, bundle)


def _record_start(store: LocalStore, number: int) -> str:
    job = Job(
        source="embedded",
        family="park",
        split="test",
        scene_seed=scene_seed("park", "test", number, 0),
        walk="idle",
        seed=0,
        frames=2,
        width=224,
        height=128,
        fps=16.0,
        renderer="egl" if egl_available() else "software",
    )
    buffer = io.BytesIO()
    Image.fromarray(record_job(job).rgb[0]).save(buffer, "PNG")
    return store.put_bytes(buffer.getvalue(), ".png")
