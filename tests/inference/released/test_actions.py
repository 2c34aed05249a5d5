"""Actions for generation: what is read is what was written, and what cannot be read is named."""

import io

import numpy as np
import pytest

from inference.released.actions import COLUMNS, HEADER, ActionsError, FileActions, RandomActions, StreamedActions

ROWS = ["1,0,0,0,0,0,0,0.1", "0,1,0,0,1,0,-0.05,0"]


def stream(*lines: str) -> StreamedActions:
    return StreamedActions(io.BytesIO(("\n".join(lines) + "\n").encode()), "walk.csv")


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
    text = "\n".join([HEADER, *ROWS, "nonsense"])
    actions = StreamedActions(io.BytesIO(text.encode()), "stdin")
    actions.take(2)
    with pytest.raises(ActionsError, match=r"stdin, row 3 \(line 4\) has 1 values"):
        actions.take(1)


def spreadsheet(separator: str = ",", decimals: str = ".", header: str = HEADER, rows: list[str] = ROWS) -> bytes:
    lines = [header.replace(",", separator)] + [
        row.replace(".", "_").replace(",", separator).replace("_", decimals) for row in rows
    ]
    return ("\n".join(lines) + "\n").encode()


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + spreadsheet(),
        spreadsheet().replace(b"\n", b"\r\n"),
        spreadsheet().replace(b"\n", b"\r"),
        spreadsheet(";", ","),
        b"sep=;\n" + spreadsheet(";", ","),
        spreadsheet("\t", ","),
        spreadsheet("\t").decode().encode("utf-16"),
        spreadsheet(header=HEADER.upper()),
        spreadsheet(header='"' + HEADER.replace(",", '","') + '"'),
        spreadsheet(header=HEADER.replace(",", ", ")),
        spreadsheet(header="," + HEADER, rows=[f"{n},{row}" for n, row in enumerate(ROWS)]),
        spreadsheet(header="Unnamed: 0," + HEADER, rows=[f"{n},{row}" for n, row in enumerate(ROWS)]),
        spreadsheet(header=HEADER + ",,", rows=[row + ",," for row in ROWS]),
        spreadsheet(rows=[row + ",," for row in ROWS]) + b",,,,,,,\n",
        spreadsheet(rows=[row.replace("1,", "TRUE,", 1) for row in ROWS]),
        spreadsheet(rows=[row.replace("0,0,0,0,0", "false,False,0.0,0e0,0", 1) for row in ROWS]),
        b"# recorded 2026-11-30\n\n" + spreadsheet(),
        spreadsheet().replace(b"-0.05", "\N{MINUS SIGN}0.05".encode()),
        spreadsheet().replace(b"-0.05", b'"-0,05"'),
    ],
)
def test_what_spreadsheets_make_of_a_file_is_the_same_walk(data):
    keyboard, mouse = StreamedActions(io.BytesIO(data), "walk.csv").take(2)
    assert keyboard.tolist() == [[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 1, 0]]
    np.testing.assert_allclose(mouse, [[0, 0.1], [-0.05, 0]], atol=1e-7)


def test_advice_is_accepted_when_it_is_followed():
    with pytest.raises(ActionsError, match=r"row 1 .* has 10 values.* with decimal commas use semicolons"):
        StreamedActions(io.BytesIO(spreadsheet(",", ",", rows=["1,0,0,0,0,0,0.5,0.1"])), "walk.csv").take(1)
    StreamedActions(io.BytesIO(spreadsheet(";", ",", rows=["1,0,0,0,0,0,0.5,0.1"])), "walk.csv").take(1)
    with pytest.raises(ActionsError, match="column 'frame' is no action; take it out, the first line must be"):
        StreamedActions(io.BytesIO(spreadsheet(header="frame," + HEADER)), "walk.csv")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([HEADER.replace("pitch", "tilt"), *ROWS], "column 'tilt' is no action"),
        ([HEADER.replace(",yaw", "")], "lacks column yaw"),
        ([HEADER + ",yaw"], "column yaw is there twice"),
        ([], "lacks column forward"),
        ([HEADER, ROWS[0].replace("0.1", "nan")], r"row 1 \(line 2\): yaw is nan"),
        ([HEADER, ROWS[0].replace("0.1", "inf")], r"row 1 \(line 2\): yaw is inf"),
        ([HEADER, ROWS[0], ROWS[1].replace("-0.05", "up")], r"row 2 \(line 3\): pitch is 'up', not a number"),
        ([HEADER, "2" + ROWS[0][1:]], r"row 1 \(line 2\): forward is 2; a key is 1"),
        ([HEADER, "nan" + ROWS[0][1:]], r"row 1 \(line 2\): forward is nan; a key is 1"),
        ([HEADER, ROWS[0]], "ends after 1 rows; 2 or more are needed"),
        ([HEADER, "yes" + ROWS[0][1:]], r"row 1 \(line 2\): forward is yes; a key is 1 \(down\) or 0 \(up\), or TRUE or FALSE"),
        ([HEADER, ROWS[0][1:]], r"row 1 \(line 2\): forward is empty; a key is 1"),
        ([HEADER, ROWS[0].replace("0.1", "1_0")], "yaw is '1_0', not a number"),
        ([HEADER, ROWS[0].replace("0.1", '"1.000,5"')], "yaw is '1.000,5', not a number"),
        ([HEADER, ROWS[0].replace("0.1", '"0.1')], "line 2 is no row of CSV text"),
        ([HEADER, ROWS[0], "1,0"], r"row 2 \(line 3\) has 2 values"),
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
