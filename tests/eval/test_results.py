import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eval.results import write_kaggle, write_record, write_scores
from facecore.verification.pairs import open_pairs

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
    write_scores([TABLE], tmp_path / "s.csv")
    assert _rows(tmp_path / "s.csv") == [
        ["left", "right", "score", "probability", "decision", "status", "label", "note"],
        ["a.jpg", "b.jpg", "0.123457", "1.000000", "same", "ok", "1", "+1"],
        ["=cmd()", "-2.jpg", "-1.000000", "0.000000", "different", "ok", "", "x"],
        ['c "d", e.jpg', "f.jpg", "", "", "failed", "left:missing", "0", ""],
    ]
    assert b"\r" not in (tmp_path / "s.csv").read_bytes()


def test_formulas_are_quoted_on_request_and_numbers_are_not(tmp_path: Path) -> None:
    write_scores([TABLE], tmp_path / "s.csv", spreadsheet_safe=True)
    row = _rows(tmp_path / "s.csv")[2]
    assert row[:3] == ["'=cmd()", "'-2.jpg", "-1.000000"]
    assert _rows(tmp_path / "s.csv")[1][-1] == "'+1"


def test_the_table_is_left_alone(tmp_path: Path) -> None:
    before = TABLE.copy()
    write_scores([TABLE], tmp_path / "s.csv", spreadsheet_safe=True)
    pd.testing.assert_frame_equal(TABLE, before)


def test_a_record_is_json_without_nan(tmp_path: Path) -> None:
    write_record({"list": "ü.txt", "n": 1}, tmp_path / "s.json")
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8")) == {"list": "ü.txt", "n": 1}
    with pytest.raises(ValueError, match="JSON"):
        write_record({"x": float("nan")}, tmp_path / "t.json")


def test_pieces_become_one_file(tmp_path: Path) -> None:
    write_scores([TABLE], tmp_path / "whole.csv")
    write_scores([TABLE[:1], TABLE[1:]], tmp_path / "pieces.csv")
    assert (tmp_path / "whole.csv").read_bytes() == (tmp_path / "pieces.csv").read_bytes()


def test_an_error_in_a_later_piece_leaves_the_old_file(tmp_path: Path) -> None:
    def pieces() -> Iterator[pd.DataFrame]:
        yield TABLE
        raise RuntimeError

    (tmp_path / "s.csv").write_text("old")
    with pytest.raises(RuntimeError):
        write_scores(pieces(), tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["s.csv"]


def test_what_is_handed_in(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text('v/0.jpg v/1.jpg\n"v/a b.jpg" v/2.jpg\n')
    source = open_pairs(tmp_path / "p.txt")
    write_kaggle(source, np.array([0.25, np.nan]), tmp_path / "k.csv", ("id", "match"))
    assert (tmp_path / "k.csv").read_text() == 'id,match\nv/0.jpg v/1.jpg,0.250000\n"""v/a b.jpg"" v/2.jpg",-1\n'


@pytest.mark.parametrize("header", ["Id,Category", "id,match", "ID,Label"])
def test_ids_and_columns_are_handed_in_as_they_stood(tmp_path: Path, header: str) -> None:
    (tmp_path / "sample.csv").write_text(f"{header}\nv/0.jpg v/1.jpg,0\nv/2.jpg v/3.jpg,0\n")
    source = open_pairs(tmp_path / "sample.csv")
    write_kaggle(source, np.array([0.25, -0.5]), tmp_path / "k.csv")
    assert (tmp_path / "k.csv").read_text() == f"{header}\nv/0.jpg v/1.jpg,0.250000\nv/2.jpg v/3.jpg,-0.500000\n"
