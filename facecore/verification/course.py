"""Lists as courses and Kaggle's class competitions give them: an id that names both photos, and a value.

    Id,Category                                              also `id,match`, `ID,Label`
    verification_data/000.jpg verification_data/001.jpg,0

Such a file is an answer sheet (the value is 0 or 1), or a sample of what is to be handed in (the value is any number or
missing). The result goes back in the same form, the id unchanged.
"""

import csv
import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from facecore.verification.csvlist import RESERVED, plain_name
from facecore.verification.fields import LABELS, to_columns, to_labels, to_paths
from facecore.verification.listfile import WHITESPACE, ListFile, line_error
from facecore.verification.listtext import ListText

KAGGLE_COLUMNS = (("Id", "Category"), ("id", "match"), ("ID", "Label"))
"""Names of the two columns of a submission, as courses have used them."""

FAILED = "-1"
"""The value of a pair that has no score: below every cosine but -1 itself."""

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
_SPACES = re.compile(r"[ \t]+")
_QUOTED = '[ \t"]|^#'


@dataclass(frozen=True)
class CourseHeader:
    """The first line of a course list.

    Attributes:
        separator: of its one or two fields.
        names: of the columns, as written.
        id: place of the column that names both photos.
        value: place of the other column, or None where there is none.
        holds: what that column holds: labels, or something to be carried along as text, or nothing.
    """

    separator: str
    names: tuple[str, ...]
    id: int
    value: int | None
    holds: Literal["labels", "text", "nothing"] = "text"


def find_course_header(file: ListFile) -> CourseHeader | None:
    """The first record as the header of a course list, or None where it is none.

    It is one if it names the column `id` and at most one more, and that is one of those in `KAGGLE_COLUMNS`, or the id
    in the next line holds two names (case, hyphens and underscores of the columns do not matter).
    """
    known = {plain_name(value) for _, value in KAGGLE_COLUMNS}
    for width in (2, 1):
        for separator in (",", "\t", ";"):
            names = tuple(name.strip() for name in file.fields(0, separator))
            plain = [plain_name(name) for name in names]
            if len(names) != width or plain.count("id") != 1:
                continue
            place = plain.index("id")
            header = CourseHeader(separator, names, place, 1 - place if width == 2 else None)
            if not known.isdisjoint(plain) or _names_two(file, header):
                return header
    return None


def seen_values(text: ListText, header: CourseHeader) -> CourseHeader:
    """The header, with what the column of values holds, for which the whole list is gone through.

    It holds labels if every value is one of `fields.LABELS` or empty and both kinds occur. Fractions are scores; and a
    sample of what is to be handed in often has the same 0 or 1 in every line, which says nothing of the pairs.

    Raises:
        PairListError: there is no pair below the header, or the list cannot be read.
    """
    words: set[str] = set()
    pairs = 0
    for number, block in enumerate(text.blocks()):
        first = int(number == 0)
        pairs += len(block.records) - first
        if header.value is None:
            continue
        # Lines of another width are left to `course_table`, which names them.
        new = {row[header.value] for row in block.split(header.separator, first) if len(row) == len(header.names)}
        words.update(word.strip(" \t").casefold() for word in new)
        words.discard("")
        if len(words) > len(LABELS):
            break
    if not pairs:
        raise line_error(text.name, 1, "the list has a header and no pair below it")
    if not words:
        return dataclasses.replace(header, holds="nothing")
    labels = words <= LABELS.keys() and {LABELS[word] for word in words} == {True, False}
    return dataclasses.replace(header, holds="labels" if labels else "text")


def course_table(file: ListFile, header: CourseHeader, start: bool = True) -> pd.DataFrame:
    """Columns left, right and, with labels, label (nullable boolean); then the id and other values as written.

    The id keeps its name from the header, since it is to be handed in as it is (`NAME_in_list` where a scored list has
    a column of that name itself).

    Args:
        file: the list, or a block of it.
        header: of the list, after `seen_values`.
        start: whether the first record is the header.

    Raises:
        PairListError: a line does not fit the header, an id is not the names of two photos, or a value is neither a
            label nor a number.
    """
    first = int(start)
    cells = to_columns(file, file.split(header.separator, first), len(header.names), first)
    ids = cells[header.id]
    odd = any('"' in cell or "\t" in cell for cell in ids)
    pairs = [cell.split(WHITESPACE) for cell in ids]
    for i, pair in enumerate(pairs):
        if odd or len(pair) != 2 or not (pair[0] and pair[1]):
            pairs[i] = _two_names(ids[i])
            if not pairs[i]:
                advice = "a name with spaces in it must stand in double quotes"
                problem = f"the id must be the names of two photos, parted by one space ({advice})"
                raise file.error(first + i, problem)
    table: dict[str, list[str] | pd.Series] = {
        "left": to_paths(file, [left for left, _ in pairs], first),
        "right": to_paths(file, [right for _, right in pairs], first),
    }
    if header.value is not None and header.holds == "labels":
        table["label"] = to_labels(file, cells[header.value], first, empty=True)
    table[_own_name(header.names[header.id])] = ids
    if header.value is not None and header.holds == "text":
        values = cells[header.value]
        _check_values(file, values, first)
        table[_own_name(header.names[header.value])] = values
    return pd.DataFrame(table)


def kaggle_rows(
    left: Sequence[str] | pd.Series,
    right: Sequence[str] | pd.Series,
    scores: np.ndarray,
    columns: tuple[str, str] = KAGGLE_COLUMNS[0],
    ids: Sequence[str] | pd.Series | None = None,
) -> pd.DataFrame:
    """The rows of a submission: `DataFrame.to_csv(index=False)` writes them in the form that is asked for.

    Args:
        left: (N,) names of the first photos, as the list has them.
        right: (N,) names of the second photos.
        scores: (N,) cosines; NaN or minus infinity where a pair failed.
        columns: names of the two columns, such as those in `KAGGLE_COLUMNS`.
        ids: (N,) ids of a course list, which are handed in as they stood there.

    Returns:
        Two columns of text. The id is that of `ids`, else both names parted by a space; a name with a space or double
        quote in it, or a # at its start, stands in double quotes (and its own are doubled), as in the lists themselves.
        The value is the score with six decimals, or -1.

    Raises:
        ValueError: the lengths differ, a score is plus infinity, or the columns have one name.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if columns[0] == columns[1]:
        raise ValueError(f"the two columns of a submission are both called {columns[0]!r}")
    if not len(left) == len(right) == len(scores) or (ids is not None and len(ids) != len(scores)):
        raise ValueError(f"{len(scores)} scores for {len(left)} and {len(right)} photos: there must be one for each")
    if np.isposinf(scores).any():
        raise ValueError("a score is infinite")
    values = [
        FAILED if value != value else f"{value:.6f}" for value in np.where(scores == -np.inf, np.nan, scores).tolist()
    ]
    values = ["0.000000" if value == "-0.000000" else value for value in values]
    if ids is None:
        ids = _as_name(left).str.cat(_as_name(right), sep=" ")
    return pd.DataFrame({columns[0]: pd.Series(ids, dtype="str").array, columns[1]: pd.array(values, dtype="str")})


def _as_name(names: Sequence[str] | pd.Series) -> pd.Series:
    """Names as an id has them."""
    result = pd.Series(names, dtype="str").reset_index(drop=True)
    odd = result.str.contains(_QUOTED)
    if odd.any():
        result[odd] = '"' + result[odd].str.replace('"', '""', regex=False) + '"'
    return result


def _names_two(file: ListFile, header: CourseHeader) -> bool:
    """Whether the id of the second record names two photos."""
    row = file.fields(1, header.separator) if len(file.records) > 1 else []
    return len(row) == len(header.names) and bool(_two_names(row[header.id]))


def _two_names(cell: str) -> list[str]:
    """The two names within an id, or none.

    Names with spaces and no quotes are told apart if there is just one space at which a name can end: after a suffix of
    photos.
    """
    cell = cell.strip(" \t")
    parts = _quoted_names(cell) if '"' in cell else _SPACES.split(cell)
    if len(parts) > 2 and '"' not in cell and cell.lower().endswith(_SUFFIXES):
        ends = [space for space in _SPACES.finditer(cell) if cell[: space.start()].lower().endswith(_SUFFIXES)]
        parts = [cell[: ends[0].start()], cell[ends[0].end() :]] if len(ends) == 1 else []
    return parts if len(parts) == 2 and all(parts) else []


def _quoted_names(cell: str) -> list[str]:
    try:
        cells = csv.reader([cell.replace("\t", WHITESPACE)], delimiter=WHITESPACE, skipinitialspace=True, strict=True)
        return next(cells, [])
    except csv.Error:
        return []


def _check_values(file: ListFile, values: list[str], start: int) -> None:
    """Make sure that the values are labels, finite numbers or empty.

    Raises:
        PairListError: one is none of these.
    """
    try:
        if np.isfinite(np.array(values, dtype=np.float64)).all():
            return
    except ValueError:
        pass  # which one it is, if any, comes out below
    for i, value in enumerate(values):
        word = value.strip(" \t")
        if word and word.casefold() not in LABELS and not _is_number(word):
            raise file.error(start + i, f"{word[:40]!r} is neither a label nor a score")


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _own_name(name: str) -> str:
    return f"{name}_in_list" if name in RESERVED else name
