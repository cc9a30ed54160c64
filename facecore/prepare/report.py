"""The report of what was left out: a file, and its sum in some lines."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from facecore.files import atomic_path
from facecore.prepare.verdicts import REASONS

REPORT = "report.csv"


def write_report(report: pd.DataFrame, out: Path) -> None:
    """Write OUT/report.csv, one line a photo.

    Raises:
        OSError: it cannot be written.
    """
    shown = report.round({"distance": 4, "eye_distance": 1})
    # A file name may hold bytes that are no text, which are shown escaped.
    for column in {"path", "person", "details", "face"}.intersection(shown):
        shown[column] = [text.encode("utf-8", "backslashreplace").decode() for text in shown[column]]
    with atomic_path(out / REPORT) as path:
        shown.to_csv(path, index=False)


def summary(report: pd.DataFrame, parts: Sequence[str], out: Path) -> list[str]:
    """What was kept and left out, in lines for a terminal.

    Args:
        report: see `verdicts.judge`.
        parts: lines on how it was dealt out.
        out: folder that was written.
    """
    kept = report[report["status"] == "kept"]
    people = sorted(set(report["person"]) - {""})
    first = f"{len(report):,} photos" + (f" of {len(people):,} people" if people else "") + f": {len(kept):,} kept"
    lines = [first]
    left = report.loc[report["status"] != "kept", "reason"].value_counts()
    lines += [f"left out, {REASONS[code]}: {left[code]:,}" for code in REASONS if code in left]
    doubtful = int((kept["reason"] == "outlier").sum())
    if doubtful:
        lines.append(f"kept, but {REASONS['outlier']}: {doubtful:,}")
    gone = len(set(people) - set(kept["person"]))
    if gone:
        lines.append(f"people of whom no face is left: {gone:,}")
    return [*lines, *parts, f"wrote {out}; {out / REPORT} says what became of each photo"]
