"""A table of scores, our own or another tool's, read and checked.

Everything works on whole columns, so that a million rows take seconds. Errors name the line.
"""

import csv
import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.csv as arrow_csv

from facecore.errors import PairListError
from facecore.verification.csvlist import LABEL_COLUMNS, PATH_COLUMNS, SHORT_COLUMNS, plain_name
from facecore.verification.fields import LABELS

SEPARATORS = (",", ";", "\t")
QUALITY_COLUMNS = ("left_quality", "right_quality")


@dataclass(frozen=True)
class Columns:
    """Which columns of a CSV hold what.

    Attributes:
        score: the number that says how alike two photos are.
        label: whether they show the same person; None looks for its usual names.
        photos: the two columns that name the photos; None looks for their usual names.
    """

    score: str = "score"
    label: str | None = None
    photos: tuple[str, str] | None = None


def read_scores(path: Path, columns: Columns | None = None) -> pd.DataFrame:
    """Read a CSV of scores.

    Args:
        path: a CSV with a header, in UTF-8; separated by comma, semicolon or tab.
        columns: which columns hold what; None for those that `eval.score` writes.

    Returns:
        `score` (float64, NaN where the field is empty: a pair that failed), and where there are such: `left`, `right`
        (text), `label` (nullable boolean), `probability`, `left_quality`, `right_quality` (float64), `fold`, and every
        other column as text. One row a pair, in the file's order.

    Raises:
        PairListError: the file cannot be read, a column is missing, or a field is not what its column needs: NaN, an
            infinite number or text for a score, something else than 0 or 1, true or false, same or different for a
            label. Names the line.
    """
    columns = columns or Columns()
    header, separator = _header(path, columns)
    ours = _ours(header, columns, path.name)
    meaning = {given: name for name, given in ours.items()}
    taken = {*ours, *meaning.values()}
    names: list[str] = []
    for given in header:
        name = meaning.get(given) or (f"{given}_in_file" if given in taken else given)
        names.append(name if name not in names else f"{name} (column {len(names) + 1})")
    fields = _fields(path, separator, names)
    table = fields.to_pandas(strings_to_categorical=False)
    table["score"] = _numbers(path, fields, "score", -np.inf, np.inf)
    if "label" in names:
        table["label"] = _labels(path, fields["label"])
    for column in ("probability", *QUALITY_COLUMNS):
        if column in names:
            table[column] = _numbers(path, fields, column, 0, 1)
    if "fold" in names:
        table["fold"] = _folds(table["fold"])
    return table


def read_record(path: Path) -> dict[str, Any] | None:
    """The record that `eval.score` wrote beside a CSV, None where there is none.

    Raises:
        PairListError: there is a file of that name, and it is not such a record.
    """
    beside = path.with_suffix(".json")
    if not beside.exists():
        return None
    try:
        content = json.loads(beside.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise PairListError(
            f"{beside.name}: not a record of eval.score ({error}); move it away to do without"
        ) from None
    if not isinstance(content, dict) or not isinstance(content.get("threshold"), int | float | None):
        raise PairListError(f"{beside.name}: not a record of eval.score; move it away to do without")
    return content


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _header(path: Path, columns: Columns) -> tuple[list[str], str]:
    """The names in the first line and the separator by which the score is among them."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline(1 << 20)
    except UnicodeDecodeError as error:
        raise PairListError(f"{path.name}: not UTF-8 text ({error.reason})") from error
    except OSError as error:
        raise PairListError(f"{path}: cannot be read ({error.strerror})") from error
    options = {separator: next(csv.reader([first], delimiter=separator), []) for separator in SEPARATORS}
    for separator, names in options.items():
        if columns.score in names:
            return names, separator
    names = max(options.values(), key=len)
    listed = ", ".join(names)[:500] or "none"
    advice = "name it with --score-column, and add --distance if a small number means the same person"
    raise PairListError(f"{path.name}: line 1: no column {columns.score!r}, the columns are: {listed}; {advice}", 1)


def _ours(header: list[str], columns: Columns, file: str) -> dict[str, str]:
    """Our name -> the file's name of the columns that have a meaning."""
    plain = [plain_name(name) for name in header]
    ours = {"score": columns.score}
    label = columns.label or next((header[plain.index(name)] for name in LABEL_COLUMNS if name in plain), None)
    if label is not None:
        ours["label"] = label
    if columns.photos is not None:
        ours["left"], ours["right"] = columns.photos
    else:
        for left, right in (*PATH_COLUMNS, SHORT_COLUMNS):
            if left in plain and right in plain:
                ours["left"], ours["right"] = header[plain.index(left)], header[plain.index(right)]
                break
    for name in ours.values():
        if header.count(name) != 1:
            problem = "no column" if name not in header else "more than one column"
            raise PairListError(f"{file}: line 1: {problem} {name!r}, the columns are: {', '.join(header)[:500]}", 1)
    if len(set(ours.values())) < len(ours):
        raise PairListError(f"{file}: one column cannot be two of score, label and photo: {', '.join(ours.values())}")
    return ours


def _fields(path: Path, separator: str, names: list[str]) -> pa.Table:
    """All fields below the header as text."""
    try:
        table = arrow_csv.read_csv(
            path,
            # One thread: only then does an error name the row.
            arrow_csv.ReadOptions(use_threads=False, column_names=names, skip_rows=1, block_size=1 << 22),
            arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            arrow_csv.ConvertOptions(strings_can_be_null=False, column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid as error:
        problem = str(error).replace("Row #", "line ").split("\n")[0]
        raise PairListError(f"{path.name}: not a CSV file as expected: {problem[:300]}") from error
    if not table.num_rows:
        raise PairListError(f"{path.name}: a header and no pair below it")
    return table


def _numbers(path: Path, fields: pa.Table, column: str, low: float, high: float) -> npt.NDArray[np.float64]:
    text = compute.utf8_trim_whitespace(fields[column])
    blank = compute.equal(text, pa.scalar(""))
    empty = blank.to_numpy()
    values: npt.NDArray[np.float64]
    try:
        values = compute.if_else(blank, None, text).cast(pa.float64()).to_numpy().copy()
    except pa.ArrowInvalid:  # some field is no number; or written in a way that Arrow does not know, such as +0.5
        values = np.array(pd.to_numeric(text.to_pandas(), errors="coerce"), np.float64)
    values[empty] = np.nan
    bad = ~empty & ~(np.isfinite(values) & (values >= low) & (values <= high))
    if bad.any():
        place = int(bad.argmax())
        wanted = "a finite number" if low == -np.inf else f"a number from {low:g} to {high:g}"
        hint = " (leave the field empty for a pair that failed)" if column == "score" else ""
        raise _error(path, place, f"{column} {text[place].as_py()[:40]!r} is not {wanted}{hint}")
    return values


def _labels(path: Path, fields: "pa.ChunkedArray[Any]") -> pd.Series:
    encoded = fields.combine_chunks().dictionary_encode()
    words = [str(word).strip().casefold() for word in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy()
    unknown = np.array([word not in LABELS and word != "" for word in words], bool)[codes]
    if unknown.any():
        place = int(unknown.argmax())
        given = fields[place].as_py()[:40]
        raise _error(path, place, f"{given!r} is not a label (0 or 1, true or false, same or different)")
    values = np.array([LABELS.get(word, False) for word in words], bool)[codes]
    missing = np.array([word == "" for word in words], bool)[codes]
    return pd.Series(pd.arrays.BooleanArray(values, missing))


def _folds(fields: pd.Series) -> pd.Series:
    """Whole numbers where all are such, otherwise text; NA where the field is empty."""
    known = fields.mask(fields.str.strip() == "")
    if known.dropna().str.fullmatch(r"[0-9]{1,9}").all():
        return pd.to_numeric(known).astype("Int64")
    return known


def _error(path: Path, row: int, problem: str) -> PairListError:
    """An error that names the line of a row, found by counting: there may be blank lines, and line ends in quotes."""
    line = row + 2
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        records = (reader.line_num for record in reader if record)
        line = next(islice(records, row + 1, None), line)
    return PairListError(f"{path.name}: line {line}: {problem}", line)
