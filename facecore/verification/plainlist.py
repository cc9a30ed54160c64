"""Pair lists without a header: two photos a line, and perhaps a label."""

from dataclasses import dataclass

import pandas as pd

from facecore.errors import PairListError
from facecore.verification.csvlist import LABEL_COLUMNS, plain_name, unknown_columns
from facecore.verification.fields import is_label, to_columns, to_labels, to_paths
from facecore.verification.lfw import headless
from facecore.verification.listfile import SEPARATORS, ListFile

_SAMPLE = 200
_LABEL_PLACES = (None, 2, 0)


@dataclass(frozen=True)
class Layout:
    """How the lines are built: what parts the fields, and which of them is the label (None: there is none)."""

    separator: str
    label: int | None


def find_layout(file: ListFile, labelled: bool | None = None) -> Layout:
    """The layout that fits most of the first 200 lines; of equals, the separator that is less common in names.

    Args:
        file: the list.
        labelled: whether the lines have a label; None where that is not known, and the first line may be a header.

    Raises:
        PairListError: no line is a pair, or the first is a header whose columns are not known.
    """
    count = min(_SAMPLE, len(file.records))
    best, most = Layout(SEPARATORS[0], None), 0
    for separator in SEPARATORS:
        rows = [_stripped(file.fields(record, separator)) for record in range(count)]
        for label in _LABEL_PLACES:
            fits = sum(_fits(row, label) for row in rows) if labelled in (None, label is not None) else 0
            if fits > most:
                best, most = Layout(separator, label), fits
    if labelled is None and _is_header(file, best, most, count):
        raise unknown_columns(file)
    if not most:
        raise _no_pair(file, labelled)
    return best


def plain_table(file: ListFile, layout: Layout) -> pd.DataFrame:
    """Columns left, right and, with a label, label.

    Raises:
        PairListError: a line does not fit the layout.
    """
    width = 2 if layout.label is None else 3
    cells = to_columns(file, file.split(layout.separator), width)
    label = cells.pop(layout.label) if layout.label is not None else None
    table: dict[str, list[str] | pd.Series] = {"left": to_paths(file, cells[0]), "right": to_paths(file, cells[1])}
    if label is not None:
        table["label"] = to_labels(file, label)
    return pd.DataFrame(table)


def _stripped(row: list[str]) -> list[str]:
    return [field.strip(" \t") for field in row]


def _fits(row: list[str], label: int | None) -> bool:
    if not all(row):
        return False
    if label is not None:
        return len(row) == 3 and is_label(row[label])
    # A label beside a field with a space is a labelled line whose names are parted by that space.
    return len(row) == 2 and not any(is_label(row[i]) and " " in row[1 - i] for i in (0, 1))


def _is_header(file: ListFile, layout: Layout, fits: int, count: int) -> bool:
    """Whether the first line names columns: by a known name, its many fields, or because it alone has no suffixes."""
    if not fits:
        rows = [max((file.fields(record, separator) for separator in SEPARATORS[:3]), key=len) for record in (0, -1)]
        names = {plain_name(name) for name in rows[0]}
        return len(rows[0]) > 1 and (not names.isdisjoint(LABEL_COLUMNS) or (len(rows[0]) == len(rows[1]) > 3))
    rows = [_stripped(file.fields(record, layout.separator)) for record in range(count)]
    if not _fits(rows[0], layout.label) and not {plain_name(name) for name in rows[0]}.isdisjoint(LABEL_COLUMNS):
        return True
    others = [_paths(row, layout) for row in rows[1:] if _fits(row, layout.label)]
    suffixes = bool(others) and all("." in path for paths in others for path in paths)
    return suffixes and len(rows[0]) > 1 and not any("." in field for field in rows[0])


def _paths(row: list[str], layout: Layout) -> list[str]:
    return [field for place, field in enumerate(row) if place != layout.label]


def _no_pair(file: ListFile, labelled: bool | None) -> PairListError:
    if labelled is None and headless(file):
        return file.error(0, "an LFW pair, but LFW's first line is missing; read it as such with --list-kind lfw")
    widths = [len(file.fields(0, separator)) for separator in SEPARATORS]
    if max(widths) == 1:
        return file.error(0, "only one field; a pair needs the names of two photos")
    words = "a label (0 or 1, true or false, same or different)"
    if 3 in widths and labelled is not False:
        return file.error(0, f"neither the third nor the first of three fields is {words}")
    needed = {True: f"two photos and {words}", False: "two photos", None: f"two photos, and perhaps {words}"}[labelled]
    return file.error(0, f"a line must hold {needed}")
