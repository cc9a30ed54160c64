"""One pair of photos, four ways in, one score."""

import csv
import json
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from eval.score import main as score
from facecore.compare import main as compare
from facecore.recognizer import FaceRecognizer
from tests.demo.conftest import Photos
from tests.demo.server import Server


def test_page_library_and_command_lines_agree(
    server: Server,
    recognizer: FaceRecognizer,
    photos: Photos,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The left photo is brought upright by its EXIF tag alone."""
    left, right = photos.sideways, photos.hopper
    library = recognizer.compare(left, right)
    assert library.score is not None
    assert library.score == pytest.approx(recognizer.compare(photos.astronaut, right).score, abs=0.02)

    client = Client(server.url, download_files=tmp_path, verbose=False, analytics_enabled=False)
    page, _ = client.predict(handle_file(left), handle_file(right), api_name="/compare")
    capsys.readouterr()
    assert compare([str(left), str(right), "--json"]) == 0
    command = json.loads(capsys.readouterr().out)
    (tmp_path / "pairs.txt").write_text(f"{left.name} {right.name}\n")
    assert score([str(tmp_path / "pairs.txt"), "--images", str(left.parent), "--out", str(tmp_path / "s.csv")]) == 0
    with (tmp_path / "s.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)

    for other in (page, command, row):
        assert float(other["score"]) == pytest.approx(library.score, abs=1e-5)
        assert float(other["probability"]) == pytest.approx(library.probability, abs=1e-5)
    assert {page["verdict"], command["verdict"], row["decision"]} == {library.verdict}
