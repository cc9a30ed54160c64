import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from eval.results import write_record, write_scores

TABLE = pd.DataFrame(
    {
        "left": ["a.jpg", "=cmd()", 'c "d", e.jpg'],
        "right": ["b.jpg", "-2.jpg", "f.jpg"],
        "score": [0.12345678, -1.0, float("nan")],
        "probability": [1.0, 0.0, float("nan")],
        "decision": ["same", "different", "failed"],
        "status": ["ok", "ok", "left:missing"],
        "label": pd.array([True, None, False], dtype="boolean"),
        "note": ["+1", "x", ""],
    }
)


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_values_as_designed(tmp_path: Path) -> None:
    write_scores(TABLE, tmp_path / "s.csv")
    assert _rows(tmp_path / "s.csv") == [
        ["left", "right", "score", "probability", "decision", "status", "label", "note"],
        ["a.jpg", "b.jpg", "0.123457", "1.000000", "same", "ok", "1", "+1"],
        ["=cmd()", "-2.jpg", "-1.000000", "0.000000", "different", "ok", "", "x"],
        ['c "d", e.jpg', "f.jpg", "", "", "failed", "left:missing", "0", ""],
    ]
    assert b"\r" not in (tmp_path / "s.csv").read_bytes()


def test_formulas_are_quoted_on_request_and_numbers_are_not(tmp_path: Path) -> None:
    write_scores(TABLE, tmp_path / "s.csv", spreadsheet_safe=True)
    row = _rows(tmp_path / "s.csv")[2]
    assert row[:3] == ["'=cmd()", "'-2.jpg", "-1.000000"]
    assert _rows(tmp_path / "s.csv")[1][-1] == "'+1"


def test_the_table_is_left_alone(tmp_path: Path) -> None:
    before = TABLE.copy()
    write_scores(TABLE, tmp_path / "s.csv", spreadsheet_safe=True)
    pd.testing.assert_frame_equal(TABLE, before)


def test_a_record_is_json_without_nan(tmp_path: Path) -> None:
    write_record({"list": "ü.txt", "n": 1}, tmp_path / "s.json")
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8")) == {"list": "ü.txt", "n": 1}
    with pytest.raises(ValueError, match="JSON"):
        write_record({"x": float("nan")}, tmp_path / "t.json")
