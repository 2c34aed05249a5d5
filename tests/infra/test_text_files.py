"""Text of other programs is read as what it says, and what is no text is refused by file, line and fix."""

import io

import pytest

from infra.text_files import LARGEST, LONGEST, TextError, decode_text, read_lines, read_text

TEXT = "forward,yaw\n1,−0.1\n\nend"


class Trickle(io.RawIOBase):
    """A stream that gives a byte at a time, as a slow pipe does."""

    def __init__(self, data: bytes) -> None:
        self._rest = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer):
        byte = self._rest.read(1)
        buffer[: len(byte)] = byte
        return len(byte)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marks_and_line_ends_make_no_difference(tmp_path, encoding, ends):
    data = TEXT.replace("\n", ends).encode(encoding)
    (tmp_path / "walk.csv").write_bytes(data)
    assert read_text(tmp_path / "walk.csv") == TEXT
    lines = list(enumerate(TEXT.split("\n"), 1))
    assert list(read_lines(io.BytesIO(data), "stdin")) == lines
    assert list(read_lines(io.BufferedReader(Trickle(data)), "stdin")) == lines


def test_a_line_is_given_as_soon_as_it_is_there_and_no_more_is_held():
    endless = io.BufferedReader(Trickle(b"one\ntwo\nthree"))
    lines = read_lines(endless, "stdin")
    assert next(lines) == (1, "one") and endless.read(1) == b"t"
    with open("/dev/zero", "rb") as zeros, pytest.raises(TextError, match="stdin, line 1 holds NUL"):
        next(read_lines(zeros, "stdin"))
    with pytest.raises(TextError, match=f"walk.csv, line 2 is longer than {LONGEST}"):
        list(read_lines(io.BytesIO(b"a\n" + b"b" * 10 * LONGEST), "walk.csv"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("a\ngr\u00fcn\n".encode("cp1252"), r"walk.csv, line 2 is not text in UTF-8 \(byte 0xfc\); save the file as UTF-8"),
        (b"a\nb\n\xe2\x82", r"walk.csv, line 3 is not text in UTF-8"),
        (b"a\nb\0\0\n", r"walk.csv, line 2 holds NUL bytes.*take them out"),
        ("a\nb".encode("utf-16-le"), "walk.csv looks like UTF-16 without its byte-order mark; save it as UTF-8"),
        (b"PK\x03\x04 a workbook", "walk.csv is a zip file or a workbook, no text; export"),
        (b"\x1f\x8b\x08", "walk.csv is compressed; unpack it first"),
        (b"a" * (LARGEST + 1), "walk.csv is larger than 16 MB"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(data, says):
    with pytest.raises(TextError, match=says) as caught:
        decode_text(data, "walk.csv")
    assert "\n" not in str(caught.value)
    if len(data) <= LARGEST:
        with pytest.raises(TextError, match=says):
            list(read_lines(io.BytesIO(data), "walk.csv"))


def test_a_file_without_its_nul_bytes_is_read():
    """The advice is accepted when it is followed."""
    assert decode_text(b"a\n\0\0b\n\0".replace(b"\0", b""), "walk.csv") == "a\nb\n"
