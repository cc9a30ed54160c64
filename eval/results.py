"""scores.csv and, beside it, scores.json with everything that is needed to understand the numbers later."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from facecore.files import atomic_path, write_text

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_scores(table: pd.DataFrame, path: Path, spreadsheet_safe: bool = False) -> None:
    """Write the table as CSV, whole or not at all; scores and probabilities with six decimals, empty for failed pairs.

    Args:
        table: as `eval.scoring.Scored.table`.
        path: replaced if it exists.
        spreadsheet_safe: whether text that a spreadsheet would run as a formula is quoted with an apostrophe.

    Raises:
        OSError: the file cannot be written.
    """
    out = table.copy()
    for column in ("score", "probability"):
        out[column] = [f"{value:.6f}" if np.isfinite(value) else "" for value in table[column]]
    if "label" in out:
        out["label"] = [("" if pd.isna(label) else str(int(label))) for label in table["label"]]
    if spreadsheet_safe:
        computed = ("score", "probability", "decision", "status", "label", "fold")
        for column in [str(column) for column in out if column not in computed]:
            out[column] = [f"'{v}" if isinstance(v, str) and v.startswith(FORMULA_STARTS) else v for v in out[column]]
    with atomic_path(path) as temporary:
        out.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")


def write_record(record: dict[str, Any], path: Path) -> None:
    """Write the run's record as JSON, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
