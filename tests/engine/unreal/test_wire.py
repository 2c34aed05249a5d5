"""Framing and number syntax of the wire."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.unreal.wire import (
    HEADER,
    MAX_ID,
    WireError,
    frame,
    number_text,
    parse_reply,
    parse_request,
    payload_size,
    reply_payload,
    request_payload,
)

PLUGIN_FLOAT = re.compile(r"[-+]?\d*[.]?\d+")


@given(st.floats(-1e9, 1e9))
def test_numbers_are_written_as_the_plugin_reads_them(value: float) -> None:
    text = number_text(value)
    assert PLUGIN_FLOAT.fullmatch(text) and abs(float(text) - value) <= 1e-12 + abs(value) * 2**-52


def test_numbers_that_have_no_such_form_are_refused() -> None:
    assert number_text(1e-20) == "0.0" and number_text(-1e-20) == "0.0" and number_text(100.0) == "100.0"
    for value in (np.nan, np.inf, 1e300):
        with pytest.raises(ValueError, match="cannot be sent"):
            number_text(value)


def test_frames_round_trip_and_foreign_ones_are_refused() -> None:
    assert payload_size(frame(b"abc")) == 3 and len(frame(b"abc")) == HEADER.size
    with pytest.raises(WireError, match="UnrealCV server"):
        payload_size(b"GET / HT")
    with pytest.raises(WireError, match="0 bytes"):
        frame(b"")


@given(st.integers(0, MAX_ID), st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\x85")))
def test_requests_round_trip(number: int, command: str) -> None:
    assert parse_request(request_payload(number, command)) == (number, command)


def test_what_the_plugin_misreads_is_misread_alike() -> None:
    assert parse_request(b"no id") is None
    assert parse_request(b"%d:vget a" % (MAX_ID + 1)) == (0, "vget a")
    assert parse_request(b"1:vget a\nvget b") == (1, "vget a")


@given(st.integers(0, MAX_ID), st.binary(max_size=64))
def test_replies_round_trip(number: int, body: bytes) -> None:
    found, rest = parse_reply(memoryview(reply_payload(number, body)))
    assert (found, bytes(rest)) == (number, body)
