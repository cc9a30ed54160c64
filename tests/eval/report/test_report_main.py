import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from eval.report import plots
from eval.report.__main__ import main
from facecore.checkpoint import load
from facecore.pretrained import find_model
from tests.eval.report.conftest import make_table


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are not drawn."""
    monkeypatch.setattr(plots, "render", lambda draw, dress: b"\x89PNG" + dress.name.encode())


@pytest.fixture
def scores(tmp_path: Path, table: pd.DataFrame) -> Path:
    path = tmp_path / "scores.csv"
    table.to_csv(path, index=False)
    (tmp_path / "scores.json").write_text(json.dumps({"threshold": 0.35, "model": {"name": "m"}, "pairs": 800}))
    return path


def _report(tmp_path: Path, *arguments: object) -> dict[str, Any]:
    out = tmp_path / "out"
    assert main([*map(str, arguments), "--out", str(out), "--replicates", "60"]) == 0
    content: dict[str, Any] = json.loads((out / "report.json").read_text())
    return content


def test_a_table_is_printed(tmp_path: Path, scores: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = _report(tmp_path, scores)
    shown = capsys.readouterr()
    for words in ("800 pairs, 0 failed; 400 genuine, 400 impostor", "AUC", "TAR at FAR 1e-2", "few: 4 false accepts",
                  "accuracy over folds", "not enough pairs", "report.html"):  # fmt: skip
        assert words in shown.out
    assert "figures ..." in shown.err
    assert report["threshold"]["value"] == 0.35


def test_the_threshold_comes_from_another_list(tmp_path: Path, scores: Path, table: pd.DataFrame) -> None:
    dev = make_table(9)
    dev.to_csv(tmp_path / "dev.csv", index=False)
    impostors = np.sort(dev.loc[~dev["label"].astype(bool), "score"])[::-1]
    report = _report(tmp_path, scores, "--threshold-from", tmp_path / "dev.csv", "--threshold-far", "0.05")
    assert impostors[20] < report["threshold"]["value"] <= impostors[19]
    assert report["threshold"]["source"] == "the one at FAR 0.05 on dev.csv"
    assert any("photos are named in both lists" in warning for warning in report["warnings"])
    same, value = table["label"].to_numpy(bool), report["threshold"]["value"]
    assert report["figures"]["accuracy"]["value"] == pytest.approx(((table["score"] >= value) == same).mean())
    report = _report(tmp_path, scores, "--threshold-from", tmp_path / "dev.csv", "--threshold-by", "eer")
    assert report["threshold"]["source"] == "the one of equal error rates on dev.csv"
    assert _report(tmp_path, scores, "--threshold", "0.5")["threshold"]["value"] == 0.5


def test_another_tools_distances(tmp_path: Path, table: pd.DataFrame) -> None:
    theirs = pd.DataFrame({"dist": 1 - table["score"], "verified": np.where(table["label"], "Same", "different")})
    theirs.to_csv(tmp_path / "t.csv", index=False)
    arguments = (tmp_path / "t.csv", "--score-column", "dist", "--label-column", "verified", "--distance")
    report = _report(tmp_path, *arguments, "--threshold", "0.65")
    same = table["label"].to_numpy(bool)
    assert report["figures"]["auc"]["value"] > 0.9
    assert report["figures"]["frr"]["value"] == pytest.approx((theirs["dist"][same] > 0.65).mean())
    assert report["identities"]["kind"] == "pair"
    assert _report(tmp_path, *arguments)["threshold"]["value"] is None


def test_a_model_stands_in_for_the_record(tmp_path: Path, table: pd.DataFrame) -> None:
    table[["left", "right", "score", "label"]].to_csv(tmp_path / "s.csv", index=False)
    report = _report(tmp_path, tmp_path / "s.csv")
    assert "--model" in report["figures"]["accuracy"]["note"]
    assert report["figures"]["cllr"]["value"] is None
    report = _report(tmp_path, tmp_path / "s.csv", "--model", "resnet18")
    calibration = load(find_model("resnet18")).calibration
    assert calibration is not None
    assert report["threshold"]["value"] == calibration.threshold
    assert report["figures"]["cllr"]["value"] > 0


def test_both_ways_to_compare(tmp_path: Path, scores: Path, table: pd.DataFrame) -> None:
    other = tmp_path / "other.csv"
    table.assign(score=table["score"] / 2).to_csv(other, index=False)
    one = _report(tmp_path, scores, "--compare", other)
    assert one["comparison"]["differences"]["auc"]["difference"] == 0
    assert one == _report(tmp_path, "--compare", scores, other)
    assert (one["comparison"]["a"], one["comparison"]["b"]) == ("scores.csv", "other.csv")


def test_groups_by_two_columns(tmp_path: Path, scores: Path, table: pd.DataFrame) -> None:
    table.assign(l=["a", "b"] * 400, r="b").to_csv(scores, index=False)
    report = _report(tmp_path, scores, "--by", "l", "r")
    assert [group["name"] for group in report["groups"]] == ["a × b", "b × b", "within groups", "across groups"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "give a CSV"),
        (["scores.csv", "--threshold", "0.1", "--threshold-from", "scores.csv"], "not both"),
        (["scores.csv", "--threshold", "nan"], "finite"),
        (["scores.csv", "--threshold-far", "2"], "--threshold-far"),
        (["scores.csv", "--worst", "-1"], "--worst"),
        (["scores.csv", "--replicates", "1"], "--replicates"),
        (["scores.csv", "--by", "a", "b", "c"], "--by takes one column, or two"),
        (["scores.csv", "--by", "nothing"], "no such column"),
        (["scores.csv", "--images", "nowhere"], "no such folder"),
        (["scores.csv", "--identity", "name"], "--identity"),
        (["scores.csv", "--compare", "a.csv", "b.csv"], "3 are given"),
        (["--compare", "scores.csv"], "1 are given"),
        (["scores.csv", "--model", "nothing"], "nothing"),
        (["scores.csv", "--model", "resnet18", "--distance"], "no distances"),
        (["none.csv"], "cannot be read"),
        (["scores.csv", "--score-column", "x"], "no column 'x'"),
    ],
)
def test_what_cannot_be_done_is_said(
    scores: Path,
    arguments: list[str],
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(scores.parent)
    assert main([*arguments, "--out", "out"]) == 2
    assert problem in capsys.readouterr().err
    assert not (scores.parent / "out" / "report.html").exists()


def test_a_report_that_cannot_be_written(scores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main([str(scores), "--out", str(tmp_path / "file"), "--replicates", "60"]) == 3
    assert "file" in capsys.readouterr().err


def test_a_folder_of_parts_has_its_record_inside(tmp_path: Path, scores: Path, table: pd.DataFrame) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    table[:500].to_csv(parts / "part-00000.csv", index=False)
    table[500:].to_csv(parts / "part-00001.csv", index=False)
    (parts / "scores.json").write_bytes((tmp_path / "scores.json").read_bytes())
    whole, found = _report(tmp_path, scores), _report(tmp_path, parts)
    assert found["threshold"]["value"] == 0.35
    assert found["name"] == "parts"
    assert found["figures"] == whole["figures"]
