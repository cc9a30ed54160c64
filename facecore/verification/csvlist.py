"""Pair lists with a header that names the columns."""

from dataclasses import dataclass

import pandas as pd

from facecore.errors import PairListError
from facecore.verification.fields import to_columns, to_folds, to_labels, to_paths
from facecore.verification.listfile import SEPARATORS, WHITESPACE, ListFile, line_error

PATH_COLUMNS = (("left", "right"), ("image1", "image2"), ("file1", "file2"), ("img1", "img2"), ("path1", "path2"))
SHORT_COLUMNS = ("a", "b")
LABEL_COLUMNS = ("label", "same", "match", "issame")
"""Names are compared without regard to case, spaces, hyphens and underscores."""

RESERVED = ("left", "right", "label", "fold", "score", "probability", "decision", "status")
"""Columns that a pair list or its scores have of their own; a further one of such a name becomes `NAME_in_list`."""


@dataclass(frozen=True)
class Header:
    """The first line of a CSV: its separator, the columns' names, and which two are the paths."""

    separator: str
    names: list[str]
    left: int
    right: int


def find_header(file: ListFile, chosen: tuple[str, str] | None = None) -> Header | None:
    """The first record as a header, or None where it does not name two path columns.

    Args:
        file: the list.
        chosen: the names of the path columns, as the header spells them.
    """
    for separator in SEPARATORS:
        names = [name.strip() for name in file.fields(0, separator)]
        wanted, found = [chosen] if chosen else [], names
        if chosen is None:
            # Between spaces, "a b" may well be two photos.
            wanted = [*PATH_COLUMNS] if separator == WHITESPACE else [*PATH_COLUMNS, SHORT_COLUMNS]
            found = [plain_name(name) for name in names]
        for left, right in wanted:
            if left in found and right in found:
                return Header(separator, names, found.index(left), found.index(right))
    return None


def unknown_columns(file: ListFile, chosen: tuple[str, str] | None = None) -> PairListError:
    """The error for a header in which the path columns are not found."""
    names = max((file.fields(0, separator) for separator in SEPARATORS), key=len)
    listed = ", ".join(name.strip() or "(no name)" for name in names)
    problem = f"no columns {chosen[0]!r} and {chosen[1]!r} in the header" if chosen else "a header without path columns"
    advice = "name the two columns that hold the photos with --columns L R"
    return line_error(file.name, file.numbers[0], f"{problem}; its columns are: {listed[:500]}. Please {advice}")


def csv_table(file: ListFile, header: Header) -> pd.DataFrame:
    """Columns left, right, label and fold where there are such, then all others as text.

    Raises:
        PairListError: a line does not fit the header, or the header itself is unusable.
    """
    if len(file.records) == 1:
        raise line_error(file.name, file.numbers[0], "the list has a header and no pair below it")
    cells = to_columns(file, file.split(header.separator, 1), len(header.names), 1)
    plain = [plain_name(name) for name in header.names]
    own = {header.left, header.right}
    label = next((plain.index(name) for name in LABEL_COLUMNS if name in plain), None)
    fold = plain.index("fold") if "fold" in plain else None
    table: dict[str, list[str] | pd.Series] = {
        "left": to_paths(file, cells[header.left], 1),
        "right": to_paths(file, cells[header.right], 1),
    }
    if label is not None and label not in own:
        table["label"] = to_labels(file, cells[label], 1, empty=True)
        own.add(label)
    if fold is not None and fold not in own:
        table["fold"] = to_folds(cells[fold])
        own.add(fold)
    for place, given in enumerate(header.names):
        if place in own or (not given and not any(cells[place])):  # spreadsheets leave empty columns behind
            continue
        name = given or f"column {place + 1}"
        name = f"{name}_in_list" if name in RESERVED else name
        if name in table or header.names.count(given) > 1:
            raise line_error(file.name, file.numbers[0], f"the header has two columns called {given!r}")
        table[name] = cells[place]
    return pd.DataFrame(table)


def plain_name(name: str) -> str:
    """A column's name without case, spaces, hyphens and underscores."""
    return name.casefold().translate({ord(character): None for character in "_- \t"})
