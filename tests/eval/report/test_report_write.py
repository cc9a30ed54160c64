import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from eval.report import Options, Other, plots, write_report
from eval.report.thresholds import Threshold
from facecore.errors import PairListError

PICTURES = {"scores.png", "roc.png", "det.png", "accuracy.png", "reliability.png", "discard.png"}


def _write(table: pd.DataFrame, out: Path, record: dict[str, Any] | None = None, **options: object) -> dict[str, Any]:
    report = write_report(table, record, out, Options(replicates=60, **options))
    text = (out / "report.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in report.json")) == report
    return report


def _page(out: Path) -> str:
    text = (out / "report.html").read_text(encoding="utf-8")
    # Nothing is asked of any machine: no address, no link, no script; pictures are inside.
    words = re.sub(r"base64,[A-Za-z0-9+/=]*", "base64,", text)
    assert not re.search(r"https?:|//[a-z]|<script|<link|<iframe|@import|url\(", words)
    assert set(re.findall(r'(?:src|srcset)="(data:image/(?:png|jpeg);base64,|[^"]*)', text)) <= {
        "data:image/png;base64,",
        "data:image/jpeg;base64,",
    }
    return text


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are not drawn, for tests of something else."""
    monkeypatch.setattr(plots, "render", lambda draw, dress: b"\x89PNG" + dress.name.encode())


def test_everything_is_written(tmp_path: Path, table: pd.DataFrame) -> None:
    table["left_quality"], table["right_quality"] = np.linspace(0, 1, len(table)), 0.8
    out = tmp_path / "new" / "report"
    report = _write(table, out, {"threshold": 0.35, "model": {"name": "resnet18"}, "pairs": 800})
    assert {path.name for path in out.iterdir()} == PICTURES | {"report.html", "report.json"}
    page = _page(out)
    for words in ("Equal error rate", "Cllr", "95 % interval", "not enough pairs", "resnet18", "prefers-color-scheme"):
        assert words in page.replace("\u00a0", " ")
    assert report["threshold"]["value"] == 0.35
    assert report["figures"]["auc"]["interval"]
    points = report["curves"]["discard"]["genuine"]["points"]
    # The curve of Grother and Tabassi: a share of the genuine pairs, whatever the quality of the others.
    kept = np.sort(np.minimum(table["left_quality"], 0.8)[:400].to_numpy())
    assert [(point["genuine"], point["impostors"]) for point in points[:2]] == [(400, 0), (380, 0)]
    assert points[1]["lowest_quality"] == pytest.approx(kept[20])
    assert points[1]["false_non_matches"] == (table["score"][20:400] < 0.35).sum()
    assert report["curves"]["discard"]["impostor"]["points"][0]["impostors"] == 400
    assert "Quality predicts misses" in page
    assert "does not predict false matches" in page
    assert report["figures_without_failed"] is None
    assert "No pair failed" in page


@pytest.mark.usefixtures("quick")
def test_a_former_report_is_replaced(tmp_path: Path, table: pd.DataFrame) -> None:
    table["left_quality"] = table["right_quality"] = 0.5
    _write(table, tmp_path, {"threshold": 0.35})
    (tmp_path / "mine.txt").write_text("stays")
    report = _write(table.drop(columns=["left_quality", "probability"]), tmp_path, {"threshold": 0.35})
    assert {path.name for path in tmp_path.iterdir()} == PICTURES - {"discard.png", "reliability.png"} | {
        "report.html",
        "report.json",
        "mine.txt",
    }
    assert "eval.score --quality" in report["missing_pictures"]["discard"]
    assert "probabilities" in report["missing_pictures"]["reliability"]


@pytest.mark.usefixtures("quick")
def test_foreign_text_is_shown_and_not_obeyed(tmp_path: Path, table: pd.DataFrame) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    table.loc[0, ["left", "score"]] = [evil, -1.0]
    table["group"] = "<b>bold</b>\u202e"
    record = {"threshold": 0.35, "model": {"name": evil}, "detector": evil, "image_root": evil}
    out = tmp_path / "r"
    _write(table, out, record, name=evil, by=("group",), identity="image")
    page = _page(out)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    for raw in ("<script", "<img src=x", "<b>bold", "\u202e"):
        assert raw not in page


@pytest.mark.usefixtures("quick")
def test_failed_pairs_are_counted_and_left_out(tmp_path: Path, table: pd.DataFrame) -> None:
    table.loc[:19, ["score", "probability", "status"]] = [np.nan, np.nan, "left:no_face"]
    report = _write(table, tmp_path, {"threshold": 0.35})
    assert report["pairs"]["failed"] == report["pairs"]["failed_genuine"] == 20
    assert report["pairs"]["failures"] == {"left:no_face": 20}
    assert report["figures"]["genuine"] == 400
    assert report["figures_without_failed"]["genuine"] == 380
    assert report["figures"]["frr"]["value"] > report["figures_without_failed"]["frr"]["value"]
    assert "Without the pairs that failed (20)" in _page(tmp_path)


@pytest.mark.usefixtures("quick")
def test_without_labels_only_the_scores_are_shown(tmp_path: Path, table: pd.DataFrame) -> None:
    report = _write(table.drop(columns="label"), tmp_path)
    assert report["figures"] is None
    assert report["worst"] is None
    assert sum(report["curves"]["histogram"]["unlabelled"]) == 800
    assert (tmp_path / "scores.png").exists()
    assert not (tmp_path / "roc.png").exists()
    assert "The list has no labels" in _page(tmp_path)
    with pytest.raises(ValueError, match="need labels"):
        _write(table.drop(columns="label"), tmp_path, by=("status",))


@pytest.mark.parametrize("kind", ["genuine", "impostor", "failed", "one", "bare"])
def test_odd_tables_give_a_report(tmp_path: Path, table: pd.DataFrame, kind: str) -> None:
    chosen = {
        "genuine": table[:400],
        "impostor": table[400:],
        "failed": table.assign(score=np.nan, probability=np.nan),
        "one": table[:1],
        "bare": table[["score", "label"]],
    }[kind].reset_index(drop=True)
    report = _write(chosen, tmp_path, {"threshold": 0.35})
    assert report["pairs"]["rows"] == len(chosen)
    _page(tmp_path)
    if kind == "bare":
        assert "pairs are taken as independent" in report["identities"]["sentence"]


@pytest.mark.usefixtures("quick")
def test_few_photos_behind_the_impostors_are_warned_of(tmp_path: Path, table: pd.DataFrame) -> None:
    table.loc[400:, "left"] = [f"p0/{i % 3}.png" for i in range(400)]
    table.loc[400:, "right"] = [f"p1/{i % 4}.png" for i in range(400)]
    report = _write(table, tmp_path)
    assert any("Only 7 photos carry the 400 impostor pairs" in warning for warning in report["warnings"])
    assert any("Only 2 people" in warning for warning in report["warnings"])


@pytest.mark.usefixtures("quick")
def test_two_models(tmp_path: Path, table: pd.DataFrame) -> None:
    other = table.assign(score=table["score"] / 2 + np.random.default_rng(0).normal(0, 0.2, 800))
    both = {"threshold": 0.35}, {"threshold": 0.2}
    report = _write(table, tmp_path, both[0], name="a", compare=Other(other.drop(columns="label"), both[1], "b"))
    assert report["comparison"]["differences"]["auc"]["difference"] < 0
    assert "Two models" in _page(tmp_path)
    with pytest.raises(PairListError, match="differs in left"):
        _write(table, tmp_path, compare=Other(other.assign(left="x"), None, "b"))


@pytest.mark.usefixtures("quick")
def test_the_worst_are_shown_as_pictures(tmp_path: Path, table: pd.DataFrame, astronaut: np.ndarray) -> None:
    images = tmp_path / "images"
    for name in set(table["left"][:300]) | set(table["right"][:300]):
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(astronaut[::4, ::4]).save(images / name)
    out = tmp_path / "r"
    record = {"threshold": 0.35, "image_root": str(images)}
    _write(table, out, record, worst=4)
    assert "data:image/jpeg" in _page(out)
    _write(table, out, record, worst=4, pictures=False)
    page = _page(out)
    assert "data:image/jpeg" not in page
    assert "--no-pictures" in page
    _write(table, out, {"threshold": 0.35})
    assert "their folder is not known" in _page(out)
    _write(table, out, {"threshold": 0.35, "image_root": str(tmp_path / "gone")})
    assert "is not there: give --images" in _page(out)
    _write(table, out, record, worst=0)
    assert "Worst mistakes" not in _page(out)


@pytest.mark.usefixtures("quick")
def test_a_threshold_given_goes_before_the_record(tmp_path: Path, table: pd.DataFrame) -> None:
    report = _write(table, tmp_path, {"threshold": 0.9, "pairs": 5}, threshold=Threshold(0.35, "the one given"))
    assert report["threshold"] == {"value": 0.35, "source": "the one given"}
    assert any("speaks of 5 pairs, the table has 800" in warning for warning in report["warnings"])
    report = _write(table, tmp_path, {"pairs": 800, "failed_pairs": 3})
    assert any("speaks of 3 failed pairs, the table has 0" in warning for warning in report["warnings"])
    assert not any("speaks of" in w for w in _write(table, tmp_path, {"pairs": 800, "failed_pairs": 0})["warnings"])


@pytest.mark.slow
def test_the_same_scores_give_the_same_report(tmp_path: Path, table: pd.DataFrame) -> None:
    for name in ("a", "b"):
        _write(table, tmp_path / name, {"threshold": 0.35})
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


@pytest.mark.usefixtures("quick")
def test_figures_on_few_false_accepts_are_marked_wherever_they_stand(tmp_path: Path, table: pd.DataFrame) -> None:
    table["place"] = np.where(np.arange(800) % 2, "here", "there")
    other = Other(table.assign(score=table["score"].round(1)), {"threshold": 0.5}, "b.csv")
    report = _write(table, tmp_path, {"threshold": 0.35}, by=("place",), compare=other)
    page = _page(tmp_path)
    mark = ", <b>few</b>"
    cards, groups, models = (page.split(start)[1].split("</section>")[0] for start in
                             ('class="cards"', "<h2>By place", "<h2>Two models"))  # fmt: skip
    assert mark in cards.split("<h2>")[0].split("TAR at FAR 1e-2")[1].split("</div>")[0]
    assert groups.split("every figure")[0].count(mark) >= 2
    assert report["comparison"]["few"] == ["tar@0.01"]
    assert models.count(mark) == 1
    assert 'data-label="TAR at FAR 1e-2"' in groups  # names the figure where the table is stacked on a phone


@pytest.mark.usefixtures("quick")
def test_scores_that_run_the_other_way_are_warned_of(tmp_path: Path, table: pd.DataFrame) -> None:
    turned = table.assign(score=-table["score"])
    assert any("--distance is missing" in warning for warning in _write(turned, tmp_path)["warnings"])
    assert not any("--distance" in warning for warning in _write(turned, tmp_path, distance=True)["warnings"])


@pytest.mark.usefixtures("quick")
def test_without_a_folder_of_photos_their_names_stand_alone(tmp_path: Path, table: pd.DataFrame) -> None:
    _write(table, tmp_path, {"threshold": 0.35})
    assert 'class="thumb"' not in _page(tmp_path)
    _write(table, tmp_path, {"threshold": 0.35}, images=tmp_path)
    assert "this photo is not there" in _page(tmp_path)
