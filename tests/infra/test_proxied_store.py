"""Stores on S3 and proxies: what lies on loopback is never proxied, what lies elsewhere is, by all that talks to it."""

import http.client
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ELSEWHERE = "http://s3.intern:8333"  # which nobody can find but the proxy
SCRIPT = """
import sys
from infra.surroundings import settle
settle()
import pyarrow
from infra.store import open_store
from infra.tables import append_rows, read_rows
store = open_store(sys.argv[1])
assert store.get_bytes(store.put_bytes(b"frame", ".bin")) == b"frame"
append_rows(store, "readings", pyarrow.table({"count": [3]}))
assert read_rows(store, "readings").to_pylist() == [{"count": 3}]
"""


class Proxy(ThreadingHTTPServer):
    """Takes whatever it is asked for from one server, and remembers who asked for which."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(("127.0.0.1", 0), Forwarding)
        self.endpoint, self.seen = urlsplit(endpoint).netloc, list[tuple[str, str]]()


class Forwarding(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def do_any(self) -> None:
        asked = urlsplit(self.path)
        self.server.seen.append((asked.netloc, self.headers.get("User-Agent", "")))
        link = http.client.HTTPConnection(self.server.endpoint)
        link.putrequest(self.command, asked._replace(scheme="", netloc="").geturl(), skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            link.putheader(name, value)
        link.endheaders(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        answer = link.getresponse()
        body = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", answer.getheader("Content-Length", "0") if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = do_any  # noqa: N815 — as the base class finds them

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def proxy(s3_server: str) -> Iterator[Proxy]:
    with Proxy(s3_server) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        serving.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("elsewhere", [True, False])
def test_only_a_store_that_lies_elsewhere_goes_through_the_proxy(
    name: str, elsewhere: bool, proxy: Proxy, s3_store_uri: str, tmp_path: Path
) -> None:
    address = f"http://127.0.0.1:{proxy.server_port}"
    settings = os.environ | {name: address} | ({"AWS_ENDPOINT_URL": ELSEWHERE} if elsewhere else {})
    done = subprocess.run([sys.executable, "-c", SCRIPT, s3_store_uri], env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {host for host, _ in proxy.seen} == ({urlsplit(ELSEWHERE).netloc} if elsewhere else set())
    if elsewhere:  # objects by boto3, tables by delta-rs
        assert len({agent.lower().startswith("boto3") for _, agent in proxy.seen}) == 2
