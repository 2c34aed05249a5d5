"""The telemetry protocol: torn lines, restarts, clocks that jump and lies from outside."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.games.titles.telemetry import (
    MAX_BAD_LINES,
    MAX_LINE_BYTES,
    ClockMap,
    Header,
    Sample,
    TelemetryError,
    TelemetryReader,
    parse_line,
)


def header(session: str = "a1", part: int = 0, title: str = "gta_v") -> bytes:
    return json.dumps({"worldloom": 1, "title": title, "session": session, "part": part}).encode() + b"\n"


def sample(number: int, clock: float | None = None, **more: Any) -> bytes:
    values: dict[str, Any] = {
        "frame": number,
        "clock": number / 60 if clock is None else clock,
        "pos": [1, 2, 3],
        "rot": [0, 0, 0],
    }
    return json.dumps(values | {"fov": 50, "state": "play"} | more).encode() + b"\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "worldloom.jsonl"


def frames(reader: TelemetryReader) -> list[int]:
    return [received.sample.frame for received in reader.poll()]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_lines_come_as_they_are_written_and_torn_ones_wait_for_their_rest(path: Path) -> None:
    with TelemetryReader(path, "gta_v") as reader:
        assert frames(reader) == []
        append(path, header() + sample(1) + sample(2)[:20])
        assert frames(reader) == [1]
        append(path, sample(2)[20:])
        assert frames(reader) == [2]
        assert not reader.faults


def test_a_reader_that_joins_late_starts_at_the_end(path: Path) -> None:
    append(path, header() + b"".join(sample(n) for n in range(500)) + sample(500)[:9])
    with TelemetryReader(path, "gta_v") as reader:
        assert frames(reader) == []
        append(path, sample(500)[9:] + sample(501))
        assert frames(reader) == [500, 501]
        assert reader.header == Header(worldloom=1, title="gta_v", session="a1")


def test_a_game_that_restarts_begins_another_epoch(path: Path) -> None:
    append(path, header("a1") + sample(7))
    with TelemetryReader(path, "gta_v") as reader:
        reader.poll()
        before = reader.epoch
        path.write_bytes(header("b2") + b"".join(sample(n) for n in range(3)))  # longer than what was read of the old one
        assert frames(reader) == [0, 1, 2]
        assert reader.epoch == before + 1
        path.unlink()
        path.write_bytes(header("c3") + sample(4))
        assert frames(reader) == [4]
        assert reader.epoch == before + 2


def test_the_next_part_of_a_session_goes_on_in_the_same_epoch(path: Path) -> None:
    with TelemetryReader(path, "gta_v") as reader:
        append(path, header() + sample(1))
        reader.poll()
        epoch = reader.epoch
        path.write_bytes(header(part=1) + sample(2))
        assert frames(reader) == [2]
        assert reader.epoch == epoch


def test_a_clock_that_goes_back_begins_another_epoch_and_time_is_mapped_anew(path: Path) -> None:
    clocks = ClockMap()
    with pytest.raises(ValueError, match="no telemetry yet"):
        clocks.ours(0.0)
    with TelemetryReader(path, "gta_v") as reader:
        append(path, header() + sample(1, clock=1000.0))
        for received in reader.poll():
            clocks.add(received)
            assert clocks.ours(1000.5) == pytest.approx(received.arrival + 0.5)
        append(path, sample(2, clock=3.0))
        for received in reader.poll():
            clocks.add(received)
            assert clocks.ours(3.0) == pytest.approx(received.arrival)
        assert reader.epoch == 2
        assert reader.faults["clock went back"] == 1


def test_the_least_delay_maps_the_clock(path: Path) -> None:
    clocks = ClockMap()
    with TelemetryReader(path, "gta_v") as reader:
        append(path, header() + sample(1, clock=10.0) + sample(2, clock=9.0 + 1.5))
        received = reader.poll()
        for each in received:
            clocks.add(each)
        assert clocks.ours(10.5) == pytest.approx(received[0].arrival)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"fov": 1e400}, "no JSON|finite"),
        ({"fov": 0}, "fov"),
        ({"fov": True, "frame": "x"}, "frame"),
        ({"pos": [1, 2]}, "pos"),
        ({"pos": [1, 2, 1e30]}, "pos"),
        ({"rot": [1] * 7}, "rot"),
        ({"state": "asleep"}, "state"),
        ({"frame": -1}, "frame"),
        ({"frame": 2**60}, "frame"),
        ({"clock": -1}, "clock"),
        ({"keys": [1, 0, 0]}, "keys"),
        ({"keys": [5, 0, 0, 0, 0, 0]}, "keys"),
        ({"player": [None, 0, 0]}, "player"),
    ],
)
def test_values_from_outside_are_checked(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse_line(sample(1, **change))


def test_what_a_plugin_may_add_later_is_passed_over() -> None:
    found = parse_line(sample(3, wind=[1, 2], keys=[1, 0, 0, 0, 0, -1]))
    assert isinstance(found, Sample) and found.frame == 3 and found.keys == (1, 0, 0, 0, 0, -1)


def test_another_version_is_refused_with_the_fix() -> None:
    with pytest.raises(ValueError, match=r"version 2, this reads 1; install"):
        parse_line(b'{"worldloom": 2, "title": "gta_v", "session": "a"}')


@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    try:
        parse_line(data)
    except ValueError as error:
        assert "\n" not in str(error)


def test_deep_nesting_and_endless_lines_are_only_faults(path: Path) -> None:
    with TelemetryReader(path, "gta_v") as reader:
        append(path, header() + b"[" * (MAX_LINE_BYTES - 1) + b"\n" + b"x" * (3 * MAX_LINE_BYTES))
        assert frames(reader) == []
        append(path, b"\n" + sample(1))
        assert frames(reader) == [1]
        assert sum(reader.faults.values()) == 2


def test_a_file_of_something_else_is_an_error(path: Path) -> None:
    with TelemetryReader(path, "gta_v") as reader:
        append(path, b"hello\n" * (MAX_BAD_LINES + 2))
        with pytest.raises(TelemetryError, match=r"lines in a row are no telemetry \(no JSON\)"):
            reader.poll()
    path.unlink()
    with TelemetryReader(path, "gta_v") as reader:
        append(path, header(title="palworld"))
        with pytest.raises(TelemetryError, match="telemetry of palworld, not of gta_v"):
            reader.poll()


def test_waiting_ends_at_the_deadline_and_says_what_came(path: Path) -> None:
    with TelemetryReader(path, "gta_v") as reader:
        with pytest.raises(TelemetryError, match="no file"):
            reader.wait(time.monotonic() + 0.02, lambda received: True)
        append(path, header() + sample(1, state="menu") + b"rubbish\n")
        with pytest.raises(TelemetryError, match=r"none of 1 samples.*1 no JSON"):
            reader.wait(time.monotonic() + 0.05, lambda received: received.sample.state == "play")


def test_waiting_sees_what_is_written_meanwhile(path: Path) -> None:
    with TelemetryReader(path, "gta_v") as reader:
        writer = threading.Thread(target=append, args=(path, header() + sample(1) + sample(2)))
        writer.start()
        assert reader.wait(time.monotonic() + 10, lambda received: received.sample.frame == 2).sample.clock == pytest.approx(
            2 / 60
        )
        writer.join()
