import errno
import multiprocessing
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.digest import sha256_of
from infra.errors import WorldloomError
from infra.local_store import LocalStore
from infra.s3_store import S3Store
from infra.store import CorruptObjectError, MissingObjectError, Store, StoreFullError, StoreUnreachableError, open_store

ABSENT = "0" * 64 + ".json"


def test_an_object_is_named_by_its_content_and_suffix(store: Store) -> None:
    assert store.put_bytes(b"hello", ".json") == f"{sha256_of(b'hello')}.json"
    assert store.put_bytes(b"hello", "json") == f"{sha256_of(b'hello')}.json"


def test_what_was_put_is_read_back_and_lies_in_a_local_file(store: Store) -> None:
    name = store.put_bytes(b"frames", "mp4")
    assert store.get_bytes(name) == b"frames"
    assert store.local_path(name).read_bytes() == b"frames"
    assert store.local_path(name).suffix == ".mp4"
    assert store.exists(name)


def test_a_file_keeps_its_suffix_and_its_original(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "depth.mkv"
    path.write_bytes(bytes(range(256)) * 1000)
    name = store.put_file(path)
    assert name.endswith(".mkv")
    assert store.get_bytes(name) == path.read_bytes()
    assert store.put_file(path, ".bin").endswith(".bin")


def test_putting_twice_is_the_same_as_putting_once(store: Store) -> None:
    assert store.put_bytes(b"x", "json") == store.put_bytes(b"x", "json")


def test_an_absent_object_is_named_with_what_to_do(store: Store) -> None:
    assert not store.exists(ABSENT)
    for read in (store.get_bytes, store.local_path):
        with pytest.raises(MissingObjectError, match=f"{ABSENT}.*--fresh"):
            read(ABSENT)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "abc.json", "A" * 64])
def test_only_digests_are_object_names(local_store: Store, name: str) -> None:
    with pytest.raises(ValueError, match="not an object name"):
        local_store.get_bytes(name)


def test_a_pointer_moves_and_says_nothing_before_it_is_set(store: Store) -> None:
    assert store.get_named("releases/current") is None
    store.put_named("releases/current", b"one")
    store.put_named("releases/current", b"two")
    assert store.get_named("releases/current") == b"two"


def test_a_pointer_is_swapped_only_from_what_was_expected(store: Store) -> None:
    assert store.swap_named("current", None, b"one")
    assert not store.swap_named("current", None, b"two")
    assert not store.swap_named("current", b"other", b"two")
    assert store.swap_named("current", b"one", b"two")
    assert store.get_named("current") == b"two"
    assert not store.swap_named("absent", b"one", b"two")


def test_a_pointer_cannot_leave_the_store(local_store: Store) -> None:
    with pytest.raises(ValueError, match="not a pointer name"):
        local_store.put_named("../outside", b"")


def _swap(uri: str, number: int) -> bool:
    return open_store(uri).swap_named("winner", None, str(number).encode())


def test_of_many_swaps_at_once_one_wins(local_store: Store) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        won = pool.starmap(_swap, [(local_store.uri, number) for number in range(8)])
    assert sum(won) == 1
    assert local_store.get_named("winner") == str(won.index(True)).encode()


@given(data=st.binary(max_size=2000), suffix=st.sampled_from(["json", "bin", ""]))
def test_any_bytes_come_back(tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str) -> None:
    store = LocalStore(tmp_path_factory.getbasetemp() / "any")
    assert store.get_bytes(store.put_bytes(data, suffix)) == data


def test_a_damaged_object_is_named_and_mended_by_putting_it_again(local_store: Store) -> None:
    name = local_store.put_bytes(b"whole", "json")
    local_store.local_path(name).write_bytes(b"whale")
    for read in (local_store.get_bytes, local_store.local_path):
        with pytest.raises(CorruptObjectError, match=name):
            read(name)
    local_store.put_bytes(b"whole", "json")
    assert local_store.get_bytes(name) == b"whole"


def test_no_temporary_file_stays_and_old_ones_of_killed_writers_are_swept(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_bytes(b"x", "json")
    assert list(store.scratch().glob("*.part")) == []
    stale, recent = store.scratch() / "1-a.part", store.scratch() / "1-b.part"
    for path in (stale, recent):
        path.write_bytes(b"half")
    os.utime(stale, (time.time() - 2 * 24 * 3600,) * 2)
    LocalStore(tmp_path).get_named("current")
    assert stale.exists()  # who only reads deletes nothing
    LocalStore(tmp_path).put_bytes(b"y", "json")
    assert not stale.exists()
    assert recent.exists()


def test_a_full_disk_names_folder_and_bytes_and_leaves_nothing(local_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFullError, match=r"no space left in .*tmp: 5 bytes are needed"):
        local_store.put_bytes(b"12345", "json")
    assert list(local_store.scratch().glob("*.part")) == []
    assert not local_store.exists(f"{sha256_of(b'12345')}.json")


@pytest.mark.parametrize("uri", ["gs://bucket/x", "http://host/x"])
def test_an_unknown_kind_of_store_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="neither a folder nor s3"):
        open_store(uri)


def _s3_variables(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def test_an_s3_endpoint_that_refuses_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        _s3_variables(monkeypatch, endpoint)
        began = time.monotonic()
        with pytest.raises(StoreUnreachableError, match=f"{endpoint} does not answer") as caught:
            S3Store("s3://bucket/prefix", home=tmp_path)
        assert time.monotonic() - began < 12
        assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_an_s3_endpoint_that_stays_silent_is_named_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        address = silent.getsockname()
        with socket.socket() as first, socket.socket() as second:  # fill the queue, so that connecting hangs
            first.connect(address)
            second.setblocking(False)
            second.connect_ex(address)
            _s3_variables(monkeypatch, f"http://127.0.0.1:{address[1]}")
            began = time.monotonic()
            with pytest.raises(StoreUnreachableError, match="does not answer"):
                S3Store("s3://bucket/prefix", home=tmp_path)
            assert time.monotonic() - began < 14


def test_s3_without_credentials_says_which_variables_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreUnreachableError, match="AWS_ACCESS_KEY_ID"):
        S3Store("s3://bucket", home=tmp_path)


@pytest.mark.slow
def test_a_bucket_that_does_not_exist_is_named(s3_server: str, tmp_path: Path) -> None:
    with pytest.raises(StoreUnreachableError, match="bucket absent does not exist"):
        S3Store("s3://absent/prefix", home=tmp_path)


@pytest.mark.slow
def test_wrong_credentials_are_named(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone-else")
    with pytest.raises(StoreUnreachableError, match="refuses the credentials"):
        S3Store("s3://worldloom/prefix", home=tmp_path)


class _BusyHandler(BaseHTTPRequestHandler):
    """A server that finds everything and takes nothing."""

    def do_HEAD(self) -> None:
        self.send_response(200 if self.path.count("/") < 2 else 404)
        self.end_headers()

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_error(503, "SlowDown")

    def log_message(self, *_: object) -> None:
        pass


def test_an_s3_server_that_refuses_to_take_a_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "video.mp4").write_bytes(b"frames")
    with ThreadingHTTPServer(("127.0.0.1", 0), _BusyHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _s3_variables(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        store = S3Store("s3://bucket", home=tmp_path / "cache")
        for put in (lambda: store.put_file(tmp_path / "video.mp4"), lambda: store.put_bytes(b"frames", "mp4")):
            with pytest.raises(StoreUnreachableError, match=f"127.0.0.1:{server.server_port}"):
                put()
        server.shutdown()


@pytest.mark.slow
def test_downloads_from_s3_stay_within_their_room(s3_store_uri: str, tmp_path: Path) -> None:
    store = S3Store(s3_store_uri, home=tmp_path / "cache", cache_bytes=3000)
    names = [store.put_bytes(bytes([number]) * 1000, "bin") for number in range(5)]
    for number, name in enumerate(names):
        path = store.local_path(name)
        os.utime(path, (number, number))
    cached = sorted(path.name for path in (tmp_path / "cache").glob("objects/*/*"))
    assert cached == sorted(names[2:])
    assert store.local_path(names[0]).read_bytes() == bytes(1000)


@pytest.mark.slow
def test_a_file_in_many_parts_arrives_whole(s3_store_uri: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(os.urandom(1 << 20) * 70)
    store = open_store(s3_store_uri)
    name = store.put_file(path)
    assert store.local_path(name).stat().st_size == path.stat().st_size


def test_every_failure_of_a_store_is_one_that_the_command_line_prints() -> None:
    for kind in (MissingObjectError, CorruptObjectError, StoreFullError, StoreUnreachableError):
        assert issubclass(kind, WorldloomError)
        assert str(kind("one line")) == "one line"
