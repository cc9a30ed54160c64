import json
import os
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from eval.embed import find_photos, main
from facecore.recognizer import FaceRecognizer


@pytest.fixture
def folder(tmp_path: Path, astronaut: np.ndarray, coffee: np.ndarray) -> Path:
    """Two faces, a photo without one, a broken one, and a file that is no photo."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    Image.fromarray(astronaut[:256, 64:320]).save(folder / "deep" / "b.PNG")
    Image.fromarray((astronaut[:256, 64:320] * 0.7).astype(np.uint8)).save(folder / "a.png")
    Image.fromarray(coffee[:200, :200]).save(folder / "coffee.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8")
    (folder / "notes.txt").write_text("no photo")
    return folder


NAMES = ["a.png", "broken.jpg", "coffee.png", "deep/b.PNG"]
STATUS = ["ok", "unreadable", "no_face", "ok"]


def test_parquet(folder: Path, recognizer: FaceRecognizer, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder.parent / "e.parquet"
    assert main([str(folder), "--out", str(out), "--workers", "0"]) == 0
    table = pq.read_table(out)
    assert table["path"].to_pylist() == [str(folder / name) for name in NAMES]
    assert table["status"].to_pylist() == STATUS
    assert [value is None for value in table["quality"].to_pylist()] == [code != "ok" for code in STATUS]
    embeddings = table["embedding"].to_pylist()
    assert embeddings[1] == embeddings[2] == []
    expected = recognizer.embed([folder / "a.png", folder / "deep" / "b.PNG"]).matrix
    np.testing.assert_allclose(np.array([embeddings[0], embeddings[3]]), expected, atol=1e-5)
    record = json.loads(table.schema.metadata[b"facecore"])
    assert record["model"]["digest"] == recognizer.model.digest
    shown = capsys.readouterr()
    assert "4 photos (2 ok, 1 unreadable, 1 no_face)" in shown.out
    assert "broken.jpg" in shown.err


def test_npz_holds_the_same(folder: Path) -> None:
    outs = [folder.parent / "e.parquet", folder.parent / "e.npz"]
    for out in outs:
        assert main([str(folder), "--out", str(out), "--workers", "0"]) == 0
    table, arrays = pq.read_table(outs[0]), np.load(outs[1])
    assert arrays["path"].tolist() == table["path"].to_pylist()
    assert arrays["status"].tolist() == STATUS
    np.testing.assert_array_equal(arrays["embedding"][0], np.array(table["embedding"][0].as_py(), np.float32))
    assert np.isnan(arrays["embedding"][1]).all()


def test_files_and_folders_each_photo_once(folder: Path) -> None:
    found = find_photos([folder / "deep" / "b.PNG", folder, folder / "a.png"])
    assert [path.relative_to(folder).as_posix() for path in found] == [
        "deep/b.PNG",
        "a.png",
        "broken.jpg",
        "coffee.png",
    ]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["nowhere"], 2, "no such file"),
        (["photos/notes", "--out", "e.txt"], 2, "no such file"),
        (["photos", "--out", "e.csv"], 2, ".parquet or .npz"),
        (["photos", "--out", "nowhere/e.npz"], 3, "cannot be written"),
        (["empty"], 2, "no photo in"),
        (["photos", "--model", "nothing"], 2, "nothing"),
    ],
)
def test_mistakes(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    told: str,
) -> None:
    monkeypatch.chdir(folder.parent)
    (folder.parent / "empty").mkdir()
    assert main([*words, "--workers", "0"]) == code
    assert told in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_a_name_that_is_no_text(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.jpg")).write_bytes(b"no photo")
    assert main([str(folder), "--out", str(tmp_path / "e.parquet"), "--workers", "0"]) == 0
    names = [Path(str(name)).name for name in pq.read_table(tmp_path / "e.parquet")["path"].to_pylist()]
    assert r"\xff.jpg" in names
    assert r"\udcff.jpg: is a text file" in capsys.readouterr().err
