"""Text files that hold lists: bytes -> records with line numbers.

Encodings: UTF-8 with or without a byte order mark, UTF-16 and UTF-32 with one (as spreadsheets save them). Bytes that
are no UTF-8 are read as Windows-1252, in which older Windows programs write, as long as the file holds no control
characters; whether that was right shows at once, since otherwise the photos are not found under their names. Lines end
in LF, CRLF or CR. Blank lines are skipped, and lines that begin with `#`: put a name that begins so in quotes.

A list of any length is read in blocks of some hundred thousand lines, so that it need not fit into memory.
"""

import codecs
import io
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from facecore.errors import PairListError
from facecore.files import sha256
from facecore.verification.listfile import MAX_RECORD, ListFile, line_error

BLOCK = 4 << 20
"""Bytes of a list that are read at once."""

_BYTE_ORDER_MARKS = (  # UTF-32 before UTF-16: its little-endian mark begins with the other's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")
_NULL = re.compile("\0")
_ODD_SPACE = re.compile(r"[^\S \t\n]")


@dataclass(frozen=True)
class ListText:
    """A list on the disk whose text was looked through once.

    Attributes:
        name: of the file, as the caller gave it.
        encoding: of its bytes.
        lines: number of lines.
        quoted: whether there is a double quote anywhere.
        odd_spaces: as `ListFile.odd_spaces`.
        digest: SHA-256 of its bytes, in hexadecimal digits.
        state: of the file when it was looked through; changes when the file does.
        path: where its bytes are: the file itself, or a copy of what came through a pipe, which can be read only once;
            the copy goes when this object does.
    """

    name: str
    encoding: str
    lines: int
    quoted: bool
    odd_spaces: bool
    digest: str
    state: tuple[int, ...] | None
    path: Path

    def blocks(self, size: int = BLOCK) -> Iterator[ListFile]:
        """The records, block by block; each block has at least one.

        Args:
            size: bytes that are read at once.

        Raises:
            PairListError: the file was changed meanwhile, or holds nothing but blank lines and comments.
        """
        number, found = 1, False
        for lines in self._lines(size):
            block, taken = self._block(lines, number)
            number += taken
            if block.records:
                found = True
                yield block
        if not found:
            raise self._empty()

    def whole(self) -> ListFile:
        """All records in one block.

        Raises:
            PairListError: as `blocks`.
        """
        lines = [line for part in self._lines(BLOCK) for line in part]
        block, _ = self._block(lines, 1)
        if not block.records:
            raise self._empty()
        return block

    def _empty(self) -> PairListError:
        return line_error(self.name, 1, "the list is empty: it has no line with a pair")

    def _lines(self, size: int) -> Iterator[list[str]]:
        """Whole lines; where quotes are used, no block ends within an open one."""
        rest = ""
        self._check_unchanged()
        for text in _texts(self.path, self.encoding, size):
            rest += text
            cut = rest.rfind("\n") + 1
            if self.quoted and len(rest) < size + MAX_RECORD:
                cut = _closed(rest, cut)
            if cut:
                yield rest[:cut].split("\n")[:-1]
                rest = rest[cut:]
        self._check_unchanged()
        if rest:
            yield rest.removesuffix("\n").split("\n")

    def _check_unchanged(self) -> None:
        # Else the scores of some pairs would stand beside the names of others.
        if _state(self.path) != self.state:
            raise PairListError(f"{self.name}: the list was changed while it was in use: start again")

    def _block(self, lines: list[str], first: int) -> tuple[ListFile, int]:
        """The records among some lines, the first of which has the number `first`; and how many lines they were."""
        longest = max(map(len, lines), default=0)
        if longest > MAX_RECORD:
            number = first + next(i for i, line in enumerate(lines) if len(line) == longest)
            problem = f"the line has {longest:,} characters, at most {MAX_RECORD:,} are read"
            raise line_error(self.name, number, problem)
        numbers: list[int] = [
            i for i, line in enumerate(lines, first) if line[:1] != "#" and line and not line.isspace()
        ]
        records: list[str] = lines
        if self.quoted:
            numbers, records = _join_open_quotes(lines, first, numbers, self.name)
        elif len(numbers) < len(lines):
            records = [lines[number - first] for number in numbers]
        return ListFile(self.name, records, numbers, self.lines, self.quoted, self.odd_spaces), len(lines)


def open_list(path: str | os.PathLike[str]) -> ListText:
    """Look through a list once: which encoding it is in, how many lines it has, and whether it is text at all.

    Raises:
        PairListError: the file is missing or is no text.
    """
    name, spool = os.fspath(path), None
    try:
        if not (Path(path).is_file() or Path(path).is_dir()) and Path(path).exists():
            spool = Path(tempfile.mkdtemp(prefix="facecore-list-"))
            with Path(path).open("rb") as pipe, Path(spool, "list").open("wb") as copy:
                shutil.copyfileobj(pipe, copy)
        found = _scan(name, spool / "list" if spool else Path(path))
        if spool:
            weakref.finalize(found, shutil.rmtree, spool, ignore_errors=True)
        return found
    except FileNotFoundError:
        raise PairListError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise PairListError(f"{name}: this is a folder; a pair list is a text file") from None
    except (OSError, ValueError) as error:
        raise PairListError(f"{name}: cannot be read: {error}") from error


def read_list(path: str | os.PathLike[str]) -> ListFile:
    """Read a list into records, all of them at once.

    Raises:
        PairListError: the file is missing, is no text, or holds nothing but blank lines and comments.
    """
    return open_list(path).whole()


def _texts(path: Path, encoding: str, size: int = BLOCK) -> Iterator[str]:
    """The text of a file piece by piece, with every line end as a line feed.

    Raises:
        UnicodeDecodeError: the bytes are of another encoding; its reason is the number of the line.
    """
    # A byte for a byte in Windows-1252, so that the line can be named whatever the bytes are.
    decoder = codecs.getincrementaldecoder(encoding)("replace" if encoding == "cp1252" else "strict")
    ends = io.IncrementalNewlineDecoder(decoder, translate=True)
    lines = 0
    with path.open("rb") as file:
        while True:
            data = file.read(size)
            try:
                text = ends.decode(data, final=not data)
            except UnicodeDecodeError as error:
                good = error.object[: error.start].decode(error.encoding, errors="ignore")
                error.reason = str(lines + len(good.splitlines()) + (not good or good[-1] in "\r\n"))
                raise
            lines += text.count("\n")
            if text:
                yield text
            if not data:
                return


def _scan(name: str, path: Path) -> ListText:
    with path.open("rb") as file:
        start = file.read(4)
    encoding = next((encoding for mark, encoding in _BYTE_ORDER_MARKS if start.startswith(mark)), "utf-8")
    try:
        return _scan_as(encoding, name, path)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            shown = encoding.removesuffix("-sig").upper()
            problem = f"the file begins as {shown} and then is not: save it once more as UTF-8"
            raise line_error(name, int(error.reason), problem) from None
    return _scan_as("cp1252", name, path)


def _scan_as(encoding: str, name: str, path: Path) -> ListText:
    lines, quoted, odd, end, state = 0, False, False, "\n", _state(path)
    for text in _texts(path, encoding):
        found = (_CONTROL.search(text) or re.search("\ufffd", text)) if encoding == "cp1252" else _NULL.search(text)
        if found:
            number = lines + text.count("\n", 0, found.start()) + 1
            raise line_error(name, number, "this is not a text file; save the list as UTF-8 text, one pair a line")
        lines += text.count("\n")
        quoted = quoted or '"' in text
        odd = odd or (not text.isascii() and _ODD_SPACE.search(text) is not None)
        end = text[-1]
    return ListText(name, encoding, lines + (end != "\n"), quoted, odd, sha256(path), state, path)


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _closed(text: str, cut: int) -> int:
    """The last end of a line up to `cut` at which no quote stands open; lines that are comments have no quotes."""
    open_at, position, last = False, 0, 0
    for line in text[:cut].split("\n")[:-1]:
        position += len(line) + 1
        if open_at or line[:1] != "#":
            open_at ^= line.count('"') % 2 == 1
        if not open_at:
            last = position
    return last


def _join_open_quotes(lines: list[str], first: int, numbers: Sequence[int], name: str) -> tuple[list[int], list[str]]:
    """Records of a file with quotes: a line with an odd number of them goes on in the next line."""
    records, firsts, after = [], [], 0
    for number in numbers:
        if number <= after:  # part of the record before
            continue
        record, after = lines[number - first], number
        while record.count('"') % 2:
            if after - first + 1 == len(lines) or len(record) > MAX_RECORD:
                raise line_error(name, number, f"a quote is opened and never closed: {record[:77]!r}")
            record, after = record + "\n" + lines[after - first + 1], after + 1
        records.append(record)
        firsts.append(number)
    return firsts, records
