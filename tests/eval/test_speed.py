from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.speed import main


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
