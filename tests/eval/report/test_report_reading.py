import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eval.engines.ray_pairs import write_parquet
from eval.report.reading import Columns, read_record, read_scores
from eval.results import write_scores
from facecore.errors import PairListError


def _write(folder: Path, text: str) -> Path:
    path = folder / "s.csv"
    path.write_bytes(text.encode("utf-8"))
    return path


def test_what_eval_score_wrote_comes_back(tmp_path: Path, table: pd.DataFrame) -> None:
    table.loc[3, ["score", "probability"]] = np.nan
    table["decision"] = "same"
    path = tmp_path / "scores.csv"
    with path.open("w", newline="") as file:
        table.assign(label=table["label"].astype(int)).to_csv(file, index=False)
    read = read_scores(path)
    assert np.isnan(read["score"][3])
    np.testing.assert_array_equal(read["score"], table["score"])
    np.testing.assert_array_equal(read["probability"], table["probability"])
    assert read["label"].tolist() == table["label"].tolist()
    assert read["fold"].tolist() == table["fold"].tolist()
    assert read["left"].tolist() == table["left"].tolist()


def test_other_tools_columns(tmp_path: Path) -> None:
    path = _write(
        tmp_path, "img1;img2;dist;Is Same;note\r\na.jpg;b.jpg; 0.25 ;True;x\r\n\r\nc.jpg;d.jpg;1e1;different;\r\n"
    )
    read = read_scores(path, Columns("dist"))
    assert read["score"].tolist() == [0.25, 10.0]
    assert read["label"].tolist() == [True, False]
    assert read["left"].tolist() == ["a.jpg", "c.jpg"]
    assert read["note"].tolist() == ["x", ""]
    by_name = read_scores(_write(tmp_path, "s,kind,p,q\n+0.5,yes,a,b\n"), Columns("s", "kind", ("p", "q")))
    assert by_name[["score", "label", "right"]].values.tolist() == [[0.5, True, "b"]]


def test_the_files_own_score_does_not_get_lost_under_another(tmp_path: Path) -> None:
    read = read_scores(_write(tmp_path, "score,mine,label\n0.1,0.9,1\n"), Columns("mine"))
    assert read["score"].tolist() == [0.9]
    assert read["score_in_file"].tolist() == ["0.1"]


def test_an_empty_score_is_a_failed_pair_and_an_empty_label_none(tmp_path: Path) -> None:
    read = read_scores(_write(tmp_path, "left,right,score,label,fold\na,b,,1,\na,c,0.5,,x\n"))
    assert np.isnan(read["score"][0])
    assert pd.isna(read["label"][1])
    assert pd.isna(read["fold"][0])
    assert read["fold"][1] == "x"


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ("nan", "'nan' is not a finite number"),
        ("inf", "'inf'"),
        ("-inf", "'-inf'"),
        ("high", "'high'"),
        ("0,5", "'0,5' is not a finite number .decimals stand behind a point"),
        ("3.4e200", "'3.4e200' is not a number from -1e.100 to 1e.100"),
    ],
)
def test_a_score_that_is_no_number_is_refused_with_its_line(tmp_path: Path, field: str, problem: str) -> None:
    path = _write(tmp_path, f'left,right,score\n"a\nb",c,0.1\n\nd,e,"{field}"\n')
    with pytest.raises(PairListError, match=problem) as caught:
        read_scores(path)
    assert "s.csv: line 5: score" in str(caught.value)
    assert caught.value.line == 5


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no column 'score'"),
        ("score\n", "no pair below"),
        ("a,b\n1,2\n", "no column 'score', the columns are: a, b.*--score-column"),
        ("score,label\n0.5,maybe\n", "line 2: 'maybe' is not a label"),
        ("score,label\n0.5,-1\n", "'-1' is not a label"),
        ("score,probability\n0.5,1.5\n", "probability '1.5' is not a number from 0 to 1"),
        ("score,left_quality\n0.5,good\n", "left_quality 'good'"),
        ("score,label\n0.5,1\n0.5\n", "[lL]ine.*3"),
        ("score,label\n0.5,1,2\n", "Expected 2 columns, got 3"),
        ("score,score\n0.5,1\n", "more than one column 'score'"),
        ("score,label\n0.5,\xff", "label"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(PairListError, match=problem):
        read_scores(_write(tmp_path, text))


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PairListError, match="cannot be read"):
        read_scores(tmp_path / "none.csv")
    with pytest.raises(PairListError, match="holds no part"):
        read_scores(tmp_path)
    (tmp_path / "b.csv").write_bytes(b"score,label\n0.5,\xff\xfe\n")
    with pytest.raises(PairListError, match="b.csv"):
        read_scores(tmp_path / "b.csv")
    with pytest.raises(PairListError, match="no column 'kind'"):
        read_scores(_write(tmp_path, "score,label\n0.5,1\n"), Columns(label="kind"))


def test_a_byte_order_mark_and_one_column_are_no_obstacle(tmp_path: Path) -> None:
    assert read_scores(_write(tmp_path, "\ufeffscore\n0.5\n0.25\n"))["score"].tolist() == [0.5, 0.25]


def test_the_record_beside_the_scores(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    assert read_record(path) is None
    (tmp_path / "s.json").write_text(json.dumps({"threshold": 0.5}))
    assert read_record(path) == {"threshold": 0.5}
    for broken in ("{", "[1]", '{"threshold": "x"}', '{"threshold": NaN}'):
        (tmp_path / "s.json").write_text(broken)
        with pytest.raises(PairListError, match="s.json: not a record of eval.score"):
            read_record(path)


def test_scores_written_by_the_evaluator_are_read(tmp_path: Path, table: pd.DataFrame) -> None:
    table["decision"] = "same"
    write_scores([table], tmp_path / "x.csv")
    np.testing.assert_allclose(read_scores(tmp_path / "x.csv")["score"], table["score"], atol=5e-7)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_line_is_named_whatever_separates_the_fields(tmp_path: Path, separator: str) -> None:
    text = 'left,right,score\nx,"a\nb",0.1\nd,e,high\n'.replace(",", separator)
    with pytest.raises(PairListError, match="s.csv: line 4: score 'high'"):
        read_scores(_write(tmp_path, text))


def test_the_score_is_found_under_a_name_that_differs_in_case_or_spaces_alone(tmp_path: Path) -> None:
    read = read_scores(_write(tmp_path, " Score ; Label\n0.5;1\n"))
    assert read[["score", "label"]].values.tolist() == [[0.5, True]]
    assert read_scores(_write(tmp_path, "SCORE,score\n0.5,0.25\n"))["score"].tolist() == [0.25]
    with pytest.raises(PairListError, match="no column 'score'"):
        read_scores(_write(tmp_path, "Score,SCORE\n0.5,0.25\n"))


def _write_parts(folder: Path, table: pd.DataFrame, ending: str) -> None:
    """As `eval.score --partitions` writes them."""
    folder.mkdir(exist_ok=True)
    for number, part in enumerate((table[:300], table[300:600], table[600:])):
        path = folder / f"part-{number:05d}.{ending}"
        if ending == "csv":
            write_scores([part], path)
        else:
            write_parquet(part, path)
    (folder / "scores.json").write_text('{"threshold": 0.5}')


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_folder_of_parts_is_read_as_one_table(tmp_path: Path, table: pd.DataFrame, ending: str) -> None:
    table.loc[[3, 400], ["score", "probability"]] = np.nan
    table.loc[310, "label"] = pd.NA
    table.loc[700, "left"] = 'a "name", 007'
    write_scores([table], tmp_path / "whole.csv")
    _write_parts(tmp_path / "parts", table, ending)
    pd.testing.assert_frame_equal(read_scores(tmp_path / "parts"), read_scores(tmp_path / "whole.csv"))
    assert read_record(tmp_path / "parts") == {"threshold": 0.5}
    if ending == "parquet":
        alone = read_scores(tmp_path / "parts" / "part-00001.parquet")
        assert alone["score"].tolist()[:5] == table["score"].tolist()[300:305]


def test_folds_are_one_kind_over_all_parts(tmp_path: Path, table: pd.DataFrame) -> None:
    table["fold"] = table["fold"].astype(str).where(table.index < 600, "last")
    _write_parts(tmp_path / "parts", table, "csv")
    assert read_scores(tmp_path / "parts")["fold"].tolist() == table["fold"].tolist()


def test_parts_that_do_not_belong_together_are_refused(tmp_path: Path, table: pd.DataFrame) -> None:
    folder = tmp_path / "parts"
    _write_parts(folder, table, "csv")
    (folder / "part-00003.csv").write_text("left,right,score,label\na,b,0.5,1\n")
    with pytest.raises(PairListError, match="part-00003.csv: its columns are not those of part-00000.csv"):
        read_scores(folder)
    (folder / "part-00003.csv").unlink()
    write_parquet(table, folder / "part-00003.parquet")
    with pytest.raises(PairListError, match="holds both CSV and Parquet"):
        read_scores(folder)
    (tmp_path / "none").mkdir()
    with pytest.raises(PairListError, match="holds no part-.*csv and no part"):
        read_scores(tmp_path / "none")


def test_broken_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(PairListError, match="s.parquet: cannot be read as Parquet"):
        read_scores(path)
    with pytest.raises(PairListError, match="none.parquet: cannot be read"):
        read_scores(tmp_path / "none.parquet")
    pq.write_table(pa.table({"score": pa.array([0.5, float("nan")])}), path)
    with pytest.raises(PairListError, match="s.parquet: row 2: score 'nan' is not a finite number"):
        read_scores(path)
    pq.write_table(pa.table({"score": [0.5], "faces": [[1, 2]]}), path)
    with pytest.raises(PairListError, match="cannot be read as a table"):
        read_scores(path)
    pq.write_table(pa.table({"score": pa.array([], pa.float64())}), path)
    with pytest.raises(PairListError, match="no pair is in it"):
        read_scores(path)
