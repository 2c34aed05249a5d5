"""Actions for generation: what is read is what was written, and what cannot be read is named."""

import io

import numpy as np
import pytest

from inference.released.actions import COLUMNS, HEADER, ActionsError, FileActions, RandomActions, StreamedActions

ROWS = ["1,0,0,0,0,0,0,0.1", "0,1,0,0,1,0,-0.05,0"]


def stream(*lines: str) -> StreamedActions:
    return StreamedActions(io.StringIO("\n".join(lines) + "\n"), "walk.csv")


def test_a_file_gives_its_rows_in_order_whatever_the_order_of_its_columns(tmp_path):
    turned = [",".join(reversed(line.split(","))) for line in (HEADER, *ROWS)]
    (tmp_path / "walk.csv").write_text("\n".join(turned))
    actions = FileActions(tmp_path / "walk.csv", 2)
    keyboard, mouse = actions.take(1)
    assert keyboard.tolist() == [[1, 0, 0, 0, 0, 0]]
    np.testing.assert_allclose(mouse, [[0, 0.1]], atol=1e-7)
    keyboard, mouse = actions.take(1)
    assert keyboard.tolist() == [[0, 1, 0, 0, 1, 0]]
    np.testing.assert_allclose(mouse, [[-0.05, 0]], atol=1e-7)


def test_a_stream_is_read_no_further_than_asked():
    text = io.StringIO("\n".join([HEADER, *ROWS, "nonsense"]))
    actions = StreamedActions(text, "stdin")
    actions.take(2)
    with pytest.raises(ActionsError, match="stdin, row 3 has 1 values"):
        actions.take(1)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([HEADER.replace("pitch", "tilt"), *ROWS], "column 'tilt' is no action"),
        ([HEADER.replace(",yaw", "")], "lacks column yaw"),
        ([HEADER + ",yaw"], "column yaw is there twice"),
        ([], "lacks column forward"),
        ([HEADER, ROWS[0].replace("0.1", "nan")], "row 1: yaw is nan"),
        ([HEADER, ROWS[0].replace("0.1", "inf")], "row 1: yaw is inf"),
        ([HEADER, ROWS[0], ROWS[1].replace("-0.05", "up")], "row 2: pitch is 'up', not a number"),
        ([HEADER, "2" + ROWS[0][1:]], "row 1: forward is 2; a key is 1"),
        ([HEADER, "nan" + ROWS[0][1:]], "row 1: forward is nan; a key is 1"),
        ([HEADER, ROWS[0]], "ends after 1 rows; 2 or more are needed"),
        ([HEADER, ROWS[0], "1,0"], "row 2 has 2 values"),
    ],
)
def test_bad_rows_are_named_in_one_line(lines, says):
    with pytest.raises(ActionsError, match=says) as caught:
        stream(*lines).take(2)
    assert "\n" not in str(caught.value) and str(caught.value).startswith("walk.csv")


def test_random_actions_are_the_same_for_a_seed_and_differ_between_seeds():
    (keyboard, mouse), again, other = (RandomActions(seed).take(97) for seed in (1, 1, 2))
    assert keyboard.shape == (97, len(COLUMNS) - 2) and mouse.shape == (97, 2)
    assert np.array_equal(keyboard, again[0]) and np.array_equal(mouse, again[1])
    assert not np.array_equal(keyboard, other[0])
    assert keyboard.any() and mouse.any()
    halves = RandomActions(1)
    assert np.array_equal(np.concatenate([halves.take(57)[0], halves.take(40)[0]]), keyboard)
