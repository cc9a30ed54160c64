"""Pair lists of every common kind -> one table.

    plain       a.jpg b.jpg                     two photos a line, parted by tabs, commas, semicolons or spaces
    labelled    a.jpg b.jpg 1                   and a label as third or first field
    csv         left,right,label,fold,...       a header names the columns
    lfw         Name 1 4 / NameA 3 NameB 5      after a first line of one or two integers
    course      Id,Category                     a header; then an id of two names, `a.jpg b.jpg`, and a value
    template    1 11065                         two templates, which another file describes: see `template_list`

One separator holds for the whole file. A name that contains it, or begins with `#`, stands in double quotes; a double
quote within such a name is doubled. Encodings, line ends, blank lines and comments: see `listfile`.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import pandas as pd

from facecore.errors import PairListError
from facecore.verification.course import course_table, find_course_header, seen_values
from facecore.verification.csvlist import csv_table, find_header, unknown_columns, used_columns
from facecore.verification.lfw import lfw_candidates, lfw_table, looks_like_lfw
from facecore.verification.listfile import ListFile
from facecore.verification.listtext import ListText, open_list
from facecore.verification.plainlist import find_layout, plain_table

__all__ = ["KINDS", "Kind", "PairList", "PairSource", "lfw_candidates", "open_pairs", "read_pairs"]

Kind = Literal["plain", "labelled", "csv", "lfw", "course", "template"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_WHOLE = ("lfw",)
"""Kinds whose lines cannot be understood without the others."""


@dataclass(frozen=True)
class PairList:
    """The pairs of a list.

    Attributes:
        kind: which kind of list it was.
        table: one row a pair, in the list's order: `left`, `right` (text, as written), `label` where the list has one
            (nullable boolean; NA where a CSV's cell is empty), `fold` where it has one (integers; text from a CSV
            whose folds are not all integers), then the other columns of a CSV, as text and unchanged.
        lines: number of lines in the file.
    """

    kind: Kind
    table: pd.DataFrame
    lines: int


@dataclass(frozen=True)
class PairSource:
    """A pair list on the disk, of any length, that can be gone through as often as needed.

    Attributes:
        kind: which kind of list it is.
        lines: number of lines in the file.
        digest: SHA-256 of the file, in hexadecimal digits.
        name: of the file, as the caller gave it.
        id_column: column that holds the ids of a course list as they stand there; None in other lists.
        read: gives the tables of one pass.
        value_column: name of a course list's other column; None where there is none.
    """

    kind: Kind
    lines: int
    digest: str
    name: str
    id_column: str | None
    read: Callable[[], Iterator[pd.DataFrame]]
    value_column: str | None = None

    def tables(self) -> Iterator[pd.DataFrame]:
        """The pairs in pieces, each as `PairList.table`.

        Raises:
            PairListError: a line that cannot be read; `line` is set.
        """
        return self.read()


def open_pairs(
    path: str | os.PathLike[str], kind: Kind | None = None, columns: tuple[str, str] | None = None
) -> PairSource:
    """Find out what kind of list this is, from its first lines.

    Where `kind` is None, it is an LFW list if its first line is one or two integers and its second a pair by name and
    number; a CSV if the first line names two known columns; a course list if the first line is one of
    `course.KAGGLE_COLUMNS`; else the separator and the place of the label are those that fit most of the first lines.
    `Name 1 4` without LFW's first line counts as LFW only with kind "lfw".

    Args:
        path: of the list.
        kind: read it as this kind, whatever it looks like.
        columns: names of a CSV's two path columns; a list for which they are given is a CSV.

    Raises:
        PairListError: the list cannot be read; `line` is set where a line is at fault. Later lines are looked at when
            the tables are read.
        ValueError: `kind` is not one of `KINDS`.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"list kind {kind!r} is not known: use one of {', '.join(KINDS)}")
    if columns is not None and kind not in (None, "csv"):
        raise PairListError(f"{os.fspath(path)}: columns are chosen in a CSV, and this list is to be read as {kind}")
    if kind == "template":
        raise PairListError(f"{os.fspath(path)}: pairs of templates need the file that describes the templates too")
    text = open_list(path)
    found, table_of = _reader(text, next(text.blocks()), kind, columns)

    def tables() -> Iterator[pd.DataFrame]:
        if found in _WHOLE:
            yield table_of(text.whole(), 0)
            return
        for number, block in enumerate(text.blocks()):
            header = number == 0 and found in ("csv", "course")
            if len(block.records) > header:  # a header may stand alone in its block
                yield table_of(block, number)

    id_column = value_column = None
    if found == "course":
        id_column = next(str(name) for name in next(tables()) if name not in ("left", "right", "label"))
        header = find_course_header(next(text.blocks()))
        if header is not None and header.value is not None:
            value_column = header.names[header.value]
    return PairSource(found, text.lines, text.digest, text.name, id_column, tables, value_column)


def read_pairs(
    path: str | os.PathLike[str], kind: Kind | None = None, columns: tuple[str, str] | None = None
) -> PairList:
    """Read a whole pair list; arguments and errors are those of `open_pairs`."""
    source = open_pairs(path, kind, columns)
    tables = list(source.tables())
    return PairList(source.kind, tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True), source.lines)


def _reader(
    text: ListText, first: ListFile, kind: Kind | None, columns: tuple[str, str] | None
) -> tuple[Kind, Callable[[ListFile, int], pd.DataFrame]]:
    """The kind of a list, and what makes a table of one of its blocks and the block's number."""
    if kind == "lfw" or (kind is None and columns is None and looks_like_lfw(first)):
        return "lfw", lambda block, number: lfw_table(block)
    if kind in (None, "csv"):
        header = find_header(first, columns)
        if header is not None:
            used = used_columns(text, header)
            return "csv", lambda block, number: csv_table(block, used, start=number == 0)
        if kind == "csv" or columns is not None:
            raise unknown_columns(first, columns)
    if kind in (None, "course"):
        course = find_course_header(first)
        if course is not None:
            course = seen_values(text, course)
            return "course", lambda block, number: course_table(block, course, start=number == 0)
        if kind == "course":
            raise first.error(0, "a course list begins with a header such as Id,Category")
    layout = find_layout(first, None if kind is None else kind == "labelled")
    return "plain" if layout.label is None else "labelled", lambda block, number: plain_table(block, layout)
