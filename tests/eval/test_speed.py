import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from eval.speed.__main__ import find_photos, main
from eval.speed.against_dlib import _model
from eval.speed.stages import _operations
from facecore.errors import FacecoreError
from facecore.recognizer import FaceRecognizer


def test_times_every_stage_of_a_comparison(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, astronaut: np.ndarray
) -> None:
    Image.fromarray(astronaut).save(tmp_path / "a.png")
    assert main(["pair", str(tmp_path / "a.png"), str(tmp_path / "a.png"), "--repeat", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("512x512 px")
    names = [line.rsplit(None, 2)[0].strip() for line in lines[1:]]
    assert names == ["read", "detect", "align", "network, two faces", "compare two photos"]
    assert all(float(line.split()[-2]) > 0 for line in lines[1:])


def test_makes_its_own_photos_of_a_megapixel(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pair", "--repeat", "1"]) == 0
    assert capsys.readouterr().out.startswith("1000x1000 px")


@pytest.mark.slow
def test_times_a_training_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["step", "--repeat", "1", "--device", "cpu"]) == 0
    assert "float32" in capsys.readouterr().out


def test_mistakes(capsys: pytest.CaptureFixture[str], tmp_path: Path, coffee: np.ndarray) -> None:
    Image.fromarray(coffee).save(tmp_path / "coffee.png")
    assert main(["pair", "a.jpg"]) == 2
    assert main(["pair", "--repeat", "0"]) == 2
    assert main(["pair", str(tmp_path / "coffee.png"), str(tmp_path / "coffee.png")]) == 2
    assert "no face" in capsys.readouterr().err


@pytest.fixture
def folder(tmp_path: Path, astronaut: np.ndarray, coffee: np.ndarray) -> Path:
    """Two photos, one of them without a face, and one file that is no photo."""
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(astronaut[:256, 96:352]).save(photos / "a.png")
    Image.fromarray(coffee[:128, :128]).save(photos / "b.png")
    (photos / "c.jpg").write_bytes(b"no photo")
    return photos


@pytest.mark.slow
def test_stages_and_their_sum(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    before = torch.get_num_threads()
    assert main(["stages", str(folder), "--repeat", "1"]) == 0
    assert torch.get_num_threads() == before
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 photos, 1 faces")
    names = ["read", "detect", "align", "network, batch 1", "network, batch 64", "all together"]
    assert [line[:18].strip() for line in lines[1:7]] == names
    each = {name: float(line[18:].split()[0]) for name, line in zip(names, lines[1:7], strict=True)}
    total = float(lines[7].split("ms")[0].split()[-1])
    expected = each["read"] + each["detect"] + (each["align"] + each["network, batch 64"]) / 2
    assert total == pytest.approx(expected, abs=0.05)
    assert "% of the" in lines[8]


def test_operations_of_the_network_are_counted(recognizer: FaceRecognizer) -> None:
    # torchvision's ResNet-18 needs 1.81 billion multiplications with an addition at 224 px; a quarter at 112.
    assert _operations(recognizer) == pytest.approx(2 * 1.81e9 / 4, rel=0.1)


@pytest.mark.slow
def test_dlib_beside_ours(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    pytest.importorskip("dlib")
    assert main(["compare", str(folder), "--repeat", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("3 photos")
    assert [line.split()[0] for line in lines[1:3]] == ["dlib", "facecore"]
    assert [int(line.split()[1]) for line in lines[1:3]] == [1, 1]
    assert lines[3].endswith("times as fast as dlib")


def test_without_dlib_or_its_models(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.speed.against_dlib.find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "dlib", None)
    assert main(["compare", str(folder)]) == 2
    assert "pip install dlib-bin face-recognition-models" in capsys.readouterr().err
    with pytest.raises(FacecoreError, match="is missing: pip install dlib-bin"):
        _model("shape_predictor_5_face_landmarks.dat")


def test_growth_with_pairs_and_images(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plot = tmp_path / "growth.png"
    assert main(["growth", "--pairs", "1000", "--repeat", "1", "--plot", str(plot)]) == 0
    lines = capsys.readouterr().out.splitlines()
    counts = [int(line[14:].split()[0].replace(",", "")) for line in lines[:15]]
    assert counts == [10, 33, 100, 333, 1000] + 2 * [1, 1, 1, 3, 10]
    with Image.open(plot) as picture:
        assert min(picture.size) > 500
    assert main(["growth", "--pairs", "1000", "--repeat", "1", "--plot", str(tmp_path / "growth.doc")]) == 2
    assert main(["growth", "--pairs", "5"]) == 2


def test_photos_are_taken_evenly(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.JPG").touch()
    (tmp_path / "notes.txt").touch()
    assert [path.stem for path in find_photos([tmp_path], 4)] == ["0", "2", "5", "7"]
    assert len(find_photos([tmp_path], 99)) == 10
    with pytest.raises(ValueError, match="no photos in"):
        find_photos([], 4)
