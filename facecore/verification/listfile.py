"""Text files that hold lists: bytes -> records with line numbers -> fields.

Encodings: UTF-8 with or without a byte order mark, UTF-16 and UTF-32 with one (as spreadsheets save them). Bytes that
are no UTF-8 are read as Windows-1252, in which older Windows programs write, as long as the file holds no control
characters; whether that was right shows at once, since otherwise the photos are not found under their names. Lines end
in LF, CRLF or CR. Blank lines are skipped, and lines that begin with `#`: put a name that begins so in quotes.
"""

import codecs
import csv
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from facecore.errors import PairListError

MAX_RECORD = 100_000
"""Characters in a line; more is no list of photos. The csv module stops at 131,072 in a field."""

WHITESPACE = " "
SEPARATORS = ("\t", ",", ";", WHITESPACE)
"""In order of preference; the last stands for any run of spaces and tabs."""

_BYTE_ORDER_MARKS = (  # UTF-32 before UTF-16: its little-endian mark begins with the other's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")
_ODD_SPACE = re.compile(r"[^\S \t\n]")


@dataclass(frozen=True)
class ListFile:
    """The content of a list.

    Attributes:
        name: of the file, as the caller gave it.
        records: lines without blank ones and comments. A line with an open quote is joined with those that follow it.
        numbers: the line number of each record, counted from 1.
        lines: number of lines in the file.
        quoted: whether there is a double quote anywhere.
        odd_spaces: whether there is white space besides spaces, tabs and line ends, which may be part of a name.
    """

    name: str
    records: Sequence[str]
    numbers: Sequence[int]
    lines: int
    quoted: bool
    odd_spaces: bool

    def error(self, record: int, problem: str) -> PairListError:
        """The error for one record; the message ends with the record's content."""
        content = self.records[record]
        shown = repr(content if len(content) <= 80 else content[:77] + "...")
        return line_error(self.name, self.numbers[record], f"{problem}: {shown}")

    def split(self, separator: str, start: int = 0, stop: int | None = None) -> Iterator[list[str]]:
        """The fields of each record, quotes removed, and spaces beside separators where quotes or spaces part fields.

        Raises:
            PairListError: quotes that do not close or stand where they should not.
        """
        records = self.records if start == 0 and stop is None else self.records[start:stop]
        if self.quoted:
            return self._split_quoted(records, separator, start)
        if separator != WHITESPACE:
            return (record.split(separator) for record in records)
        if self.odd_spaces:
            return (re.split(r"[ \t]+", record.strip(" \t")) for record in records)
        return (record.split() for record in records)

    def fields(self, record: int, separator: str) -> list[str]:
        """The fields of one record; none where its quotes do not fit this separator."""
        try:
            return next(self.split(separator, record, record + 1 or None))
        except PairListError:
            return []

    def _split_quoted(self, records: Iterable[str], separator: str, start: int) -> Iterator[list[str]]:
        tidy = (record.rstrip(" ") for record in records)
        if separator == WHITESPACE:
            tidy = (record.replace("\t", " ").rstrip(" ") for record in tidy)
        reader = csv.reader(tidy, delimiter=separator, skipinitialspace=True, strict=True)
        count = 0
        try:
            for row in reader:
                count += 1
                if reader.line_num != count:  # a quote stayed open, and the next record went into this row
                    raise self.error(start + count - 1, "a quote is not closed")
                yield row
        except csv.Error:
            problem = "a quote is not closed, or something follows it that is no separator"
            raise self.error(min(start + count, len(self.records) - 1), problem) from None


def line_error(name: str, line: int, problem: str) -> PairListError:
    """The error for one line of a list."""
    return PairListError(f"{name}, line {line}: {problem}", line)


def read_list(path: str | os.PathLike[str]) -> ListFile:
    """Read a list into records.

    Raises:
        PairListError: the file is missing, is no text, or holds nothing but blank lines and comments.
    """
    name = os.fspath(path)
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise PairListError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise PairListError(f"{name}: this is a folder; a pair list is a text file") from None
    except (OSError, ValueError) as error:
        raise PairListError(f"{name}: cannot be read: {error}") from error
    text = _decode(data, name).replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    quoted = '"' in text
    odd_spaces = not text.isascii() and _ODD_SPACE.search(text) is not None
    if len(text) > MAX_RECORD and (longest := max(map(len, lines))) > MAX_RECORD:
        number = next(i for i, line in enumerate(lines, 1) if len(line) == longest)
        raise line_error(name, number, f"the line has {longest:,} characters, at most {MAX_RECORD:,} are read")
    del text, data
    numbers: Sequence[int] = [i for i, line in enumerate(lines, 1) if line[:1] != "#" and line and not line.isspace()]
    records: Sequence[str] = lines
    if quoted:
        numbers, records = _join_open_quotes(lines, numbers, name)
    elif len(numbers) < len(lines):
        records = [lines[number - 1] for number in numbers]
    if not numbers:
        raise line_error(name, 1, "the list is empty: it has no line with a pair")
    return ListFile(name, records, numbers, len(lines), quoted, odd_spaces)


def _decode(data: bytes, name: str) -> str:
    encoding = next((encoding for mark, encoding in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
        control = text.find("\0")
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            number = error.object[: error.start].decode(error.encoding, errors="ignore").count("\n") + 1
            shown = encoding.removesuffix("-sig").upper()
            problem = f"the file begins as {shown} and then is not: save it once more as UTF-8"
            raise line_error(name, number, problem) from None
        # A byte for a byte, so that the line can be named whatever the bytes are.
        text = data.decode("cp1252", errors="replace")
        found = _CONTROL.search(text) or re.search("\ufffd", text)
        control = found.start() if found else -1
    if control >= 0:
        number = text.count("\n", 0, control) + 1
        raise line_error(name, number, "this is not a text file; save the list as UTF-8 text, one pair a line")
    return text


def _join_open_quotes(lines: list[str], numbers: Sequence[int], name: str) -> tuple[list[int], list[str]]:
    """Records of a file with quotes: a line with an odd number of them goes on in the next line."""
    records, firsts, after = [], [], 0
    for number in numbers:
        if number <= after:  # part of the record before
            continue
        record, after = lines[number - 1], number
        while record.count('"') % 2:
            if after == len(lines) or len(record) > MAX_RECORD:
                raise line_error(name, number, f"a quote is opened and never closed: {record[:77]!r}")
            record, after = record + "\n" + lines[after], after + 1
        records.append(record)
        firsts.append(number)
    return firsts, records
