"""Pair lists of every common kind -> one table.

    plain       a.jpg b.jpg                     two photos a line, parted by tabs, commas, semicolons or spaces
    labelled    a.jpg b.jpg 1                   and a label as third or first field
    csv         left,right,label,fold,...       a header names the columns
    lfw         Name 1 4 / NameA 3 NameB 5      after a first line of one or two integers

One separator holds for the whole file. A name that contains it, or begins with `#`, stands in double quotes; a double
quote within such a name is doubled. Encodings, line ends, blank lines and comments: see `listfile`.
"""

import os
from dataclasses import dataclass
from typing import Literal, get_args

import pandas as pd

from facecore.errors import PairListError
from facecore.verification.csvlist import csv_table, find_header, unknown_columns
from facecore.verification.lfw import lfw_candidates, lfw_table, looks_like_lfw
from facecore.verification.listfile import read_list
from facecore.verification.plainlist import find_layout, plain_table

__all__ = ["KINDS", "Kind", "PairList", "lfw_candidates", "read_pairs"]

Kind = Literal["plain", "labelled", "csv", "lfw"]
KINDS: tuple[Kind, ...] = get_args(Kind)


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


def read_pairs(
    path: str | os.PathLike[str], kind: Kind | None = None, columns: tuple[str, str] | None = None
) -> PairList:
    """Read a pair list.

    Where `kind` is None, it is an LFW list if its first line is one or two integers and its second a pair by name and
    number; a CSV if the first line names two known columns; else the separator and the place of the label are those
    that fit most of the first lines. `Name 1 4` without LFW's first line counts as LFW only with kind "lfw".

    Args:
        path: of the list.
        kind: read it as this kind, whatever it looks like.
        columns: names of a CSV's two path columns; a list for which they are given is a CSV.

    Raises:
        PairListError: the list cannot be read; `line` is set where a line is at fault.
        ValueError: `kind` is not one of `KINDS`.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"list kind {kind!r} is not known: use one of {', '.join(KINDS)}")
    if columns is not None and kind not in (None, "csv"):
        raise PairListError(f"{os.fspath(path)}: columns are chosen in a CSV, and this list is to be read as {kind}")
    file = read_list(path)
    if kind == "lfw" or (kind is None and columns is None and looks_like_lfw(file)):
        return PairList("lfw", lfw_table(file), file.lines)
    if kind in (None, "csv"):
        header = find_header(file, columns)
        if header is not None:
            return PairList("csv", csv_table(file, header), file.lines)
        if kind == "csv" or columns is not None:
            raise unknown_columns(file, columns)
    layout = find_layout(file, None if kind is None else kind == "labelled")
    return PairList("plain" if layout.label is None else "labelled", plain_table(file, layout), file.lines)
