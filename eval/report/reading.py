"""A table of scores, our own or another tool's, read and checked.

Everything works on whole columns, so that a million rows take seconds. Errors name the line.
"""

import csv
import json
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from facecore.errors import PairListError
from facecore.verification.csvlist import LABEL_COLUMNS, PATH_COLUMNS, SHORT_COLUMNS, plain_name
from facecore.verification.fields import LABELS

SEPARATORS = (",", ";", "\t")
QUALITY_COLUMNS = ("left_quality", "right_quality")
PARTS = ("part-*.csv", "part-*.parquet")
"""What `eval.score --partitions` names the files of a folder of scores."""
LARGEST = 1e100
"""Scores beyond this are marks of something, such as the largest number there is; their squares overflow."""


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
    """Read scores.

    Args:
        path: a CSV with a header, in UTF-8, separated by comma, semicolon or tab; a Parquet file; or a folder of either
            kind, as `eval.score --partitions` writes it: part-*.csv or part-*.parquet, read in the order of names.
        columns: which columns hold what; None for those that `eval.score` writes.

    Returns:
        `score` (float64, NaN where the field is empty: a pair that failed), and where there are such: `left`, `right`
        (text), `label` (nullable boolean), `probability`, `left_quality`, `right_quality` (float64), `fold`, and every
        other column as text. One row a pair, in the file's order.

    Raises:
        PairListError: the file cannot be read, a column is missing, or a field is not what its column needs: NaN, an
            infinite number or text for a score, something else than 0 or 1, true or false, same or different for a
            label; or the files of a folder differ in their columns. Names the line (of Parquet, the row).
    """
    columns = columns or Columns()
    paths = _parts(path) if path.is_dir() else [path]
    tables = [_read(part, columns) for part in paths]
    for part, table in zip(paths[1:], tables[1:], strict=True):
        if list(table) != list(tables[0]):
            raise PairListError(f"{part}: its columns are not those of {paths[0].name}: the parts of two results?")
    table = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
    if "fold" in table:
        table["fold"] = _folds(table["fold"])
    return table


def _parts(folder: Path) -> list[Path]:
    """The files of a folder of scores, in order."""
    kinds = [found for pattern in PARTS if (found := sorted(folder.glob(pattern)))]
    if len(kinds) != 1:
        problem = "holds both CSV and Parquet parts" if kinds else f"holds no {' and no '.join(PARTS)}"
        raise PairListError(f"{folder}: this folder {problem}; give one that eval.score --partitions wrote, or a file")
    return kinds[0]


def _read(path: Path, columns: Columns) -> pd.DataFrame:
    """One file; `fold` still as text."""
    parquet_file = path.suffix == ".parquet"
    header, separator = (_parquet_header(path), "") if parquet_file else _header(path, columns)
    score = _find(header, columns.score)
    if score is None:
        listed = ", ".join(header)[:500] or "none"
        advice = "name it with --score-column, and add --distance if a small number means the same person"
        raise PairListError(f"{path.name}: line 1: no column {columns.score!r}, the columns are: {listed}; {advice}", 1)
    ours = _ours(header, replace(columns, score=score), path.name)
    meaning = {given: name for name, given in ours.items()}
    taken = {*ours, *meaning.values()}
    names: list[str] = []
    for given in header:
        name = meaning.get(given) or (f"{given}_in_file" if given in taken else given)
        names.append(name if name not in names else f"{name} (column {len(names) + 1})")
    fields = _parquet_fields(path, names) if parquet_file else _fields(path, separator, names)
    table = fields.to_pandas(strings_to_categorical=False)
    table["score"] = _numbers(path, fields, "score", -LARGEST, LARGEST)
    if "label" in names:
        table["label"] = _labels(path, fields["label"])
    for column in ("probability", *QUALITY_COLUMNS):
        if column in names:
            table[column] = _numbers(path, fields, column, 0, 1)
    return table


def read_record(path: Path) -> dict[str, Any] | None:
    """The record that `eval.score` wrote beside a file of scores, or into a folder of them; None where there is none.

    Raises:
        PairListError: there is a file of that name, and it is not such a record.
    """
    beside = path / "scores.json" if path.is_dir() else path.with_suffix(".json")
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
    """The names in the first line, and the separator: that by which the score is among them, if there is one."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline(1 << 20)
    except UnicodeDecodeError as error:
        raise PairListError(f"{path.name}: not UTF-8 text ({error.reason})") from error
    except OSError as error:
        raise PairListError(f"{path}: cannot be read ({error.strerror})") from error
    options = {separator: next(csv.reader([first], delimiter=separator), []) for separator in SEPARATORS}
    for separator, names in options.items():
        if _find(names, columns.score) is not None:
            return names, separator
    separator = max(options, key=lambda option: len(options[option]))
    return options[separator], separator


def _find(header: list[str], wanted: str) -> str | None:
    """A column of this name, or else the only one whose name differs from it in case, spaces and the like alone."""
    alike = [name for name in header if plain_name(name) == plain_name(wanted)]
    return wanted if wanted in header else alike[0] if len(alike) == 1 else None


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


def _parquet_header(path: Path) -> list[str]:
    try:
        return [str(name) for name in parquet.read_schema(path).names]
    except (pa.ArrowInvalid, OSError) as error:
        raise PairListError(f"{path}: cannot be read as Parquet ({str(error)[:300]})") from error


def _parquet_fields(path: Path, names: list[str]) -> pa.Table:
    """All rows as text, as a CSV would hold them: nothing where there is no value."""
    try:
        table = parquet.read_table(path)
        columns: list[pa.ChunkedArray[Any]] = [
            column.cast(pa.string()).fill_null(pa.scalar("")) for column in table.columns
        ]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise PairListError(f"{path}: cannot be read as a table of scores ({str(error)[:300]})") from error
    if not table.num_rows:
        raise PairListError(f"{path.name}: no pair is in it")
    return pa.table(columns, names=names)


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
        given = text[place].as_py()[:40]
        wanted = f"a number from {low:g} to {high:g}"
        if column == "score" and not np.isfinite(values[place]):
            wanted = "a finite number"
        hint = " (leave the field empty for a pair that failed)" if column == "score" else ""
        hint = " (decimals stand behind a point, not a comma)" if given.replace(",", "", 1).isdigit() else hint
        raise _error(path, place, f"{column} {given!r} is not {wanted}{hint}")
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
    if path.suffix == ".parquet":
        return PairListError(f"{path.name}: row {row + 1}: {problem}", row + 1)
    line = row + 2
    with path.open(newline="", encoding="utf-8-sig") as file:
        # Only with the right separator is it known where quotes begin: that which the first line has most of.
        first = file.readline(1 << 20)
        file.seek(0)
        reader = csv.reader(file, delimiter=max(SEPARATORS, key=first.count))
        records = (reader.line_num for record in reader if record)
        line = next(islice(records, row + 1, None), line)
    return PairListError(f"{path.name}: line {line}: {problem}", line)
