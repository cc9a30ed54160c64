"""scores.csv and, beside it, scores.json with everything that is needed to understand the numbers later."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from facecore.checkpoint import Model
from facecore.files import atomic_path, write_text
from facecore.verification.course import KAGGLE_COLUMNS, kaggle_rows
from facecore.verification.pairs import PairSource

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
COMPUTED = ("score", "probability", "decision", "status", "label", "fold", "left_quality", "right_quality")
NUMBERS = ("score", "probability", "left_quality", "right_quality")


def write_scores(tables: Iterable[pd.DataFrame], path: Path, spreadsheet_safe: bool = False) -> None:
    """Write tables of the same columns as one CSV, whole or not at all.

    Numbers have six decimals and are empty for failed pairs; labels are 1, 0 or empty.

    Args:
        tables: as `eval.scoring.Scored.tables`; only one at a time is held.
        path: replaced if it exists.
        spreadsheet_safe: whether text that a spreadsheet would run as a formula is quoted with an apostrophe.

    Raises:
        OSError: the file cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        for number, table in enumerate(tables):
            out = {str(name): _column(str(name), table[name], spreadsheet_safe) for name in table}
            pd.DataFrame(out).to_csv(file, index=False, header=number == 0, lineterminator="\n")


def write_kaggle(source: PairSource, scores: np.ndarray, path: Path, columns: tuple[str, str] | None = None) -> None:
    """Write an id and a score a line, in the form in which courses take them; a failed pair gets -1.

    Args:
        source: the list.
        scores: (P,) float64, NaN for failed pairs.
        path: replaced if it exists.
        columns: names of the two columns; None: those of a course list, else Id and Category.

    Raises:
        OSError: the file cannot be written.
    """
    if columns is None:
        columns = source.id_column or KAGGLE_COLUMNS[0][0], source.value_column or KAGGLE_COLUMNS[0][1]
    begin = 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        for table in source.tables():
            ids = None if source.id_column is None else table[source.id_column]
            part = scores[begin : begin + len(table)]
            rows = kaggle_rows(table["left"], table["right"], part, columns, ids)
            rows.to_csv(file, index=False, header=begin == 0, lineterminator="\n")
            begin += len(table)


def _column(name: str, values: pd.Series, spreadsheet_safe: bool) -> pd.Series | list[str]:
    if name in NUMBERS:
        # NaN is the only value that is not equal to itself.
        return [f"{value:.6f}" if value == value else "" for value in values.tolist()]
    if name == "label":
        return ["" if value is None else str(int(value)) for value in values.astype(object).where(values.notna(), None)]
    if spreadsheet_safe and name not in COMPUTED:
        return [f"'{v}" if isinstance(v, str) and v.startswith(FORMULA_STARTS) else v for v in values]
    return values


def model_record(model: Model) -> dict[str, str | bool]:
    """What a record says of the model that numbers were measured on, and whether mirror images counted."""
    return {"name": model.name, "digest": model.digest, "flip": model.flip}


def write_record(record: dict[str, Any], path: Path) -> None:
    """Write the run's record as JSON, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
