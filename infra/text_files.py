"""Text that a user brings, read whole or line by line: UTF-8, or UTF-16 and UTF-32 that say so, with any line ends"""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from infra.errors import WorldloomError

LARGEST: Final = 16 * 2**20  # bytes of a text that is read whole
LONGEST: Final = 2**16  # characters of a line

_MARKS: Final = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PACKED: Final = {
    b"PK\x03\x04": "a zip file or a workbook, no text; export it as text (CSV UTF-8 in a spreadsheet)",
    b"\x1f\x8b": "compressed; unpack it first",
    b"\xd0\xcf\x11\xe0": "a workbook, no text; export it as text (CSV UTF-8 in a spreadsheet)",
}
_PIECE: Final = 2**16  # bytes


class TextError(WorldloomError, ValueError):
    """What should be text is none, or too large. The line names the file, the line and the fix."""


def read_text(path: Path) -> str:
    """A text file with line ends of LF and no byte-order mark. Raises TextError, and OSError where it cannot be opened."""
    with path.open("rb") as stream:
        return decode_text(stream.read(LARGEST + 1), str(path))


def decode_text(data: bytes, name: str) -> str:
    """The text of bytes, with line ends of LF and no byte-order mark.

    Raises:
        TextError: names ``name``, and the line where there is one.
    """
    if len(data) > LARGEST:
        raise TextError(f"{name} is larger than {LARGEST // 2**20} MB, no text of its kind is; name another file")
    mark, encoding = _encoding_of(data[:4], name)
    text = _decode(codecs.getincrementaldecoder(encoding)(), data[len(mark) :], name, line=1, final=True)
    return _line_ended(text)


def read_lines(stream: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, from 1, each as soon as its end is there; never more than a piece of the stream is held.

    Raises:
        TextError: as ``decode_text``, or a line is longer than any that people write.
    """
    head = stream.read(4)
    mark, encoding = _encoding_of(head, name)
    decoder, number, held, after_cr = codecs.getincrementaldecoder(encoding)(), 1, "", False
    piece, more = head[len(mark) :], True
    read = getattr(stream, "read1", stream.read)  # what is there already, without waiting for a full piece
    while more:
        text = _decode(decoder, piece, name, number, final=False)
        ends = _line_ended(text, after_cr)
        after_cr = text.endswith("\r") or (after_cr and not text)
        *lines, held = (held + ends).split("\n")
        for line in lines:
            yield number, line
            number += 1
        if len(held) > LONGEST:
            raise TextError(f"{name}, line {number} is longer than {LONGEST} characters; is it another kind of file?")
        piece = read(_PIECE)
        more = bool(piece)
    held += _decode(decoder, b"", name, number, final=True)
    if held:
        yield number, held


def _encoding_of(head: bytes, name: str) -> tuple[bytes, str]:
    """The byte-order mark that a text begins with, which is left out, and the encoding that it states."""
    for begins, says in _PACKED.items():
        if head.startswith(begins):
            raise TextError(f"{name} is {says}")
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return mark, encoding
    if [byte == 0 for byte in head] in ([False, True, False, True], [True, False, True, False]):
        raise TextError(f"{name} looks like UTF-16 without its byte-order mark; save it as UTF-8")
    return b"", "utf-8"


def _decode(decoder: codecs.IncrementalDecoder, data: bytes, name: str, line: int, *, final: bool) -> str:
    """The next text of a decoder; ``line`` is the number of its first line."""
    try:
        text = decoder.decode(data, final)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(error.encoding, "ignore")
        where = f"{name}, line {line + _line_ends(before)}"
        found = f"byte 0x{error.object[error.start]:02x}" if error.start < len(error.object) else "it is cut off"
        raise TextError(f"{where} is not text in {error.encoding.upper()} ({found}); save the file as UTF-8") from None
    if (place := text.find("\0")) >= 0:
        where = f"{name}, line {line + _line_ends(text[:place])}"
        raise TextError(f"{where} holds NUL bytes, as of a program that was cut off; take them out: tr -d '\\0' < FILE > CLEAN")
    return text


def _line_ended(text: str, after_cr: bool = False) -> str:
    """Text with every line end as LF; ``after_cr`` says that the line end before it may be half a CR LF."""
    text = text.removeprefix("\n") if after_cr else text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")
