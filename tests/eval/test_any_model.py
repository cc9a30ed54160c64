"""The evaluator over an ONNX file gives what it gives over the model that the file was made from."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval import score
from facecore import export
from facecore.pretrained import DEFAULT_MODEL
from tests.facecore.onnx_models import needs_onnx, write_means

pytestmark = needs_onnx


@pytest.fixture
def pairs(tmp_path: Path, astronaut: np.ndarray, hopper_path: Path) -> Path:
    Image.fromarray(astronaut).save(tmp_path / "astronaut.png")
    Image.fromarray((astronaut * 0.5).astype(np.uint8)).save(tmp_path / "dark.png")
    (tmp_path / "hopper.jpg").write_bytes(hopper_path.read_bytes())
    path = tmp_path / "pairs.txt"
    path.write_text("astronaut.png dark.png 1\nastronaut.png hopper.jpg 0\nhopper.jpg missing.jpg 0\n")
    return path


def _scored(pairs: Path, name: str, *flags: str) -> tuple[list[dict[str, str]], dict[str, object]]:
    out = pairs.with_name(f"{name}.csv")
    assert score.main([str(pairs), "--out", str(out), "--workers", "0", "--device", "cpu", *flags]) == 0
    with out.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file)), json.loads(out.with_suffix(".json").read_text())


@pytest.mark.slow
def test_the_exported_model_gives_equal_scores(pairs: Path, tmp_path: Path) -> None:
    assert export.main([DEFAULT_MODEL, "--out", str(tmp_path / "net.onnx")]) == 0
    theirs, record = _scored(pairs, "theirs", "--model", str(tmp_path / "net.onnx"))
    ours, expected = _scored(pairs, "ours")
    for column in ("score", "probability"):
        for a, b in zip(theirs, ours, strict=True):
            assert (a[column] == b[column] == "") or float(a[column]) == pytest.approx(float(b[column]), abs=2e-6)
    for column in ("left", "right", "decision", "status", "label"):
        assert [row[column] for row in theirs] == [row[column] for row in ours]
    assert record["threshold"] == expected["threshold"]
    assert record["detector"] == expected["detector"]
    assert record["model"] != expected["model"]


@pytest.mark.slow
def test_a_network_from_elsewhere_gives_scores_alone(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = write_means(tmp_path / "net.onnx", (1, 3, 112, 112))
    flags = ["--onnx-mean", "127.5", "--onnx-std", "127.5", "--onnx-channels", "rgb"]
    rows, record = _scored(pairs, "scores", "--model", str(net), *flags)
    assert [row["probability"] for row in rows] == ["", "", ""]
    assert [row["score"] != "" for row in rows] == [True, True, False]
    assert record["threshold"] is None
    assert "net.onnx has no calibration" in capsys.readouterr().err
    assert all(-1 <= float(row["score"]) <= 1 for row in rows[:2])


def test_a_network_whose_input_is_not_known_is_refused(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = write_means(tmp_path / "net.onnx", (1, 3, 112, 112))
    assert score.main([str(pairs), "--out", str(tmp_path / "s.csv"), "--workers", "0", "--model", str(net)]) == 2
    assert "--onnx-mean --onnx-std --onnx-channels" in capsys.readouterr().err
    assert not (tmp_path / "s.csv").exists()
