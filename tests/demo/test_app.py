import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from demo import text
from facecore.recognizer import FaceRecognizer
from tests.demo.conftest import Photos
from tests.demo.server import APP, PATIENCE, Server, running


@pytest.fixture(scope="module")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Client:
    downloads = tmp_path_factory.mktemp("downloads")
    return Client(server.url, download_files=downloads, verbose=False, analytics_enabled=False)


def ask(client: Client, left: Path, right: Path) -> dict[str, Any]:
    details, html = client.predict(handle_file(left), handle_file(right), api_name="/compare")
    assert html.startswith("<div")
    assert isinstance(details, dict)
    return details


def test_the_api_gives_what_the_library_gives(client: Client, recognizer: FaceRecognizer, photos: Photos) -> None:
    for left, right in ((photos.astronaut, photos.hopper), (photos.sideways, photos.darker)):
        details = ask(client, left, right)
        expected = recognizer.compare(left, right)
        assert details["score"] == pytest.approx(expected.score, abs=1e-5)
        assert details["probability"] == pytest.approx(expected.probability, abs=1e-5)
        assert details["threshold"] == expected.threshold
        assert details["verdict"] == expected.verdict


def test_an_unusable_photo_is_an_answer_and_not_an_error(client: Client, photos: Photos) -> None:
    details = ask(client, photos.text, photos.astronaut)
    assert details["verdict"] is None
    assert details["why_not"].startswith("The first photo is a text file")


def test_faces_and_strictness_can_be_asked_for(client: Client, recognizer: FaceRecognizer, photos: Photos) -> None:
    left, right = handle_file(photos.two_people), handle_file(photos.astronaut)
    details, _ = client.predict(left, right, left_face=1, strictness="fewer misses", api_name="/compare")
    expected = recognizer.compare(photos.two_people, photos.astronaut, face=(1, 0))
    assert details["score"] == pytest.approx(expected.score, abs=1e-5)
    assert recognizer.calibration is not None
    assert details["threshold"] == recognizer.calibration.threshold_for(1e-2)
    details, _ = client.predict(left, right, right_face=1, api_name="/compare")
    assert details["why_not"] == text.no_such_face("second", 1, 1)


def test_an_unknown_strictness_is_said_without_a_traceback(client: Client, server: Server, photos: Photos) -> None:
    photo, output = handle_file(photos.astronaut), server.temporary.parent / "output.txt"
    before = output.read_text()
    with pytest.raises(AppError, match="This model can be asked for one of: fewer false matches, balanced"):
        client.predict(photo, photo, strictness="very", api_name="/compare")
    assert "Traceback" not in output.read_text().removeprefix(before)


def test_files_are_for_their_owner_alone(server: Server) -> None:
    assert server.uploads.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
def test_nothing_is_left_after_an_interruption(tmp_path: Path, photos: Photos) -> None:
    with running(tmp_path) as own:
        ask(Client(own.url, verbose=False, analytics_enabled=False), photos.astronaut, photos.darker)
        assert list(own.uploads.rglob("*.jpg"))
        assert own.stop() == 0
        assert list(own.temporary.iterdir()) == []
    output = (tmp_path / "output.txt").read_text()
    assert "Traceback" not in output


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(APP), *arguments]
    environment = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment)


def test_a_port_that_is_no_number_is_wrong_usage() -> None:
    answer = run(GRADIO_SERVER_PORT="eighty")
    assert answer.returncode == 2
    assert "eighty" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.slow
def test_a_port_in_use_is_said(server: Server, tmp_path: Path) -> None:
    port = server.url.rstrip("/").rsplit(":", 1)[1]
    answer = run("--port", port, TMPDIR=str(tmp_path))
    assert answer.returncode == 2
    assert (
        answer.stderr == f"app.py: port {port} on 127.0.0.1 is in use, or this machine has no such address. Choose "
        "another port with --port N, or end the program that uses this one.\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_model_that_is_not_there_is_said(tmp_path: Path) -> None:
    answer = run("--model", "nothing-of-this-name", TMPDIR=str(tmp_path))
    assert answer.returncode == 2
    assert answer.stderr.startswith("app.py: 'nothing-of-this-name' is neither a bundled model")
    assert "Traceback" not in answer.stderr
    assert list(tmp_path.iterdir()) == []
