"""Pair lists with a header that names the columns."""

import dataclasses
from dataclasses import dataclass

import pandas as pd

from facecore.errors import PairListError
from facecore.verification.fields import to_columns, to_folds, to_labels, to_paths
from facecore.verification.listfile import SEPARATORS, WHITESPACE, ListFile, line_error
from facecore.verification.listtext import ListText

PATH_COLUMNS = (("left", "right"), ("image1", "image2"), ("file1", "file2"), ("img1", "img2"), ("path1", "path2"))
SHORT_COLUMNS = ("a", "b")
LABEL_COLUMNS = ("label", "same", "match", "issame")
"""Names are compared without regard to case, spaces, hyphens and underscores."""

RESERVED = ("left", "right", "label", "fold", "score", "probability", "decision", "status")
"""Columns that a pair list or its scores have of their own; a further one of such a name becomes `NAME_in_list`."""


@dataclass(frozen=True)
class Header:
    """The first line of a CSV.

    Attributes:
        separator: of its fields.
        names: of the columns, some of which may be empty.
        left: place of the column with the first photo.
        right: place of the column with the second photo.
        unused: places of columns without name and content, as spreadsheets leave them behind.
    """

    separator: str
    names: list[str]
    left: int
    right: int
    unused: frozenset[int] = frozenset()


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


def used_columns(text: ListText, header: Header) -> Header:
    """The header, with the columns that have neither name nor content marked as unused.

    Raises:
        PairListError: there is no pair below the header, or a line does not fit it.
    """
    empty = {place for place, name in enumerate(header.names) if not name}
    pairs = 0
    for number, block in enumerate(text.blocks()):
        pairs += len(block.records) - (number == 0)
        if pairs and not empty:
            return header
        for row in block.split(header.separator, int(number == 0)):
            empty -= {place for place in empty if place < len(row) and row[place]}
    if not pairs:
        raise line_error(text.name, 1, "the list has a header and no pair below it")
    return dataclasses.replace(header, unused=frozenset(empty))


def csv_table(file: ListFile, header: Header, start: bool = True) -> pd.DataFrame:
    """Columns left, right, label and fold where there are such, then all others as text.

    Args:
        file: the list, or a block of it.
        header: of the list.
        start: whether the first record is the header.

    Raises:
        PairListError: a line does not fit the header, or the header itself is unusable.
    """
    first = int(start)
    cells = to_columns(file, file.split(header.separator, first), len(header.names), first)
    plain = [plain_name(name) for name in header.names]
    own = {header.left, header.right}
    label = next((plain.index(name) for name in LABEL_COLUMNS if name in plain), None)
    fold = plain.index("fold") if "fold" in plain else None
    table: dict[str, list[str] | pd.Series] = {
        "left": to_paths(file, cells[header.left], first),
        "right": to_paths(file, cells[header.right], first),
    }
    if label is not None and label not in own:
        table["label"] = to_labels(file, cells[label], first, empty=True)
        own.add(label)
    if fold is not None and fold not in own:
        table["fold"] = to_folds(cells[fold])
        own.add(fold)
    for place, given in enumerate(header.names):
        if place in own or place in header.unused:
            continue
        name = given or f"column {place + 1}"
        name = f"{name}_in_list" if name in RESERVED else name
        if name in table or (given and header.names.count(given) > 1):
            raise line_error(file.name, file.numbers[0], f"the header has two columns called {given!r}")
        table[name] = cells[place]
    return pd.DataFrame(table)


def plain_name(name: str) -> str:
    """A column's name without case, spaces, hyphens and underscores."""
    return name.casefold().translate({ord(character): None for character in "_- \t"})
