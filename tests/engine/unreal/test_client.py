"""The client against peers with the faults of which users of the stock client complain."""

import threading
from collections.abc import Callable, Iterator

import pytest

from engine.unreal.client import (
    CommandRefusedError,
    EngineGoneError,
    EngineSilentError,
    UnrealClient,
    binary_of,
    text_of,
)
from engine.unreal.wire import HEADER, IDS_RESERVED, MAGIC, MAX_ID, MAX_PAYLOAD, WireError, frame, reply_payload
from tests.engine.unreal.peer import Line, Peer, Script

Meet = Callable[..., UnrealClient]


@pytest.fixture
def meet() -> Iterator[Meet]:
    """Connect a client to a peer that plays the scripts."""
    open_things: list[UnrealClient | Peer] = []

    def connect(*scripts: Script, first_id: int = 0, reply_seconds: float = 5.0) -> UnrealClient:
        peer = Peer(*scripts)
        client = UnrealClient(peer.address, reply_seconds=reply_seconds, first_id=first_id)
        open_things.extend([client, peer])
        assert client.connect(5.0) == "Peer"
        return client

    yield connect
    for thing in open_things:
        thing.close()


def test_a_late_reply_is_not_taken_for_the_next_one(meet: Meet) -> None:
    asked_again = threading.Event()

    def script(line: Line) -> None:
        line.greet()
        first, _ = line.hear()
        second, _ = line.hear()
        asked_again.set()
        line.answer(first, b"late")
        line.answer(second, b"right")

    client = meet(script)
    with pytest.raises(EngineSilentError, match="first"):
        client.text("vget first", 0.05)
    assert client.text("vget second") == "right"
    assert asked_again.is_set()


def test_a_deadline_within_a_frame_loses_nothing(meet: Meet) -> None:
    def script(line: Line) -> None:
        line.greet()
        first, _ = line.hear()
        whole = reply_payload(first, b"x" * 1000)
        line.raw((frame(whole) + whole)[:500])
        second, _ = line.hear()
        line.raw((frame(whole) + whole)[500:])
        line.answer(second, b"right")

    client = meet(script)
    with pytest.raises(EngineSilentError):
        client.text("vget first", 0.2)
    assert client.text("vget second") == "right"


def test_a_cut_within_a_frame_is_told_and_connecting_again_helps(meet: Meet) -> None:
    def cut(line: Line) -> None:
        line.greet()
        number, _ = line.hear()
        line.raw(frame(reply_payload(number, b"x" * 1000)) + b"0:xxx")

    def good(line: Line) -> None:
        line.greet()
        line.answer(line.hear()[0], b"back")

    client = meet(cut, good)
    with pytest.raises(EngineGoneError, match="middle of a frame"):
        client.text("vget a")
    with pytest.raises(EngineGoneError, match="connect first"):
        client.text("vget b")
    client.connect(5.0)
    assert client.text("vget c") == "back"


def test_a_peer_that_never_answers_costs_the_deadline_only(meet: Meet) -> None:
    release = threading.Event()

    def script(line: Line) -> None:
        line.greet()
        release.wait(10)

    client = meet(script)
    with pytest.raises(EngineSilentError, match="did not answer"):
        client.text("vget a", 0.05)
    with pytest.raises(EngineSilentError):
        client.batch(["vget a", "vget b"], 0.05)
    release.set()


def test_a_peer_that_says_nothing_on_connecting_costs_the_deadline_only() -> None:
    release = threading.Event()
    peer = Peer(lambda line: (release.wait(10), None)[1])
    with pytest.raises(EngineSilentError):
        UnrealClient(peer.address, reply_seconds=5.0).connect(0.05)
    release.set()
    peer.close()


@pytest.mark.parametrize(
    "sent", [b"HTTP/1.1 400 Bad Request\r\n\r\n", HEADER.pack(MAGIC, 0), HEADER.pack(MAGIC, MAX_PAYLOAD + 1)]
)
def test_garbage_and_frames_of_impossible_length_end_the_connection(meet: Meet, sent: bytes) -> None:
    def script(line: Line) -> None:
        line.greet()
        line.hear()
        line.raw(sent)

    client = meet(script)
    with pytest.raises(WireError):
        client.text("vget a")
    with pytest.raises(EngineGoneError):
        client.text("vget b")


def test_a_reply_without_an_id_or_ahead_of_its_turn_is_refused(meet: Meet) -> None:
    def nameless(line: Line) -> None:
        line.greet()
        line.hear()
        line.say(b"no id here")

    def ahead(line: Line) -> None:
        line.greet()
        number, _ = line.hear()
        line.answer(number + 1, b"x")

    with pytest.raises(WireError, match="without an id"):
        meet(nameless).text("vget a")
    with pytest.raises(WireError, match="reorders"):
        meet(ahead).text("vget a")


def test_a_second_client_is_told_that_the_server_is_taken() -> None:
    peer = Peer(lambda line: line.say(b"only one client allowed"))
    with pytest.raises(WireError, match="another client"):
        UnrealClient(peer.address, reply_seconds=5.0).connect(5.0)
    peer.close()


def test_nobody_listening_is_told_at_once() -> None:
    peer = Peer()
    peer.close()
    with pytest.raises(EngineGoneError, match="no UnrealCV server"):
        UnrealClient(peer.address, reply_seconds=5.0).connect(5.0)


def test_bytes_that_happen_to_be_text_stay_bytes_and_errors_are_told_apart() -> None:
    readable = memoryview(b"BM all of this is valid UTF-8")
    assert bytes(binary_of("vget lit", readable, b"BM")) == b"BM all of this is valid UTF-8"
    with pytest.raises(CommandRefusedError, match="Invalid filename type"):
        binary_of("vget lit", memoryview(b"error Invalid filename type"), b"BM")
    with pytest.raises(CommandRefusedError, match="no text"):
        text_of("vget a", memoryview(b"\xff\xfe"))
    with pytest.raises(CommandRefusedError, match="error no"):
        text_of("vget a", memoryview(b"error no"))


def test_ids_begin_anew_on_a_new_connection_before_they_wrap(meet: Meet) -> None:
    seen: list[int] = []

    def script(line: Line) -> None:
        line.greet()
        while True:
            number, _ = line.hear()
            seen.append(number)
            line.answer(number, b"ok")

    client = meet(script, script, first_id=MAX_ID - IDS_RESERVED - 2)
    for _ in range(4):
        assert client.text("vget a") == "ok"
    assert seen == [MAX_ID - IDS_RESERVED - 2, 0, 1, 2]


def test_a_batch_announces_itself_and_gives_the_answers_in_order(meet: Meet) -> None:
    heard: list[str] = []

    def script(line: Line) -> None:
        line.greet()
        for _ in range(3):
            number, command = line.hear()
            heard.append(command)
            line.answer(number, b"ok" if command.startswith("vbatch") else command.encode())

    client = meet(script)
    assert [bytes(body) for body in client.batch(["vget a", "vget b"])] == [b"vget a", b"vget b"]
    assert heard == ["vbatch 2", "vget a", "vget b"]


def test_a_command_of_two_lines_is_not_sent(meet: Meet) -> None:
    with pytest.raises(ValueError, match="one line"):
        meet(lambda line: line.greet()).text("vget a\nvget b")
