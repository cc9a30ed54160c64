import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facecore.compare import main
from facecore.recognizer import FaceRecognizer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def photos(tmp_path: Path, astronaut: np.ndarray, hopper_path: Path, coffee: np.ndarray) -> Path:
    Image.fromarray(astronaut).save(tmp_path / "astronaut.png")
    (tmp_path / "hopper.jpg").write_bytes(hopper_path.read_bytes())
    Image.fromarray(coffee).save(tmp_path / "coffee.png")
    (tmp_path / "broken.jpg").write_bytes(hopper_path.read_bytes()[:3000])
    both = np.concatenate([np.asarray(Image.open(hopper_path).convert("RGB"))[:512], astronaut], axis=1)
    Image.fromarray(both).save(tmp_path / "both.png")
    return tmp_path


def test_prints_the_verdict(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(photos / "astronaut.png"), str(photos / "astronaut.png")]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("same person\n")
    for word in ("score        1.0000", "threshold", "probability", "pairs of strangers"):
        assert word in shown.out
    assert shown.err == ""


def test_the_probability_is_never_that_of_a_certainty(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left, right = str(photos / "astronaut.png"), str(photos / "hopper.jpg")
    for one, other, prior, words in [
        (left, left, "0.5", "over 0.9999 (prior 0.5)"),
        (left, right, "0.00001", "under 0.0001 (prior 1e-05)"),
    ]:
        assert main([one, other, "--prior", prior]) == 0
        assert f"probability  {words}" in capsys.readouterr().out
    assert main([left, right]) == 0
    shown = float(capsys.readouterr().out.partition("probability  ")[2].split()[0])
    assert 0.0001 <= shown < 0.5


def test_a_score_of_nearly_nothing_has_no_sign(
    photos: Path, recognizer: FaceRecognizer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = str(photos / "astronaut.png"), str(photos / "hopper.jpg")
    found = recognizer.compare(left, right)
    for score, shown in ((-0.00004, "0.0000"), (-0.00006, "-0.0001")):
        monkeypatch.setattr(FaceRecognizer, "compare", lambda *_, at=score, **__: replace(found, score=at))
        assert main([left, right]) == 0
        assert f"score        {shown}\n" in capsys.readouterr().out


def test_json_is_what_the_library_says(
    photos: Path, recognizer: FaceRecognizer, capsys: pytest.CaptureFixture[str]
) -> None:
    left, right = str(photos / "astronaut.png"), str(photos / "hopper.jpg")
    assert main([left, right, "--json", "--prior", "0.1"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == recognizer.compare(left, right, prior=0.1).to_dict()


def test_says_which_of_several_faces_was_compared(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(photos / "both.png"), str(photos / "astronaut.png"), "--face", "1"]) == 2
    assert "no face number 1" in capsys.readouterr().err  # the other photo has one face only
    assert main([str(photos / "both.png"), str(photos / "astronaut.png")]) == 0
    assert "2 faces found, the largest was compared" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("left", "words"), [("coffee.png", "no face"), ("broken.jpg", "broken.jpg"), ("missing.jpg", "missing.jpg")]
)
def test_a_photo_that_cannot_be_used_is_named(
    photos: Path, capsys: pytest.CaptureFixture[str], left: str, words: str
) -> None:
    assert main([str(photos / left), str(photos / "hopper.jpg")]) == 2
    shown = capsys.readouterr()
    assert words in shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    "flags", [["--face", "biggest"], ["--model", "nothing"], ["--far", "2"], ["--prior", "1"], ["--device", "gpu"]]
)
def test_wrong_flags(photos: Path, capsys: pytest.CaptureFixture[str], flags: list[str]) -> None:
    assert main([str(photos / "hopper.jpg"), str(photos / "hopper.jpg"), *flags]) == 2
    assert capsys.readouterr().err.startswith("python -m facecore.compare: ")


@pytest.mark.slow
def test_runs_as_a_module_from_anywhere(photos: Path) -> None:
    command = [sys.executable, "-m", "facecore.compare", "hopper.jpg", "astronaut.png"]
    done = subprocess.run(
        command, cwd=photos, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "score" in done.stdout
