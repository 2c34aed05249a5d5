"""What becomes of the environment: proxies, settings of other programs, temporary files, and what is said of it."""

import os
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from infra.surroundings import RULES, cache_folder, describe, rule_of, settled_environment, shown
from tests.flows.conftest import command, worldloom

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def loopback() -> Iterator[str]:
    """The address of a server on loopback that greets."""

    class Greeting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Greeting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.mark.parametrize(
    "found",
    [
        {"http_proxy": NOBODY},
        {"HTTP_PROXY": NOBODY, "HTTPS_PROXY": NOBODY, "ALL_PROXY": NOBODY},
        {"http_proxy": NOBODY, "no_proxy": "[::1],fe80::/10, .intern"},
        {"http_proxy": NOBODY, "NO_PROXY": "*"},
        {"all_proxy": "socks5://127.0.0.1:9"},
        {"ALL_PROXY": "socks://127.0.0.1:9/"},
        {"http_proxy": "http://proxy:port", "https_proxy": "127.0.0.1:9"},
        {"http_proxy": NOBODY, "SSL_CERT_FILE": "/proc/nowhere/certificates.pem"},
    ],
)
def test_loopback_is_never_proxied_and_no_address_of_a_proxy_ends_a_client(
    found: dict[str, str], loopback: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    monkeypatch.setattr(os, "environ", settled_environment(bare | found))
    for address in (loopback, loopback.replace("127.0.0.1", "localhost")):
        with urllib.request.urlopen(address, timeout=5) as answer:
            assert answer.read() == b"hello"
        assert httpx.get(address, timeout=5).text == "hello"


def test_what_lies_elsewhere_still_goes_through_the_proxy() -> None:
    for found in ({"http_proxy": "http://proxy:3128"}, {"ALL_PROXY": "http://proxy:3128"}):
        settled = settled_environment(found)
        assert settled["HTTP_PROXY"] == settled["http_proxy"] == "http://proxy:3128"
    assert settled_environment({"https_proxy": "", "HTTPS_PROXY": "http://proxy:3128"}).get("https_proxy") is None
    assert "s3.intern" in settled_environment({"NO_PROXY": "s3.intern"})["no_proxy"].split(",")


def test_settings_of_other_programs_reach_none_of_ours() -> None:
    found = {
        "PREFECT_API_URL": "https://api.prefect.cloud",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql://team",
        "PREFECT__FLOW_RUN_ID": "4f1c",
        "WEB_CONCURRENCY": "4",
        "UVICORN_PORT": "80",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "GIT_DIR": "/elsewhere/.git",
        "PYTHONWARNINGS": "error",
    }
    found |= {"XDG_CONFIG_HOME": "relative", "XDG_RUNTIME_DIR": "", "SSL_CERT_FILE": "/proc/nowhere"}
    settled = settled_environment(found | {"AWS_REGION": "eu", "LANG": "C", "WHATEVER": "1"})
    assert not set(found) & set(settled)
    assert (settled["AWS_REGION"], settled["LANG"], settled["WHATEVER"], settled["PYTHONUTF8"]) == ("eu", "C", "1", "1")


def test_every_rule_says_why_and_none_is_hidden_by_an_earlier_one() -> None:
    for rule in RULES:
        assert rule.why
        for pattern in rule.names.split():
            assert rule_of(pattern.replace("*", "X")) is rule, pattern


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wJalr", "***"),
        ("PREFECT_API_KEY", "pnu_1", "***"),
        ("HTTPS_PROXY", "http://user:secret@proxy:3128", "http://***@proxy:3128"),
        ("http_proxy", "user:secret@proxy:3128", "***@proxy:3128"),
        ("AWS_ENDPOINT_URL", "http://s3/?token=abc&x=1", "http://s3/?token=***&x=1"),
        ("TMPDIR", "/tmp/a\nb", "/tmp/a b"),
        ("AWS_REGION", "eu-1", "eu-1"),
    ],
)
def test_what_is_printed_of_a_value_opens_no_door(name: str, value: str, said: str) -> None:
    assert shown(name, value) == said


def test_doctor_says_what_becomes_of_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"http_proxy": NOBODY, "PREFECT_PROFILE": "cloud", "ALL_PROXY": "socks5://h:1", "X": "1"})
    said = {name: (value, fate) for name, value, fate in describe()}
    assert set(said) == {"http_proxy", "PREFECT_PROFILE", "ALL_PROXY"}
    assert said["http_proxy"][1].startswith("honoured: ")
    assert said["PREFECT_PROFILE"] == ("cloud", "ignored: a run sees the settings of its own server alone")
    assert said["ALL_PROXY"][1].startswith("ignored: ")


@pytest.mark.parametrize("name", ["TMPDIR", "TMP"])
def test_a_folder_for_temporary_files_that_is_not_there_is_named(name: str) -> None:
    done = worldloom("--version", environment={"TMPDIR": "", name: "/proc/nowhere/tmp"})
    assert done.returncode == 0
    assert (
        done.stderr
        == f"worldloom: {name}=/proc/nowhere/tmp is no folder that can be written; /tmp holds temporary files instead\n"
    )


def test_nowhere_to_write_temporary_files_is_one_line(tmp_path: Path) -> None:
    script = "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/proc/nowhere']; from flows.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "worldloom: no temporary file can be written; set TMPDIR to a folder with room\n",
    )


@pytest.mark.parametrize("home", ["", "relative"])
def test_without_a_home_the_users_own_stands_in(home: str) -> None:
    done = worldloom("--version", environment={"HOME": home})
    assert done.returncode == 0
    assert done.stderr.startswith("worldloom: HOME is not set; ") and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_names_beyond_ascii_work_in_any_locale(encoding: str, tmp_path: Path) -> None:
    odd = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": encoding}
    home = tmp_path / "höme-世界"
    (home / "store").mkdir(parents=True)
    done = subprocess.run(command("play", "--home", home), env=os.environ | odd, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    said = done.stderr.decode(encoding if encoding == "latin-1" else "utf-8")  # click speaks UTF-8 where it is told ASCII
    assert said.startswith("worldloom: nothing is released in ") and "höme" in said and len(said.splitlines()) == 1


def test_a_warning_of_a_library_ends_no_command(tmp_path: Path) -> None:
    script = "import warnings; from infra.surroundings import settle; settle(); warnings.warn('old'); print('on')"
    settings = os.environ | {"PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, "-c", script], env=settings, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "on\n", "")


def test_what_can_be_fetched_again_is_kept_where_it_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / ".cache"
    monkeypatch.setenv("HOME", "/proc/nowhere")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = cache_folder()
    assert kept.parent == tmp_path and kept.stat().st_mode & 0o077 == 0 and cache_folder() == kept
    kept.rmdir()
    kept.symlink_to(tmp_path)  # as somebody might who wants to be read
    assert cache_folder() not in (kept, tmp_path)
