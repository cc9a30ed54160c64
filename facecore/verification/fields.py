"""Columns of a pair list, checked: paths, labels, folds."""

from collections.abc import Iterable
from itertools import islice

import pandas as pd

from facecore.verification.listfile import ListFile

LABELS = {
    **dict.fromkeys(("1", "1.0", "true", "same", "yes", "genuine", "match"), True),
    **dict.fromkeys(("0", "0.0", "false", "different", "no", "impostor", "nonmatch", "non-match"), False),
}
"""Words for a pair's label, in any case. -1 is none of them: some lists mean "different" by it, others "failed"."""

_CHUNK = 500  # so few rows at once that the garbage collector, which looks every 700 new lists, is not woken


def is_label(field: str) -> bool:
    """Whether a field, without spaces around it, is one of the words for a label."""
    return field.casefold() in LABELS


def to_columns(file: ListFile, rows: Iterable[list[str]], width: int, start: int = 0) -> list[list[str]]:
    """Turn rows of `width` fields into that many columns; row i is record `start + i`.

    Raises:
        PairListError: a row has another number of fields.
    """
    result: list[list[str]] = [[] for _ in range(width)]
    rows = iter(rows)
    while chunk := list(islice(rows, _CHUNK)):
        if any(len(row) != width for row in chunk):
            bad = next(i for i, row in enumerate(chunk) if len(row) != width)
            found = len(chunk[bad])
            raise file.error(
                start + len(result[0]) + bad,
                f"{found} field{'s' * (found != 1)}, where this list has {width} a line "
                "(names that hold the separator must stand in double quotes)",
            )
        for column, values in zip(result, zip(*chunk, strict=True), strict=True):
            column.extend(values)
    return result


def to_paths(file: ListFile, column: list[str], start: int = 0) -> list[str]:
    """The paths without spaces and tabs around them.

    Raises:
        PairListError: one is empty or goes on in the next line.
    """
    paths = [field.strip(" \t") for field in column]
    if "" in paths:
        raise file.error(start + paths.index(""), "a photo's name is empty")
    if file.quoted:
        broken = next((i for i, path in enumerate(paths) if "\n" in path), None)
        if broken is not None:
            raise file.error(start + broken, "a quote is not closed: a name goes on in the next line")
    return paths


def to_labels(file: ListFile, column: list[str], start: int = 0, empty: bool = False) -> pd.Series:
    """Labels as nullable booleans.

    Args:
        file: for errors.
        column: the fields.
        start: record of the first field.
        empty: whether an empty field is no label (NA) rather than an error.

    Raises:
        PairListError: a field is not one of `LABELS`.
    """
    meaning: dict[str, bool | None] = {}
    for field in set(column):
        word = field.strip(" \t").casefold()
        if word in LABELS:
            meaning[field] = LABELS[word]
        elif empty and not word:
            meaning[field] = None
    if len(meaning) < len(set(column)):
        bad = next(i for i, field in enumerate(column) if field not in meaning)
        problem = f"{column[bad].strip()[:40]!r} is not a label (0 or 1, true or false, same or different)"
        raise file.error(start + bad, problem)
    return pd.Series([meaning[field] for field in column], dtype="boolean")


def to_folds(column: list[str]) -> pd.Series:
    """Folds as nullable integers where all are written as such, empty ones NA; else the text as it is."""
    for field in set(column):
        if field and not (field.isascii() and field.isdigit() and len(field) < 10 and str(int(field)) == field):
            return pd.Series(column)
    return pd.Series([int(field) if field else None for field in column], dtype="Int64")
