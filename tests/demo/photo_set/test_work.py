import csv
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo.models import Models
from demo.photo_set import text, work
from demo.photo_set.tab import Sort, sorter
from demo.photo_set.work import MOST, names_of
from demo.uploads import MAX_BYTES, Upload
from eval.score import main as score
from facecore.recognizer import FaceRecognizer
from tests.demo.conftest import Photos


def upload(path: Path, name: str | None = None) -> Upload:
    return {"path": str(path), "orig_name": name or path.name, "meta": {"_type": "gradio.FileData"}}


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


@pytest.fixture
def sort(recognizer: FaceRecognizer, uploads: Path) -> Sort:
    return sorter(Models.of(recognizer), uploads)


def everything(photos: Photos) -> list[Upload]:
    paths = (photos.astronaut, photos.hopper, photos.coffee, photos.darker, photos.text, photos.sideways)
    return [upload(path) for path in paths]


def pair(details: dict[str, Any], left: int, right: int) -> dict[str, Any]:
    (found,) = (pair for pair in details["pairs"] if {pair["left"], pair["right"]} == {left, right})
    return dict(found)


def test_photos_of_one_person_come_together(sort: Sort, photos: Photos, uploads: Path) -> None:
    details, html, table = sort(everything(photos))
    assert details["why_not"] is None
    assert {frozenset(group) for group in details["groups"]} == {frozenset({0, 3, 5}), frozenset({1})}
    assert sorted(details["order"]) == [0, 1, 3, 5]
    assert details["order"].index(1) in (0, 3)  # and not between the others
    assert [photo["status"] for photo in details["photos"]] == ["ok", "ok", "no_face", "ok", "unreadable", "ok"]
    json.dumps(details, allow_nan=False)
    assert "One person in more than one photo, one photo on its own" in html
    assert "Group 1, 3 photos" in html
    assert text.no_face() in html
    assert "This file is a text file or something unknown, not a photo" in html
    assert table is not None
    pictures = sorted(Path(table).parent.glob("*.jpg"))
    assert len(pictures) == 4
    assert all(f"gradio_api/file={path}" in html for path in [*pictures, Path(table)])
    assert {path.parent for path in uploads.rglob("*") if path.is_file()} == {Path(table).parent}


def test_a_score_of_nearly_nothing_has_no_sign(sort: Sort, photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = {-0.004: ">0.00<", -0.006: ">-0.01<"}
    for score_there, shown in scores.items():
        monkeypatch.setattr(work, "cosines", lambda matrix, left, right, at=score_there: np.full(len(left), at))
        details, html, _ = sort([upload(photos.astronaut), upload(photos.hopper)])
        assert pair(details, 0, 1)["score"] == pytest.approx(score_there)
        assert html.count(shown) == 2
        assert "-0.00<" not in html


def test_another_model_sorts_the_set(
    recognizer: FaceRecognizer, open_recognizer: FaceRecognizer, photos: Photos, uploads: Path
) -> None:
    sort = sorter(Models.of(recognizer, open_recognizer), uploads)
    given = [upload(photos.astronaut), upload(photos.hopper)]
    details, html, _ = sort(given, "resnet18-open")
    expected = open_recognizer.compare(photos.astronaut, photos.hopper)
    assert details["pairs"][0]["score"] == pytest.approx(expected.score, abs=1e-5)
    assert (details["model"], details["threshold"]) == ("resnet18-open", expected.threshold)
    assert "Compared by the model resnet18-open." in html
    details, html, table = sort(given, "other")
    assert (details["pairs"], table) == ([], None)
    assert details["why_not"] in html
    assert "resnet18, resnet18-open" in details["why_not"]


def test_scores_are_those_of_the_library(sort: Sort, recognizer: FaceRecognizer, photos: Photos) -> None:
    details, _, _ = sort(everything(photos))
    assert len(details["pairs"]) == 6
    for left, right, first, second in ((0, 1, photos.astronaut, photos.hopper), (3, 5, photos.darker, photos.sideways)):
        expected = recognizer.compare(first, second)
        found = pair(details, left, right)
        assert found["score"] == pytest.approx(expected.score, abs=1e-5)
        assert found["probability"] == pytest.approx(expected.probability, abs=1e-5)
        assert found["decision"] == expected.verdict
        assert details["threshold"] == expected.threshold


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_the_table_is_that_of_the_command(sort: Sort, photos: Photos, tmp_path: Path) -> None:
    _, _, table = sort(everything(photos))
    assert table is not None
    ours = rows_of(Path(table))
    pairs = tmp_path / "pairs.csv"
    with pairs.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["left", "right"])
        writer.writeheader()
        writer.writerows({"left": row["left"], "right": row["right"]} for row in ours)
    out = tmp_path / "scores.csv"
    images = str(photos.astronaut.parent)
    assert score([str(pairs), "--images", images, "--out", str(out), "--no-cache", "--workers", "0"]) == 0
    theirs = rows_of(out)
    assert [list(row) for row in ours] == [list(row) for row in theirs]
    for first, second in zip(ours, theirs, strict=True):
        for name in ("score", "probability"):
            assert float(first.pop(name)) == pytest.approx(float(second.pop(name)), abs=2e-5)
        assert first == second


def cells(html: str) -> list[list[str]]:
    """The texts of the table's body, row by row."""
    (body,) = re.findall(r"<tbody>(.*?)</tbody>", html)
    rows = re.findall(r"<tr>(.*?)</tr>", body)
    return [[re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in rows]


def test_the_matrix_holds_every_pair_twice_and_names_each_verdict(sort: Sort, photos: Photos) -> None:
    details, html, _ = sort(everything(photos))
    rows, order = cells(html), details["order"]
    assert [row[0].split(" ", 1)[1] for row in rows] == [details["photos"][place]["name"] for place in order]
    words = {"same": "same person", "different": "different people", "uncertain": "too close to call"}
    for row, left in enumerate(order):
        for column, right in enumerate(order):
            shown = rows[row][1 + column]
            if left == right:
                assert shown == text.ITSELF
                continue
            found = pair(details, left, right)
            assert shown == f"{found['score']:.2f}, {words[found['decision']]}"
    assert html.count('scope="col"') == html.count('scope="row"') + 1 == 5
    assert "<caption>" in html
    assert 'role="region" tabindex="0" aria-label=' in html


def test_a_group_has_one_frame(sort: Sort, photos: Photos) -> None:
    """Three photos: three cells on each side of the frame."""
    _, html, _ = sort(everything(photos))
    assert [len(re.findall(rf"<td class=\"[^\"]* fc-{side}\b", html)) for side in ("top", "bottom")] == [3, 3]
    assert [len(re.findall(rf"<td class=\"[^\"]* fc-{side}\b", html)) for side in ("left", "right")] == [3, 3]


def test_names_from_outside_are_text(sort: Sort, photos: Photos) -> None:
    name = "<img src=x onerror=alert(1)>\n${alert(1)}{{x}}.jpg"
    details, html, table = sort([upload(photos.astronaut, name), upload(photos.hopper, "=1+1.jpg")])
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html
    assert details["photos"][0]["name"] == name.replace("\n", "\\n")
    assert table is not None
    assert "'=1+1.jpg" in Path(table).read_text()  # a spreadsheet would run it


def test_no_two_photos_have_one_name() -> None:
    files = [{"orig_name": "a.jpg"}, {"path": "/tmp/x/a.jpg"}, {"orig_name": "a.jpg (2)"}, {"orig_name": "a.jpg"}, {}]
    assert names_of(files) == ["a.jpg", "a.jpg (2)", "a.jpg (2) (2)", "a.jpg (3)", "photo 5"]


def test_too_few_and_too_many(sort: Sort, photos: Photos, uploads: Path) -> None:
    for given, sentence in (
        (None, text.too_few(0, 2)),
        ([], text.too_few(0, 2)),
        ([upload(photos.astronaut)], text.too_few(1, 2)),
        ([upload(photos.astronaut)] * (MOST + 1), text.too_many(31, 30)),
    ):
        details, html, table = sort(given)
        assert details["why_not"] == sentence
        assert sentence in html
        assert table is None
        assert not uploads.exists()


def test_photos_without_faces_are_named_with_what_to_do(sort: Sort, photos: Photos, tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(photos.astronaut.read_bytes())
    os.truncate(large, MAX_BYTES + 1)
    given = [upload(large), upload(tmp_path / "gone.jpg"), upload(photos.coffee), upload(photos.astronaut)]
    details, html, table = sort(given)
    assert details["why_not"] == text.none_usable()
    assert [photo["error"] for photo in details["photos"]] == [
        text.too_large(MAX_BYTES + 1, MAX_BYTES),
        text.gone(),
        text.no_face(),
        None,
    ]
    assert all(photo["error"] in html for photo in details["photos"][:3])
    assert table is None
    assert str(tmp_path) not in html + json.dumps(details)


@pytest.mark.slow
def test_a_model_without_calibration_gives_scores_and_no_groups(
    recognizer: FaceRecognizer, photos: Photos, uploads: Path
) -> None:
    plain = FaceRecognizer(replace(recognizer.model, calibration=None), device="cpu")
    details, html, table = sorter(Models.of(plain), uploads)(everything(photos))
    assert details["groups"] is details["threshold"] is None
    assert {pair["decision"] for pair in details["pairs"]} == {None}
    assert {pair["probability"] for pair in details["pairs"]} == {None}
    assert text.NO_GROUPS in html
    assert "python -m eval.calibrate" in html
    assert "same person" not in cells(html)[0][2]
    assert table is not None
    assert Path(table).read_text().splitlines()[1].split(",")[3:] == ["", "", "ok"]


@pytest.mark.parametrize(
    ("groups", "alone", "words"),
    [
        (0, 2, "No two of these photos score as one person"),
        (1, 0, "One person in more than one photo"),
        (3, 1, "3 people in more than one photo, one photo on its own"),
        (2, 4, "2 people in more than one photo, 4 photos on their own"),
    ],
)
def test_the_answer_in_one_line(groups: int, alone: int, words: str) -> None:
    assert text.headline(groups, alone) == words


def test_pairs_that_do_not_fit_are_told() -> None:
    assert text.across(0, 0) == ""
    assert text.across(1, 0).startswith("One pair of photos that was not put together would pass as one person")
    assert text.across(2, 1).endswith("Look at them yourself: they may be of one person.")
    assert "3 pairs that were not put together are too close to call." in text.across(0, 3)
