import json
import shutil
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest

from eval.protocols.__main__ import main
from eval.protocols.lfw import find_lfw
from facecore.errors import DataError
from tests.eval.protocols.conftest import PhotoMaker, PlantedRun

SIZES = {"Ann_Ash": 3, "Bob_Box": 3, "Cy_Cole": 2, "Di_Dew": 1}
GENUINE = [("Ann_Ash", 1, 2), ("Bob_Box", 1, 3)]
IMPOSTOR = [("Ann_Ash", 1, "Di_Dew", 1), ("Bob_Box", 2, "Cy_Cole", 1)]


def _list(folds: int = 2) -> str:
    lines = [f"{folds}\t2"]
    for _ in range(folds):
        lines += ["\t".join(map(str, pair)) for pair in (*GENUINE, *IMPOSTOR)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def lfw(maker: PhotoMaker, tmp_path: Path) -> Path:
    root = maker.people(tmp_path / "lfw", SIZES, ".jpg")
    (root / "pairs.txt").write_text(_list())
    return root


def test_view_2(lfw: Path, run: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out" / "deep"
    assert main(["lfw", "--images", str(lfw), "--out", str(out), "--no-report"]) == 0
    assert run.face == "centre"
    rows = pd.read_csv(out / "scores.csv")
    assert list(rows.columns[:8]) == ["left", "right", "score", "probability", "decision", "status", "label", "fold"]
    assert len(rows) == 8
    assert rows["left"][0] == "Ann_Ash/Ann_Ash_0001.jpg"
    content = json.loads((out / "figures.json").read_text())
    assert content["figures"]["genuine"] == content["figures"]["impostors"] == 4
    assert content["folds"]["accuracy"]["mean"] == content["figures"]["fold_accuracy"]["mean"] == 1
    assert len(content["folds"]["accuracy"]["values"]) == 2
    record = json.loads((out / "scores.json").read_text())
    assert record["protocol"] == "lfw"
    assert record["list"]["kind"] == "lfw"
    assert record["image_root"] == str(lfw)
    shown = capsys.readouterr()
    assert "LFW, View 2 in part (2 of 10 folds): 8 pairs of 7 photos, 0 pairs failed" in shown.out
    assert "over 2 folds: accuracy 100.00 % (standard error 0.00" in shown.out
    assert "View 2 has 6,000" in shown.err
    assert not (out / "report.html").exists()


def test_the_report_comes_with_it(lfw: Path, run: PlantedRun, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["lfw", "--images", str(lfw), "--out", str(out)]) == 0
    page = (out / "report.html").read_text()
    assert "LFW, View 2" in page
    assert json.loads((out / "report.json").read_text())["pairs"]["genuine"] == 4


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_other_layouts(maker: PhotoMaker, run: PlantedRun, tmp_path: Path, flat: bool, suffix: str) -> None:
    root = maker.people(tmp_path / "photos", SIZES, suffix)
    if flat:
        for photo in list(root.rglob(f"*{suffix}")):
            photo.rename(root / photo.name)
        for name in SIZES:
            (root / name).rmdir()
    (tmp_path / "pairs.txt").write_text(_list())  # beside the folder of photos
    out = tmp_path / "out"
    assert main(["lfw", "--images", str(root), "--all-pairs", "--out", str(out), "--no-report"]) == 0
    content = json.loads((out / "figures.json").read_text())
    assert content["failed_pairs"] == 0
    assert content["all_pairs"]["people"] == 4


def test_all_pairs(lfw: Path, run: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = lfw / "Cy_Cole" / "Cy_Cole_0002.jpg"
    broken.write_bytes(b"no photo")
    out = tmp_path / "out"
    flags = ["--all-pairs", "--threshold", "0.5", "--out", str(out), "--no-report"]
    assert main(["lfw", "--images", str(lfw), *flags]) == 0
    every = json.loads((out / "figures.json").read_text())["all_pairs"]
    assert (every["photos"], every["failed_photos"], every["people"]) == (9, 1, 4)
    assert (every["genuine"], every["impostors"]) == (3 + 3 + 1, 36 - 7)
    assert (every["failed_genuine"], every["failed_impostors"]) == (1, 7)
    files = [lfw / name / f"{name}_{n:04d}.jpg" for name, count in SIZES.items() for n in range(1, count + 1)]
    found = run.embed(files)
    scores = found.matrix @ found.matrix.T
    who = np.array([file.parent.name for file in files])
    upper = np.triu(np.ones((9, 9), bool), 1)
    same = who[:, None] == who
    assert every["at_threshold"]["true_accepts"] == int((scores >= 0.5)[upper & same].sum())
    assert every["at_threshold"]["false_accepts"] == int((scores >= 0.5)[upper & ~same].sum())
    photos = pd.read_csv(out / "photos.csv")
    assert list(photos["photo"]) == sorted(str(file.relative_to(lfw)) for file in files)
    assert photos.set_index("photo")["status"]["Cy_Cole/Cy_Cole_0002.jpg"] == "no_face"
    shown = capsys.readouterr()
    assert "9 photos of 4 people (1 photos failed), 7 genuine and 29 impostor pairs (1 and 7 failed)" in shown.out
    assert "without the photos that failed:" in shown.out
    assert "at the threshold used, 0.5000" in shown.out
    assert "no_face: Cy_Cole/Cy_Cole_0002.jpg" in shown.err
    assert "all of LFW has 13,233 of 5,749" in shown.err


def test_failures_count_as_non_matches(lfw: Path, run: PlantedRun, tmp_path: Path) -> None:
    (lfw / "Ann_Ash" / "Ann_Ash_0001.jpg").write_bytes(b"no photo")
    (lfw / "Bob_Box" / "Bob_Box_0003.jpg").unlink()
    out = tmp_path / "out"
    assert main(["lfw", "--images", str(lfw), "--out", str(out), "--no-report"]) == 0
    rows = pd.read_csv(out / "scores.csv")
    assert list(rows["status"][:4]) == ["left:no_face", "right:missing", "left:no_face", "ok"]
    content = json.loads((out / "figures.json").read_text())
    assert content["failed_pairs"] == 6
    assert content["image_failures"] == {"no_face": 1, "missing": 1}
    assert content["folds"]["accuracy"]["mean"] == pytest.approx(0.25)  # one pair of four is left, an impostor pair


def test_every_photo_failed(lfw: Path, run: PlantedRun, tmp_path: Path) -> None:
    run.person_of.clear()
    out = tmp_path / "out"
    assert main(["lfw", "--images", str(lfw), "--out", str(out), "--no-report"]) == 0
    content = json.loads((out / "figures.json").read_text())
    assert content["failed_pairs"] == 8
    assert content["folds"] is None


def _lfw_home(photos: Path, home: Path, folder: str = "lfw_funneled") -> Path:
    """scikit-learn's layout."""
    shutil.copytree(photos, home / "lfw_home" / folder, ignore=shutil.ignore_patterns("pairs*"))
    for name in ("pairs.txt", "pairsDevTrain.txt", "pairsDevTest.txt"):
        (home / "lfw_home" / name).write_text(_list() if name == "pairs.txt" else _list(1).removeprefix("1\t"))
    return home


@pytest.mark.parametrize("folder", ["lfw_funneled", "lfw", "lfw-deepfunneled/lfw-deepfunneled"])
@pytest.mark.parametrize("inside", [False, True])
def test_scikit_learns_layout(lfw: Path, run: PlantedRun, tmp_path: Path, folder: str, inside: bool) -> None:
    home = _lfw_home(lfw, tmp_path / "data", folder)
    out = tmp_path / "out"
    given = home / "lfw_home" if inside else home
    assert main(["lfw", "--images", str(given), "--out", str(out), "--no-report"]) == 0
    record = json.loads((out / "scores.json").read_text())
    assert record["list"]["name"] == str(home / "lfw_home" / "pairs.txt")
    assert record["image_root"] == str(home / "lfw_home" / folder)
    assert record["failed_pairs"] == 0


def test_view_1_where_there_is_no_view_2(lfw: Path, run: PlantedRun, tmp_path: Path) -> None:
    home = _lfw_home(lfw, tmp_path / "data")
    (home / "lfw_home" / "pairs.txt").unlink()
    out = tmp_path / "out"
    assert main(["lfw", "--images", str(home), "--out", str(out), "--no-report"]) == 0
    content = json.loads((out / "figures.json").read_text())
    assert content["title"] == "LFW, View 1"
    assert content["folds"] is None
    assert content["pairs"] == 4


def test_download_by_scikit_learn(lfw: Path, run: PlantedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def fetch_lfw_pairs(**arguments: object) -> None:
        asked.append(arguments)
        _lfw_home(lfw, Path(str(arguments["data_home"])))

    monkeypatch.setattr("sklearn.datasets.fetch_lfw_pairs", fetch_lfw_pairs)
    out = tmp_path / "out"
    images = tmp_path / "fetched"
    assert main(["lfw", "--download", "--images", str(images), "--out", str(out), "--no-report"]) == 0
    assert [(call["subset"], call["data_home"]) for call in asked] == [("10_folds", str(images))]
    assert json.loads((out / "figures.json").read_text())["failed_pairs"] == 0


def test_scikit_learns_own_place(lfw: Path, run: PlantedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "sklearn"))
    out = tmp_path / "out"
    assert main(["lfw", "--out", str(out), "--no-report"]) == 2
    _lfw_home(lfw, tmp_path / "sklearn")
    assert main(["lfw", "--out", str(out), "--no-report"]) == 0


def test_a_download_that_fails(
    run: PlantedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetch_lfw_pairs(**arguments: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("sklearn.datasets.fetch_lfw_pairs", fetch_lfw_pairs)
    flags = ["--download", "--images", str(tmp_path / "x"), "--out", str(tmp_path / "out")]
    assert main(["lfw", *flags]) == 2
    assert "LFW could not be downloaded" in (error := capsys.readouterr().err)
    assert "no route to host" in error
    assert "--pairs" in error


def test_what_is_not_there(lfw: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: there is no such folder"):
        find_lfw(tmp_path / "nowhere")
    (lfw / "pairs.txt").unlink()
    with pytest.raises(DataError, match=r"there is no pairs.txt or pairsDevTest.txt here: give the list with --pairs"):
        find_lfw(lfw)
    assert find_lfw(lfw, tmp_path / "mine.txt").pairs == tmp_path / "mine.txt"


def test_a_list_of_another_kind(lfw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("a.jpg b.jpg 1\n")
    flags = ["--pairs", str(tmp_path / "mine.txt"), "--out", str(tmp_path / "out")]
    assert main(["lfw", "--images", str(lfw), *flags]) == 2
    assert "line 1" in capsys.readouterr().err


def test_results_that_cannot_be_written(lfw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("a file")
    assert main(["lfw", "--images", str(lfw), "--out", str(tmp_path / "out")]) == 3
    assert "cannot read or write" in capsys.readouterr().err


def test_a_photo_outside_is_not_read(lfw: Path, run: PlantedRun, maker: PhotoMaker, tmp_path: Path) -> None:
    secret = maker.write(tmp_path / "secret.jpg", "Di_Dew", 1)
    inside = lfw / "Di_Dew" / "Di_Dew_0001.jpg"
    inside.unlink()
    inside.symlink_to(secret)
    out = tmp_path / "out"
    assert main(["lfw", "--images", str(lfw), "--out", str(out), "--no-report"]) == 0
    assert pd.read_csv(out / "scores.csv")["status"][2] == "right:outside_root"


@pytest.mark.parametrize("flags", [["--far", "0.001"], ["--far", "0.001", "--all-pairs"], ["--threshold", "nan"]])
def test_a_decision_that_cannot_be_made_costs_no_work(
    lfw: Path, run: PlantedRun, tmp_path: Path, flags: list[str]
) -> None:
    """The planted model has no calibration."""
    assert main(["lfw", "--images", str(lfw), *flags, "--out", str(tmp_path / "out")]) == 2
    assert not run.seen


def test_a_folder_of_other_photos_is_refused(
    lfw: Path, maker: PhotoMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = maker.people(tmp_path / "other", {"Ed_Elm": 2, "Flo_Fir": 2}, ".jpg")
    out = tmp_path / "out"
    assert main(["lfw", "--images", str(other), "--pairs", str(lfw / "pairs.txt"), "--out", str(out)]) == 2
    assert "none of the list's photos is there, such as Ann_Ash/Ann_Ash_0001.jpg" in capsys.readouterr().err
    assert not list(out.iterdir())


def test_photos_that_are_links_to_elsewhere_need_a_flag(
    lfw: Path, run: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    for person in SIZES:
        (linked / person).symlink_to(lfw / person)
    arguments = ["lfw", "--images", str(linked), "--pairs", str(lfw / "pairs.txt"), "--no-report"]
    assert main([*arguments, "--out", str(tmp_path / "a")]) == 2
    assert "links to places outside it: give --allow-outside" in capsys.readouterr().err
    assert not run.seen
    assert main([*arguments, "--out", str(tmp_path / "b"), "--allow-outside"]) == 0
    assert pd.read_csv(tmp_path / "b" / "scores.csv")["score"].notna().all()
