import argparse
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from eval.calibrate import main
from facecore.pretrained import find_model
from facecore.verification.calibration import Calibration
from facecore.verification.fitting import evidence, fit
from tests.eval.protocols.conftest import PhotoMaker, PlantedRun

PEOPLE, PHOTOS = 50, 6


@pytest.fixture(scope="module")
def planted_run() -> PlantedRun:
    return PlantedRun()


@pytest.fixture(scope="module")
def photos(planted_run: PlantedRun, astronaut: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of fifty planted people, which no test changes."""
    face = Image.fromarray(astronaut).crop((150, 20, 300, 170)).resize((12, 12))
    sizes = {f"p{number:02d}": PHOTOS for number in range(PEOPLE)}
    return PhotoMaker(planted_run, [face]).people(tmp_path_factory.mktemp("photos"), sizes)


@pytest.fixture(scope="module")
def pairs(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pairs of them."""
    return _pairs(photos, range(PEOPLE), tmp_path_factory.mktemp("pairs"))


@pytest.fixture(autouse=True)
def run(planted_run: PlantedRun, monkeypatch: pytest.MonkeyPatch) -> PlantedRun:
    """The calibration embeds by this."""
    planted_run.seen.clear()

    @contextmanager
    def open_run(a: argparse.Namespace, face: str = "largest") -> Iterator[PlantedRun]:
        assert a.model
        planted_run.face = a.face or face
        yield planted_run

    monkeypatch.setattr("eval.calibrate_model.open_run", open_run)
    return planted_run


def _pairs(photos: Path, people: range, folder: Path, name: str = "pairs.csv") -> Path:
    """All pairs of some people's photos."""
    names = [f"p{p:02d}/p{p:02d}_{n:04d}.png" for p in people for n in range(1, PHOTOS + 1)]
    place = np.array([(i, j) for i in range(len(names)) for j in range(i)])
    left, right = np.array(names)[place[:, 0]], np.array(names)[place[:, 1]]
    same = place[:, 0] // PHOTOS == place[:, 1] // PHOTOS
    pd.DataFrame({"left": left, "right": right, "label": same.astype(int)}).to_csv(folder / name, index=False)
    return folder / name


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    return tmp_path / "model"


def _scores(run: PlantedRun, photos: Path, table: pd.DataFrame) -> np.ndarray:
    names = sorted(set(table["left"]) | set(table["right"]))
    matrix = run.embed([photos / name for name in names]).matrix.astype(float)
    place = {name: row for row, name in enumerate(names)}
    rows = [table[side].map(place).to_numpy() for side in ("left", "right")]
    return (matrix[rows[0]] * matrix[rows[1]]).sum(axis=1)


def test_a_calibration(
    model: Path, pairs: Path, photos: Path, run: PlantedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(model), str(pairs), "--images", str(photos)]) == 0
    content = json.loads((model / "calibration.json").read_text())
    made = Calibration.from_dict(content)
    table = pd.read_csv(pairs)
    scores, same = _scores(run, photos, table), table["label"].to_numpy(bool)
    expected = fit(scores[same], scores[~same], source={"data": "x", "digest": "y"})
    assert made.scale == pytest.approx(expected.scale, rel=1e-4)
    assert made.thresholds[1].threshold == pytest.approx(expected.thresholds[1].threshold, abs=1e-6)
    assert made.evidence == {}
    assert made.source["data"] == str(pairs)
    assert made.source["genuine"] == same.sum()
    assert made.source["images"] == PEOPLE * PHOTOS
    assert made.source["face"] == "largest"
    shown = capsys.readouterr()
    assert "at FAR 0.001, TAR" in shown.out
    assert "no threshold at FAR 0.0001: only" in shown.out
    assert "no evidence" in shown.out
    assert f"wrote {model / 'calibration.json'}" in shown.out
    assert [path.name for path in model.iterdir()] == ["calibration.json"]


def test_evidence_from_people_set_aside(
    model: Path, pairs: Path, photos: Path, run: PlantedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--images", str(photos), "--holdout", "0.3", "--seed", "5"]
    assert main([str(model), str(pairs), *flags]) == 0
    content = json.loads((model / "calibration.json").read_text())
    aside = 15
    assert content["source"]["evidence"]["images"] == aside * PHOTOS
    assert content["source"]["images"] == (PEOPLE - aside) * PHOTOS
    assert content["source"]["holdout"] == {"share": 0.3, "seed": 5, "left_out": 35 * 15 * PHOTOS**2}
    figures = content["evidence"]["all"]
    assert figures["genuine"] == aside * PHOTOS * (PHOTOS - 1) // 2
    assert figures["impostors"] == aside * (aside - 1) // 2 * PHOTOS**2
    assert figures["at_threshold"]["threshold"] == Calibration.from_dict(content).threshold
    shown = capsys.readouterr()
    assert "on other people's 225 genuine and 3,780 impostor pairs" in shown.out
    assert "18,900 with a person in either part are left out" in shown.err


def test_evidence_from_another_list(model: Path, photos: Path, run: PlantedRun, tmp_path: Path) -> None:
    pairs = _pairs(photos, range(40), tmp_path)
    proof = _pairs(photos, range(40, 50), tmp_path, "other.csv")
    assert main([str(model), str(pairs), "--images", str(photos), "--evidence", str(proof)]) == 0
    content = json.loads((model / "calibration.json").read_text())
    table = pd.read_csv(proof)
    scores, same = _scores(run, photos, table), table["label"].to_numpy(bool)
    expected = evidence(Calibration.from_dict(content), scores, same, np.full(len(table), "list"))
    assert content["evidence"]["all"]["auc"] == pytest.approx(expected["all"]["auc"])
    assert content["evidence"]["all"]["at_threshold"]["true_accepts"] == expected["all"]["at_threshold"]["true_accepts"]
    assert content["source"]["evidence"]["data"] == str(proof)


def test_evidence_from_the_same_people_is_refused(
    model: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = _pairs(photos, range(40), tmp_path)
    proof = _pairs(photos, range(39, 50), tmp_path, "other.csv")
    assert main([str(model), str(pairs), "--images", str(photos), "--evidence", str(proof)]) == 2
    assert "1 of its people are in the list that is fitted too, such as p39" in capsys.readouterr().err
    assert not list(model.iterdir())


def test_too_few_pairs(model: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = _pairs(photos, range(10), tmp_path)
    shutil.copytree(photos, tmp_path / "copy")
    (tmp_path / "copy" / "p00" / "p00_0001.png").write_bytes(b"no photo")
    assert main([str(model), str(pairs), "--images", str(tmp_path / "copy")]) == 2
    error = capsys.readouterr().err
    assert "at least 10 genuine and 10,000 impostor pairs, and these are 145 and 1,566" in error
    assert "59 pairs failed" in error
    assert "eval.protocols identities" in error
    assert not list(model.iterdir())


def test_evidence_of_one_kind(model: Path, pairs: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(model), str(pairs), "--images", str(photos), "--holdout", "0.02"]) == 2
    assert "there are 15 genuine and 0 impostor pairs of people who are not in the fit" in capsys.readouterr().err


def test_a_calibration_that_is_there_is_kept(
    model: Path, pairs: Path, photos: Path, run: PlantedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [str(model), str(pairs), "--images", str(photos)]
    assert main(flags) == 0
    before = (model / "calibration.json").read_bytes()
    run.seen.clear()
    assert main([*flags, "--face", "centre"]) == 2
    assert "is there already: --force replaces it" in capsys.readouterr().err
    assert (model / "calibration.json").read_bytes() == before
    assert not run.seen
    assert main([*flags, "--face", "centre", "--force"]) == 0
    assert json.loads((model / "calibration.json").read_text())["source"]["face"] == "centre"
    assert [path.name for path in model.iterdir()] == ["calibration.json"]


def test_a_damaged_calibration_can_be_replaced(
    model: Path, pairs: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model with a damaged one cannot be loaded, and this command is what its error names."""
    (model / "calibration.json").write_text('{"format_version": 1}')
    assert main([str(model), str(pairs), "--images", str(photos), "--force"]) == 0
    assert "is damaged and was renamed to calibration.json.old" in capsys.readouterr().err
    assert sorted(path.name for path in model.iterdir()) == ["calibration.json", "calibration.json.old"]
    Calibration.from_dict(json.loads((model / "calibration.json").read_text()))


def test_written_elsewhere(
    model: Path, pairs: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.json"
    assert main([str(model), str(pairs), "--images", str(photos), "--out", str(out)]) == 0
    assert Calibration.from_dict(json.loads(out.read_text())).source["data"] == str(pairs)
    assert not list(model.iterdir())
    assert f"to be used it must be {model / 'calibration.json'}" in capsys.readouterr().out


def test_a_bundled_model_is_calibrated_elsewhere_and_the_place_is_told(
    pairs: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["resnet18", str(pairs), "--images", str(photos)]
    assert main(arguments) == 2
    assert "is bundled" in capsys.readouterr().err
    assert main([*arguments, "--out", str(tmp_path / "mine.json")]) == 0
    assert f"it must be calibration.json in a copy of {find_model('resnet18')}" in capsys.readouterr().out


def test_a_folder_without_any_of_the_photos_is_refused(
    model: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(model), str(pairs), "--images", str(tmp_path)]) == 2
    assert "none of its photos is in" in capsys.readouterr().err


def test_beside_an_onnx_file(pairs: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"")
    assert main([str(tmp_path / "net.onnx"), str(pairs), "--images", str(photos)]) == 0
    assert (tmp_path / "net.calibration.json").exists()
    assert main([str(tmp_path / "net.onnx"), str(pairs), "--images", str(photos), "--flip"]) == 0
    assert (tmp_path / "net.calibration-flip.json").exists()


@pytest.mark.parametrize("name", ["resnet18", "hf:someone/model"])
def test_models_of_others_are_left_as_they_are(
    name: str, pairs: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if name.startswith("hf:"):
        monkeypatch.setattr("eval.calibrate_model.find_model", lambda name: photos)
    assert main([name, str(pairs), "--images", str(photos), "--force"]) == 2
    assert "its files are left as they are: give --out FILE" in capsys.readouterr().err


def test_no_folder_to_write_into(
    model: Path, pairs: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--images", str(photos), "--out", str(tmp_path / "no" / "x.json")]
    assert main([str(model), str(pairs), *flags]) == 3
    assert "there is no such folder" in capsys.readouterr().err
    assert main([str(model), str(pairs), "--images", str(photos), "--out", str(tmp_path), "--force"]) == 2
    assert "this is a folder" in capsys.readouterr().err


def test_lfw_lists_take_the_face_in_the_centre(
    model: Path, photos: Path, run: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pairs.txt").write_text("1\t1\np00\t1\t2\np00\t1\tp01\t2\n")
    assert main([str(model), str(tmp_path / "pairs.txt"), "--images", str(photos)]) == 2  # too few, but scored
    assert run.face == "centre"
    assert "these are 1 and 1 (0 pairs failed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "give a list of pairs or --shards"),
        (["pairs.csv", "--shards", "x"], "give a list of pairs or --shards"),
        (["--shards", "x", "--holdout", "0.5"], "--shards has its own evidence"),
        (["pairs.csv", "--holdout", "0.5", "--evidence", "b.csv"], "not allowed with"),
        (["pairs.csv", "--holdout", "1.5"], "a share of the people"),
        (["pairs.csv", "--model", "resnet18"], "the model is the first argument"),
        (["pairs.csv", "--images", "nowhere"], "there is no such folder of photos"),
        (["pairs.csv", "--evidence", "pairs.csv", "--evidence-images", "nowhere"], "there is no such folder of photos"),
        (["nothing.csv"], "nothing.csv"),
        (["unlabelled.txt"], "no pair has a label"),
    ],
)
def test_what_makes_no_sense(
    run: PlantedRun,
    model: Path,
    pairs: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unlabelled.txt").write_text("p00/p00_0001.png p00/p00_0002.png\n")
    shutil.copy(pairs, tmp_path / "pairs.csv")
    images = [] if "--images" in flags else ["--images", str(photos)]
    assert main([str(model), *flags, *images]) == 2
    assert message in capsys.readouterr().err
    assert not list(model.iterdir())
    assert not run.seen or "unlabelled.txt" in flags  # whatever can be seen before the work is


def test_no_model(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none"), str(pairs)]) == 2
    assert "none" in capsys.readouterr().err


def test_on_shards(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    made = fit(rng.normal(0.6, 0.1, 500), rng.normal(0, 0.1, 20_000), source={"data": "shards", "digest": "d"})
    asked: list[tuple[object, ...]] = []

    def calibrate_on_shards(*arguments: object, flip: bool) -> Calibration:
        asked.append((*arguments, flip))
        return made

    monkeypatch.setattr("eval.calibrate_model.calibrate_on_shards", calibrate_on_shards)
    assert main([str(model), "--shards", str(tmp_path), "--device", "cpu", "--batch-size", "7"]) == 0
    assert main([str(model), "--shards", str(tmp_path), "--device", "cpu", "--flip"]) == 0
    assert asked == [(model, tmp_path, "cpu", 7, False), (model, tmp_path, "cpu", 64, True)]
    for name in ("calibration.json", "calibration-flip.json"):
        assert Calibration.from_dict(json.loads((model / name).read_text())) == made


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "--holdout" in shown
    assert "--model" not in shown
