"""Messages survive the way there and back; nothing that a stranger sends does more than be refused."""

import json
from dataclasses import fields
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.protocol import (
    HEADER_BYTES,
    MAX_MESSAGE_BYTES,
    Action,
    Bye,
    FrameHeader,
    HeldKey,
    Hello,
    Pause,
    ProtocolError,
    Reset,
    SegmentNote,
    Start,
    parse_message,
    to_text,
)

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
TURN = st.floats(-100, 100)
HEADERS = st.builds(FrameHeader, session=U32, segment=U32, frame=U32, applied=U32, generated=U64, sent=U64)
MESSAGES = st.one_of(
    st.builds(Hello, version=st.integers(0, 9)),
    st.builds(
        Start,
        image=st.none() | st.integers(0, 10_000),
        png=st.none() | st.text("ABCabc012+/=", max_size=40),
        seed=st.integers(0, 2**31 - 1),
        prompt=st.text(st.characters(codec="utf-8"), max_size=300),
    ),
    st.builds(
        Action,
        number=U32,
        keys=st.lists(st.sampled_from(get_args(HeldKey)), max_size=10).map(tuple),
        mouse=st.tuples(TURN, TURN),
    ),
    st.builds(Pause, paused=st.booleans()),
    st.just(Reset()),
    st.just(Bye()),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
TYPES = st.sampled_from(["hello", "start", "action", "pause", "reset", "bye", "welcome", ""])


@given(MESSAGES)
def test_a_message_survives_the_way_there_and_back(message):
    assert parse_message(to_text(message)) == message


@given(HEADERS, st.binary(max_size=64))
def test_a_frame_header_survives_before_any_picture(header, jpeg):
    assert len(header.pack()) == HEADER_BYTES == 32
    assert FrameHeader.unpack(header.pack() + jpeg) == header


def test_a_header_is_laid_out_as_the_table_says():
    header = FrameHeader(session=1, segment=2, frame=3, applied=4, generated=5, sent=6)
    expected = b"".join(value.to_bytes(4, "little") for value in (1, 2, 3, 4)) + b"".join(v.to_bytes(8, "little") for v in (5, 6))
    assert header.pack() == expected


@given(st.binary(max_size=HEADER_BYTES - 1))
def test_a_short_frame_is_refused(data):
    with pytest.raises(ProtocolError, match=f"has {len(data)} in all"):
        FrameHeader.unpack(data)


def refused(text: str) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        parse_message(text)
    assert str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 1000
    return caught.value


@settings(max_examples=300)
@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_in_one_line(text):
    try:
        parse_message(text)
    except ProtocolError as error:
        assert str(error) and "\n" not in str(error)


@settings(max_examples=300)
@given(JSON)
def test_any_json_is_read_or_refused_in_one_line(value):
    try:
        parse_message(json.dumps(value))
    except ProtocolError as error:
        assert str(error) and "\n" not in str(error)


@settings(max_examples=300)
@given(TYPES, st.dictionaries(st.sampled_from(["number", "keys", "mouse", "image", "png", "seed", "paused", "x"]), JSON))
def test_any_fields_of_a_known_type_are_read_or_refused_in_one_line(kind, values):
    try:
        message = parse_message(json.dumps({"type": kind, **values}))
    except ProtocolError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert set(values) <= {item.name for item in fields(message)}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"type": "action", "number": 1, "speed": 9}, "action.speed"),
        ({"type": "action", "number": -1}, "action.number"),
        ({"type": "action", "number": 2**32}, "action.number"),
        ({"type": "action", "number": 1.5}, "action.number"),
        ({"type": "action", "number": "1"}, "action.number"),
        ({"type": "action", "number": 1, "keys": ["fly"]}, "action.keys"),
        ({"type": "action", "number": 1, "mouse": [0, 1e9]}, "action.mouse"),
        ({"type": "action", "number": 1, "mouse": [float("nan"), 0]}, "action.mouse"),
        ({"type": "action", "number": 1, "mouse": [float("inf"), 0]}, "action.mouse"),
        ({"type": "start", "seed": 2**31}, "start.seed"),
        ({"type": "start", "prompt": "x" * 301}, "start.prompt"),
        ({"type": "pause"}, "pause.paused"),
        ({"type": "fly"}, "fly"),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_name(values, named):
    error = refused(json.dumps(values))
    assert named in str(error) and not error.garbage


@pytest.mark.parametrize("text", ["", "hello", "[]", "7", "{", "\ud800", '{"type": "bye"', "[" * 5000])
def test_what_is_no_object_counts_as_garbage(text):
    assert refused(text).garbage


def test_a_message_that_is_too_long_is_refused_before_it_is_read():
    assert refused(" " * (MAX_MESSAGE_BYTES + 1)).garbage


def test_notes_leave_out_what_has_no_value():
    assert json.loads(to_text(Start(image=2))) == {"type": "start", "image": 2, "seed": 0, "prompt": ""}
    note = SegmentNote(
        session=1,
        segment=0,
        first_frame=1,
        applied=0,
        poses=((0.0, 0.1, 1.5),),
        memory_frames=(0,),
        memory_poses=((0.0, 0.0, 0.0),),
        seconds={"all": 0.1},
        dropped=0,
    )
    assert json.loads(to_text(note))["poses"] == [[0.0, 0.1, 1.5]]
