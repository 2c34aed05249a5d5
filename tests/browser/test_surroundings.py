"""The page where users meet it: behind proxies, and on pages of strangers."""

import contextlib
import functools
import http.server
import json
import re
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.generator import Generator, GeneratorConfig
from inference.server import ServeConfig
from tests.browser.frame_log import wait_until
from tests.browser.prefix_proxy import PrefixProxy
from tests.inference.panning_world import load_panning, panning_shape
from tests.inference.serving import panning_served, serving

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def generator():
    with Generator(load_panning, panning_shape(), GeneratorConfig()) as generator:
        generator.wait_ready(60)
        yield generator


@pytest.fixture(scope="module")
def address(generator):
    with serving(generator, panning_served(fps=16.0), ServeConfig(port=0)) as found:
        yield found


@contextlib.contextmanager
def foreign_site(folder: Path) -> Iterator[str]:
    """Another site: its files on a port of its own, which is another origin."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def playing(address: str) -> int:
    with urllib.request.urlopen(f"http://{address}/health", timeout=20) as answer:
        return int(json.loads(answer.read())["playing"])


def wait_for_play(page) -> None:
    page.wait_for_selector("#status[data-state=playing]")
    wait_until(page, lambda: page.inner_text("#hud-frame") not in ("–", "0"))


@pytest.mark.parametrize("end", ["/", "", "/index.html"])
def test_the_page_plays_under_the_path_of_a_proxy(page, address, end):
    with PrefixProxy(target=address, own_host=False).running() as proxy:
        page.goto(f"http://{proxy.address}/proxy/x{end}")
        wait_for_play(page)
        assert page.locator("#starts button").count() == 3
        assert page.evaluate("document.querySelector('#starts img').naturalWidth") > 0
        page.goto("about:blank")


def test_a_page_whose_origin_is_not_known_is_told_what_allows_it_and_that_works(page, generator, address, caplog):
    with PrefixProxy(target=address, own_host=True).running() as proxy:
        origin = f"http://{proxy.address}"
        page.goto(f"{origin}/proxy/x/")
        page.wait_for_selector("#status[data-state=lost]")
        assert page.inner_text("#message-title") == "Connection refused"
        advice = f"--set 'serve.allowed_origins=[\"{origin}\"]'"
        assert advice in page.inner_text("#message-text") and playing(address) == 0
        lines = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
        assert len(lines) == 1 and advice in lines[0] and "\n" not in lines[0]
        followed = re.search(r"allowed_origins=\[\"(.+?)\"\]", page.inner_text("#message-text"))
        assert followed
        allowing = ServeConfig(port=0, allowed_origins=(followed[1],))
        with serving(generator, panning_served(fps=16.0), allowing) as proxy.target:
            page.reload()
            wait_for_play(page)
            page.goto("about:blank")


@pytest.mark.parametrize("path", ["/", "/index.html", "/player.js", "/none"])
def test_a_page_of_another_site_that_embeds_it_shows_nothing_and_takes_no_seat(page, address, tmp_path, path):
    (tmp_path / "index.html").write_text(f'<iframe width="900" height="700" src="http://{address}{path}"></iframe>')
    with foreign_site(tmp_path) as site:
        page.goto(site)
        page.wait_for_timeout(1000)
        inside = page.frames[1]
        assert inside.url.startswith("chrome-error:") and inside.locator("#screen").count() == 0
        assert playing(address) == 0


def test_a_site_that_is_allowed_may_embed_it(page, generator, tmp_path):
    with contextlib.ExitStack() as open_until_the_end:
        site = open_until_the_end.enter_context(foreign_site(tmp_path))
        allowing = ServeConfig(port=0, allowed_origins=(site,))
        address = open_until_the_end.enter_context(serving(generator, panning_served(fps=16.0), allowing))
        (tmp_path / "index.html").write_text(f'<iframe width="900" height="700" src="http://{address}/"></iframe>')
        page.goto(site)
        page.frame_locator("iframe").locator("#status[data-state=playing]").wait_for()
        page.goto("about:blank")
