"""Cards: what stands where, and results that do not belong to the model."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from eval.card.__main__ import TITLES, main
from eval.card.blocks import BEGIN, END, empty, fill
from eval.card.scored import read_scored
from facecore import checkpoint
from facecore.errors import DataError
from facecore.pretrained import DEFAULT_MODEL, find_model

PNG = b"\x89PNG stands in for a picture"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The bundled model without its card."""
    directory = tmp_path / "model"
    shutil.copytree(find_model(DEFAULT_MODEL), directory, ignore=shutil.ignore_patterns("README.md", "evidence"))
    return directory


def figure(value: float | None, low: float = 0.0, high: float = 1.0, share: bool = True) -> dict[str, Any]:
    return {"value": value, "interval": [low, high], "note": "too few pairs", "share": share}


def results(folder: Path, protocol: str, digest: str, failed: int = 0) -> Path:
    """As `eval.protocols` leaves them; only what a card takes from them."""
    folder.mkdir()
    tar = [{"target": 1e-3, "tar": figure(0.871, 0.85, 0.89), "false_accepts": 3, "few": True}]
    numbers = {
        "genuine": 3000, "impostors": 3000, "failed": failed, "tar_at_far": [*tar, {**tar[0], "target": 1e-6,
        "tar": figure(None)}], "auc": figure(0.99612, 0.995, 0.997, False), "eer": figure(0.0287),
        "accuracy": figure(0.7553), "cllr": figure(0.2104, 0.2, 0.22, False), "min_cllr": figure(0.1911, share=False),
    }  # fmt: skip
    report = {
        "record": {"model": {"digest": digest}},
        "figures": numbers,
        "figures_without_failed": {**numbers, "eer": figure(0.0123)} if failed else None,
        "curves": {"reliability": {"calibration_error": 0.0312}},
    }
    everyone = {"photos": 13233, "failed_photos": 1, "genuine": 242257, "impostors": 87307271}
    everyone["tar"] = [{"target": 1e-6, "tar": 0.2974, "false_accepts": 87, "few": False}]
    content = {
        "protocol": protocol,
        "title": "LFW, View 2",
        "pairs": 6000,
        "folds": {"accuracy": {"mean": 0.96983, "standard_error": 0.0024}},
        "all_pairs": everyone,
    }
    (folder / "report.json").write_text(json.dumps(report))
    (folder / "figures.json").write_text(json.dumps(content))
    for name in ("roc", "det", "reliability"):
        (folder / f"{name}.png").write_bytes(PNG)
    return folder


def digest_of(model: Path) -> str:
    return checkpoint.load(model).digest


def test_a_card_is_begun(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(model)]) == 0
    text = (model / "README.md").read_text()
    places = [text.index(BEGIN.format(name)) for name in TITLES]
    assert places == sorted(places)
    assert text.startswith("---\nlibrary_name: facecore\n")
    calibration = checkpoint.load(model).calibration
    assert calibration is not None
    assert f"Shipped threshold: {calibration.threshold:.4f}." in text
    assert f"`{digest_of(model)}`" in text
    assert f"| {calibration.evidence['all']['auc']:.4f} |" in text
    assert "wrote thresholds, accuracy in" in capsys.readouterr().err
    assert not (model / "evidence").exists()


def test_what_people_wrote_stays(model: Path) -> None:
    assert main([str(model)]) == 0
    card = model / "README.md"
    words = card.read_text().replace("## By group", "## By group\n\nMeasured on Mondays.")
    stale = words.replace("Shipped threshold", "Former threshold")
    card.write_text(stale)
    assert main([str(model)]) == 0
    assert card.read_text() == words


def test_labeled_faces_in_the_wild(model: Path, tmp_path: Path) -> None:
    folder = results(tmp_path / "lfw", "lfw", digest_of(model), failed=2)
    assert main([str(model), "--lfw", str(folder)]) == 0
    text = " ".join((model / "README.md").read_text().split())
    for words in (
        "**96.98 % (standard error 0.24)** over ten folds",
        "AUC 0.9961 (0.9950 to 0.9970), EER 2.87 % (0.00 to 100.00)",
        "accuracy at the shipped threshold 75.5 % (0.0 to 100.0)",
        "a photo of 2 of 6,000 pairs",
        "without them: EER 1.23 %, TAR 87.1 % at FAR 1e-3",
        "| 0.001 | 87.1 % (85.0 to 89.0) | 3 *few* |",
        "| 1e-06 | too few pairs | |",
        "| 1e-06 | 29.7 % | 87 |",
    ):
        assert words in text
    assert {path.name for path in (model / "evidence").iterdir()} == {"lfw-roc.png", "lfw-det.png"}
    assert (model / "evidence" / "lfw-det.png").read_bytes() == PNG


def test_reliability(model: Path, tmp_path: Path) -> None:
    folder = results(tmp_path / "people", "shards-test-people", digest_of(model))
    assert main([str(model), "--pairs", str(folder)]) == 0
    text = (model / "README.md").read_text()
    assert "Cllr 0.210 (0.200 to 0.220) bits, 0.191 (0.000 to 1.000) at its minimum" in text
    assert "stand for: 3.1 %" in text
    assert (model / "evidence" / "reliability.png").exists()


def test_groups_and_poor_photos(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    head = "by,left,right,photos,pairs,false_matches,fmr,low,high,effective_pairs,kind,few\n"
    rows = [
        "age,3-9,3-9,90,4005,80,0.02,0.015,0.025,300,within,False",
        "age,20-29,20-29,90,4005,20,0.005,0.003,0.01,300,within,False",
        "age,3-9,20-29,180,8100,4,0.0005,0.0001,0.001,300,across,True",
    ]
    (folder / "groups.csv").write_text(head + "\n".join(rows) + "\n")
    (folder / "robustness.csv").write_text("damage\n")
    (folder / "robustness.md").write_text(
        "/some/where: 300 of 900 photos.\n\n| damage |\n| --- |\n\n### Blur\n\n| levels |\n\n"
        "### The warning of hidden faces\n\n| faces | warned of |\n"
    )
    for name in ("groups", "robustness"):
        (folder / f"{name}.png").write_bytes(PNG)
        (folder / f"{name}.json").write_text(json.dumps({"model": {"digest": digest_of(model)}}))
    assert main([str(model), "--groups", str(folder), "--robustness", str(folder)]) == 0
    text = (model / "README.md").read_text()
    assert "| age | 3-9 | 2.000 % (1.500 to 2.500) | 80 of 4,005 |" in text
    assert "taken for one person 4.0 times as often" in text
    assert "The warning of hidden faces" in text
    assert "300 of 900 photos." in text
    assert "/some/where" not in text
    assert "levels" not in text
    assert (model / "groups.csv").read_bytes() == (folder / "groups.csv").read_bytes()


def test_results_of_other_weights_are_refused(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = results(tmp_path / "lfw", "lfw", "f" * 64)
    assert main([str(model), "--lfw", str(folder)]) == 2
    assert "was measured on other weights (digest ffffffffffff" in capsys.readouterr().err
    for name in ("groups", "robustness"):
        for record, words in (({"model": {"digest": "f" * 64}}, "other weights"), ({}, "does not say what model")):
            (tmp_path / f"{name}.json").write_text(json.dumps(record))
            assert main([str(model), f"--{name}", str(tmp_path)]) == 2
            assert words in capsys.readouterr().err
        (tmp_path / f"{name}.json").write_text(json.dumps({"model": {"digest": digest_of(model), "flip": True}}))
        assert main([str(model), f"--{name}", str(tmp_path)]) == 2
        assert "was measured with --flip" in capsys.readouterr().err
    assert not (model / "README.md").exists()


def test_mirror_images_have_figures_of_their_own_where_they_are_calibrated(model: Path) -> None:
    assert main([str(model)]) == 0
    calibration = checkpoint.load(model, flip=True).calibration
    assert calibration is not None
    text = (model / "README.md").read_text()
    assert f"--flip (threshold {calibration.threshold:.4f}; the network takes twice as long)" in text
    assert text.count("| both | 5,000 / 300,000 |") == 2
    (model / "calibration-flip.json").unlink()
    assert main([str(model)]) == 0
    text = (model / "README.md").read_text()
    assert text.count("| both | 5,000 / 300,000 |") == 1
    assert "--flip" not in text


def test_results_of_something_else_are_refused(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = results(tmp_path / "cfp", "cfp-fp", digest_of(model))
    assert main([str(model), "--lfw", str(folder)]) == 2
    assert "holds the protocol cfp-fp, and lfw is needed here" in capsys.readouterr().err
    with pytest.raises(DataError, match="no results of python -m eval.protocols"):
        read_scored(tmp_path, digest_of(model), "lfw")
    for flag in ("--groups", "--robustness"):
        assert main([str(model), flag, str(tmp_path)]) == 2
        assert f"no results of python -m eval.{flag[2:]}" in capsys.readouterr().err
    (tmp_path / "groups.json").write_text("[]")
    assert main([str(model), "--groups", str(tmp_path)]) == 2
    assert "not an object" in capsys.readouterr().err
    (tmp_path / "groups.json").write_text(json.dumps({"model": {"digest": digest_of(model)}}))
    assert main([str(model), "--groups", str(tmp_path)]) == 2
    assert "no table of python -m eval.groups" in capsys.readouterr().err


def test_a_picture_that_is_gone(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = results(tmp_path / "lfw", "lfw", digest_of(model))
    (folder / "det.png").unlink()
    assert main([str(model), "--lfw", str(folder)]) == 2
    assert "det.png: is not there" in capsys.readouterr().err


def test_a_model_without_calibration(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model / "calibration.json").unlink()
    assert main([str(model)]) == 2
    assert "has no calibration" in capsys.readouterr().err


def test_blocks_without_a_place_or_an_end() -> None:
    with pytest.raises(DataError, match="the card has no place for 'lfw'"):
        fill("# A card\n", {"lfw": "words"})
    with pytest.raises(DataError, match="does not end"):
        fill(BEGIN.format("lfw") + "\n", {"lfw": "words"})
    text = f"a\n{empty('lfw')}\nb\n{empty('groups')}\n"
    filled = fill(text, {"groups": "new\n\n"})
    assert filled == f"a\n{empty('lfw')}\nb\n{BEGIN.format('groups')}\n\nnew\n\n{END.format('groups')}\n"
    assert fill(filled, {"groups": "new"}) == filled
