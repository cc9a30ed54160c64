import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eval.protocols.__main__ import main
from tests.eval.protocols.conftest import PhotoMaker, PlantedRun

PEOPLE = 20


@pytest.fixture
def cfp(maker: PhotoMaker, tmp_path: Path) -> Path:
    """Twenty people with two frontal photos and one profile; each fold has two people, so that nobody is in two."""
    root = tmp_path / "cfp-dataset"
    frontal, profile = [], []
    for person in range(1, PEOPLE + 1):
        for number in (1, 2):
            maker.write(root / f"Data/Images/{person:03d}/frontal/{number:02d}.jpg", str(person), number)
            frontal.append(f"{len(frontal) + 1} ../Data/Images/{person:03d}/frontal/{number:02d}.jpg")
        maker.write(root / f"Data/Images/{person:03d}/profile/01.jpg", str(person), 3)
        profile.append(f"{len(profile) + 1} ../Data/Images/{person:03d}/profile/01.jpg")
    protocol = root / "Protocol"
    for fold in range(1, 11):
        a, b = 2 * fold - 1, 2 * fold
        _split(protocol / f"Split/FF/{fold:02d}", [(2 * a - 1, 2 * a), (2 * b - 1, 2 * b)], [(2 * a, 2 * b)])
        _split(protocol / f"Split/FP/{fold:02d}", [(2 * a, a), (2 * b, b)], [(2 * a, b), (2 * b, a)])
    (protocol / "Pair_list_F.txt").write_text("\n".join(frontal))
    (protocol / "Pair_list_P.txt").write_text("\n".join(profile))
    return root


def _split(folder: Path, same: list[tuple[int, int]], diff: list[tuple[int, int]]) -> None:
    folder.mkdir(parents=True)
    for name, pairs in (("same.txt", same), ("diff.txt", diff)):
        (folder / name).write_text("\n".join(f"{a},{b}" for a, b in pairs))


@pytest.mark.parametrize("place", ["", "Protocol"])
@pytest.mark.parametrize(("protocol", "pairs", "photos"), [("FF", 30, 40), ("FP", 40, 40)])
def test_both_protocols(
    cfp: Path,
    run: PlantedRun,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    place: str,
    protocol: str,
    pairs: int,
    photos: int,
) -> None:
    out = tmp_path / "out"
    flags = ["--protocol", protocol, "--out", str(out), "--no-report"]
    assert main(["cfp", str(cfp / place), *flags]) == 0
    assert run.face == "centre"
    content = json.loads((out / "figures.json").read_text())
    assert content["protocol"] == f"cfp-{protocol.lower()}"
    assert (content["pairs"], content["images"], content["failed_pairs"]) == (pairs, photos, 0)
    folds = content["folds"]
    for name in ("accuracy", "eer", "auc"):
        assert len(folds[name]["values"]) == 10
        assert folds[name]["standard_deviation"] == pytest.approx(np.std(folds[name]["values"], ddof=1))
    rows = pd.read_csv(out / "scores.csv")
    assert sorted(set(rows["fold"])) == list(range(1, 11))
    assert rows["left"][0] == "Data/Images/001/frontal/01.jpg" or protocol == "FP"
    shown = capsys.readouterr().out
    assert f"CFP-{protocol}: {pairs} pairs" in shown
    assert "over 10 folds: accuracy" in shown
    assert "EER" in shown


@pytest.mark.parametrize("place", ["", "Data", "Data/Images"])
def test_photos_elsewhere(cfp: Path, run: PlantedRun, tmp_path: Path, place: str) -> None:
    """Crops are often kept in a folder of their own, with the same names below it."""
    elsewhere = tmp_path / "elsewhere"
    (cfp / "Data").rename(elsewhere) if not place else None
    root = elsewhere if not place else cfp / place
    out = tmp_path / "out"
    assert main(["cfp", str(cfp), "--images", str(root), "--out", str(out), "--no-report"]) == 0
    assert json.loads((out / "figures.json").read_text())["failed_pairs"] == 0
    assert (root / pd.read_csv(out / "scores.csv")["left"][0]).is_file()


def test_photos_that_are_not_there(
    cfp: Path, run: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    flags = ["--images", str(tmp_path / "empty"), "--out", str(tmp_path / "out")]
    assert main(["cfp", str(cfp), *flags]) == 2
    assert "none of the protocol's photos is there, such as Data/Images/001/frontal/" in capsys.readouterr().err


def test_no_protocol(run: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cfp", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "no CFP protocol here" in capsys.readouterr().err


def test_a_missing_photo_costs_its_pairs(cfp: Path, run: PlantedRun, tmp_path: Path) -> None:
    (cfp / "Data/Images/001/profile/01.jpg").unlink()
    out = tmp_path / "out"
    assert main(["cfp", str(cfp), "--out", str(out), "--no-report"]) == 0
    content = json.loads((out / "figures.json").read_text())
    assert content["image_failures"] == {"missing": 1}
    assert content["failed_pairs"] == 2
    assert content["folds"]["accuracy"]["values"][0] <= 0.5
