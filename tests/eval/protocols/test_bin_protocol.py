import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eval.protocols.__main__ import main
from eval.protocols.bins import bin_table
from facecore.verification.binset import read_bin
from tests.eval.protocols.conftest import PhotoMaker, PlantedRun


@pytest.fixture
def bin_file(maker: PhotoMaker, tmp_path: Path) -> Path:
    """Forty pairs; one photo is in two of them."""
    photos, labels = [], []
    for number in range(20):
        photos += [maker.photo(f"p{number}", 1), maker.photo(f"p{number}", 2)]
        photos += [maker.photo(f"p{number}", 1 if number == 0 else 3), maker.photo(f"q{number}", 1)]
        labels += [True, False]
    path = tmp_path / "small_30.bin"
    path.write_bytes(pickle.dumps((photos, labels), protocol=4))
    return path


def test_a_set(bin_file: Path, run: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["bin", str(bin_file), "--out", str(out), "--no-report"]) == 0
    assert run.face == "centre"
    assert all(isinstance(photo, bytes) for photo in run.seen)
    assert len(run.seen) == 79
    content = json.loads((out / "figures.json").read_text())
    assert (content["pairs"], content["images"], content["title"]) == (40, 79, "small_30.bin")
    assert len(content["folds"]["accuracy"]["values"]) == 10
    assert [at["target"] for at in content["figures"]["tar_at_far"]] == []  # 20 impostor pairs carry none
    rows = pd.read_csv(out / "scores.csv", dtype={"left": str, "right": str})
    assert list(rows["left"][:2]) == ["000000", "000000"]
    seen = list(run.seen)
    embeddings = dict(zip(seen, run.embed(seen).matrix, strict=True))
    pictures = read_bin(bin_file)
    expected = [embeddings[a] @ embeddings[b] for a, b in zip(pictures.images[::2], pictures.images[1::2], strict=True)]
    np.testing.assert_allclose(rows["score"], expected, atol=1e-6)
    record = json.loads((out / "scores.json").read_text())
    assert record["image_root"] is None
    assert "small_30.bin: 40 pairs of 79 photos" in capsys.readouterr().out


def test_with_its_report(bin_file: Path, run: PlantedRun, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["bin", str(bin_file), "--out", str(out)]) == 0
    assert "small_30.bin" in (out / "report.html").read_text()


def test_equal_photos_have_one_name(bin_file: Path) -> None:
    table, firsts = bin_table(read_bin(bin_file))
    assert len(firsts) == 79
    assert table["left"][1] == table["left"][0]
    assert table["label"].tolist()[:2] == [True, False]


def test_a_photo_that_is_none(bin_file: Path, run: PlantedRun, tmp_path: Path) -> None:
    photos, labels = pickle.loads(bin_file.read_bytes())
    photos[5] = b"no photo"
    bin_file.write_bytes(pickle.dumps((photos, labels), protocol=2))
    out = tmp_path / "out"
    assert main(["bin", str(bin_file), "--out", str(out), "--no-report"]) == 0
    assert pd.read_csv(out / "scores.csv")["status"][2] == "right:no_face"


def test_a_tiny_set_has_no_folds(maker: PhotoMaker, run: PlantedRun, tmp_path: Path) -> None:
    path = tmp_path / "tiny.bin"
    photos = [maker.photo("a", 1), maker.photo("a", 2), maker.photo("a", 3), maker.photo("b", 1)]
    path.write_bytes(pickle.dumps((photos, [True, False])))
    out = tmp_path / "out"
    assert main(["bin", str(path), "--out", str(out), "--no-report"]) == 0
    content = json.loads((out / "figures.json").read_text())
    assert content["folds"] is None
    assert content["figures"]["genuine"] == 1


def test_a_pickle_that_would_run_something(run: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return eval, (f"open({str(tmp_path / 'ran')!r}, 'w')",)

    path = tmp_path / "evil.bin"
    path.write_bytes(pickle.dumps((Evil(), [True])))
    assert main(["bin", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "evil.bin" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


def test_no_file(run: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bin", str(tmp_path / "x.bin"), "--out", str(tmp_path / "out")]) == 2
    assert "there is no such file" in capsys.readouterr().err
