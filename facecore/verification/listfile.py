"""Records of a list and their fields; how a file becomes records: `listtext`."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from facecore.errors import PairListError

MAX_RECORD = 100_000
"""Characters in a line; more is no list of photos. The csv module stops at 131,072 in a field."""

WHITESPACE = " "
SEPARATORS = ("\t", ",", ";", WHITESPACE)
"""In order of preference; the last stands for any run of spaces and tabs."""


@dataclass(frozen=True)
class ListFile:
    """The content of a list, or of one block of it.

    Attributes:
        name: of the file, as the caller gave it.
        records: lines without blank ones and comments. A line with an open quote is joined with those that follow it.
        numbers: the line number of each record, counted from 1.
        lines: number of lines in the file.
        quoted: whether there is a double quote anywhere in the file.
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
