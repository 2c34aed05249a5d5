import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from infra.dynamics import camera_to_world
from infra.schema import (
    KEYS,
    TINY_SEGMENTS,
    Caption,
    Clip,
    Frames,
    SegmentConfig,
    frames_from_table,
    frames_to_table,
    idle_actions,
    parse_action,
)
from infra.schema.action import UNKNOWN_KEY


def make_frames(count: int = 5, **changes: Any) -> Frames:
    keyboard, mouse = idle_actions(count)
    values: dict[str, Any] = {
        "tick": np.arange(count) * 2,
        "time": np.arange(count) * 62_500_000,
        "c2w": camera_to_world(np.zeros((count, 3)), np.zeros(count), np.linspace(0, 90, count)),
        "intrinsics": np.tile([100.0, 100.0, 56.0, 32.0], (count, 1)),
        "raw_pose": np.arange(count * 3.0).reshape(count, 3),
        "keyboard": keyboard,
        "mouse": mouse,
        "collided": np.zeros(count, np.bool_),
        "rgb_sha256": [f"{number:064x}" for number in range(count)],
    }
    return Frames(**(values | changes))


def assert_equal(left: Frames, right: Frames) -> None:
    for field in dataclasses.fields(Frames):
        a, b = getattr(left, field.name), getattr(right, field.name)
        if isinstance(a, list):
            assert a == b
        else:
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b, err_msg=field.name)


@pytest.mark.parametrize(
    ("text", "pressed"),
    [("W", {0}), ("S", {1}), ("A", {2}), ("D", {3}), ("J", {4}), ("E", {5}), ("w+d", {0, 3}), ("none", set())],
)
def test_letters_press_their_keys(text: str, pressed: set[int]) -> None:
    keyboard, mouse = parse_action(text)
    assert set(np.flatnonzero(keyboard)) == pressed
    assert (mouse == 0).all()
    assert (keyboard.shape, mouse.shape) == ((6,), (2,))
    assert keyboard.dtype == np.int8
    assert mouse.dtype == np.float32


@pytest.mark.parametrize(
    ("text", "mouse"), [("U", (0.1, 0)), ("N", (-0.1, 0)), ("L", (0, -0.1)), ("R", (0, 0.1)), ("L+R", (0, 0))]
)
def test_letters_turn_by_a_tenth_of_a_mouse_unit(text: str, mouse: tuple[float, float]) -> None:
    assert np.allclose(parse_action(text)[1], mouse)


@pytest.mark.parametrize("text", ["X", "W+", "", "WS", "W+?"])
def test_a_letter_that_is_no_action_is_named_with_the_known_ones(text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown action .* use W S A D J E U N L R"):
        parse_action(text)


def test_there_are_six_keys() -> None:
    assert KEYS == ("forward", "back", "left", "right", "jump", "interact")


def test_frames_come_back_from_their_table() -> None:
    frames = make_frames()
    assert_equal(frames_from_table(frames_to_table(frames)), frames)


@given(
    st.integers(1, 9).flatmap(
        lambda count: st.fixed_dictionaries(
            {
                "count": st.just(count),
                "tick": st.lists(st.integers(0, 2**62), min_size=count, max_size=count, unique=True).map(
                    lambda ticks: np.array(sorted(ticks), np.int64)
                ),
                "time": arrays.arrays(np.int64, count),
                "raw_pose": arrays.arrays(np.float64, (count, 4)),
                "keyboard": arrays.arrays(np.int8, (count, 6), elements=st.integers(-1, 1)),
                "mouse": arrays.arrays(np.float32, (count, 2)),
                "collided": arrays.arrays(np.bool_, count),
                "rgb_sha256": st.lists(st.text("0123456789abcdef", min_size=64, max_size=64), min_size=count, max_size=count),
            }
        )
    )
)
def test_any_frames_come_back_bit_for_bit(values: dict[str, Any]) -> None:
    frames = make_frames(**values)
    assert_equal(frames_from_table(frames_to_table(frames)), frames)


def test_unknown_actions_survive_the_table() -> None:
    frames = make_frames(keyboard=np.full((5, 6), UNKNOWN_KEY, np.int8), mouse=np.full((5, 2), np.nan, np.float32))
    assert_equal(frames_from_table(frames_to_table(frames)), frames)


BROKEN = camera_to_world(np.zeros((5, 3)), np.zeros(5), np.zeros(5))
SCALED, MIRRORED, HOLED = BROKEN.copy(), BROKEN.copy(), BROKEN.copy()
SCALED[3, :3, :3] *= 1.01
MIRRORED[2, :3, 0] *= -1
HOLED[4, 0, 3] = np.nan


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("time", np.arange(4), r"column time has shape \(4,\), expected \(5,\)"),
        ("c2w", BROKEN[:, :3], "column c2w has shape"),
        ("c2w", SCALED, "c2w is not a rigid right-handed pose at row 3"),
        ("c2w", MIRRORED, "c2w is not a rigid right-handed pose at row 2"),
        ("c2w", HOLED, "c2w is not a rigid right-handed pose at row 4"),
        ("intrinsics", np.ones((5, 3)), "column intrinsics has shape"),
        ("keyboard", np.zeros((5, 5), np.int8), "column keyboard has shape"),
        ("keyboard", np.full((5, 6), 2, np.int8), "keyboard values must be 0, 1 or -1"),
        ("mouse", np.zeros((5, 3), np.float32), "column mouse has shape"),
        ("collided", np.zeros(6, np.bool_), "column collided has shape"),
        ("rgb_sha256", ["x"] * 4, "columns rgb_sha256 and raw_pose need 5 rows"),
        ("raw_pose", np.zeros((4, 3)), "columns rgb_sha256 and raw_pose need 5 rows"),
        ("tick", np.array([0, 1, 1, 2, 3]), "tick does not increase at row 2"),
    ],
)
def test_each_bad_column_is_named(column: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        frames_to_table(make_frames(**{column: value}))


def test_an_episode_needs_a_frame() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        frames_to_table(make_frames(0))


def test_a_frames_object_with_a_gap_is_refused() -> None:
    table = frames_to_table(make_frames())
    gap = table.set_column(0, "frame", pa.array([0, 1, 3, 4, 5], pa.int32()))
    for damaged in (gap, table.slice(1)):
        with pytest.raises(ValueError, match=r"not 0\.\.N-1 without gaps"):
            frames_from_table(damaged)


@given(st.integers(0, 5), st.integers(0, 5))
def test_a_slice_is_half_open_and_cuts_every_column(start: int, length: int) -> None:
    stop = min(5, start + length)
    part = make_frames().slice(start, stop)
    assert len(part) == max(0, stop - start)
    assert part.rgb_sha256 == [f"{number:064x}" for number in range(start, stop)]


@given(st.integers(1, 40))
def test_the_release_counts_57_frames_and_40_a_segment_more(segments: int) -> None:
    config = SegmentConfig()
    assert config.total_frames(segments) == 57 + 40 * (segments - 1)
    assert (config.first_frames, config.new_frames) == (57, 40)


def test_tiny_shows_a_key_within_half_a_second() -> None:
    assert (TINY_SEGMENTS.first_frames, TINY_SEGMENTS.new_frames) == (5, 4)
    assert TINY_SEGMENTS.total_frames(3) == 13


def test_a_clip_counts_its_frames_and_a_caption_gives_a_prompt() -> None:
    assert Clip(episode_id="e", start=3, stop=10).frames == 7
    caption = Caption(
        episode_id="e", start=0, stop=9, scene="A park.", style="Evening.", content="A hut.", motion="Walks.", captioner="c"
    )
    assert caption.prompt() == "A park. Evening."
