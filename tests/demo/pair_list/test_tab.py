"""The list of pairs through the API of a running page."""

import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.utils import Status

from demo.pair_list import text
from eval.score import main as score
from tests.demo.conftest import Photos
from tests.demo.pair_list.conftest import Given
from tests.demo.server import PATIENCE, Server


def connect(server: Server, downloads: Path) -> Client:
    return Client(server.url, download_files=downloads, verbose=False, analytics_enabled=False)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def unpacked(server: Server) -> list[Path]:
    """What lies on the disk of lists that are being scored."""
    return list((server.uploads.parent / "unpacked").glob("*"))


@pytest.fixture(scope="session")
def long_list(tmp_path_factory: pytest.TempPathFactory, photos: Photos) -> tuple[Path, Path]:
    """A list that takes long: 1,500 files, no two alike."""
    folder = tmp_path_factory.mktemp("long")
    content = photos.astronaut.read_bytes()
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for number in range(1500):
            archive.writestr(f"{number}.jpg", content + str(number).encode())
    (folder / "pairs.txt").write_text("".join(f"{i}.jpg {i + 1}.jpg\n" for i in range(1499)))
    return folder / "pairs.txt", folder / "photos.zip"


@pytest.mark.slow
def test_programs_get_the_files_of_the_command(server: Server, given: Given, tmp_path: Path) -> None:
    client = connect(server, tmp_path / "downloads")
    details, html, files = client.predict(handle_file(given.pairs), handle_file(given.archive), api_name="/pair_list")
    out = tmp_path / "command.csv"
    assert score([str(given.pairs), "--images", str(given.images), "--out", str(out), "--no-cache"]) == 0
    scores, settings, report = map(Path, files)
    assert scores.read_bytes() == out.read_bytes()
    assert json.loads(settings.read_text()) == {**json.loads(out.with_suffix(".json").read_text()), "image_root": None}
    assert "Face verification: pairs.txt" in report.read_text()
    assert details["pairs"] == 8
    assert details["failed_pairs"] == 4
    assert details["archive"] == {"photos": 5, "ignored": 1, "large": 0}
    assert details["failures"][0] == {"photo": "missing.jpg", "status": "missing", "pairs": 2, "problem": ""}
    assert "4 of 8 pairs scored" in html
    told = (
        json.dumps(details) + html.replace(f"file={server.temporary}", "") + settings.read_text() + report.read_text()
    )
    assert str(server.temporary) not in told
    assert unpacked(server) == []
    described = client.view_api(return_format="dict", print_info=False)["named_endpoints"]["/pair_list"]
    assert [(p["parameter_name"], p["python_type"]["type"]) for p in described["parameters"]] == [
        ("pairs", "filepath"),
        ("photos", "filepath"),
        ("model", "Literal['resnet18', 'resnet18-open']"),
    ]
    assert [value["label"] for value in described["returns"]] == ["result", "view", "files"]


def test_what_cannot_be_used_is_an_answer_and_not_an_error(server: Server, given: Given, tmp_path: Path) -> None:
    client = connect(server, tmp_path / "downloads")
    slip = tmp_path / "slip.zip"
    with zipfile.ZipFile(slip, "w") as archive:
        archive.writestr("../evil.jpg", b"x")
    before = sorted(server.temporary.glob("facecore-page-*/*"))
    for archive_path, sentence in (
        (slip, text.zip_leads_out("../evil.jpg")),
        (given.pairs, text.zip_damaged()),
    ):
        details, html, files = client.predict(
            handle_file(given.pairs), handle_file(archive_path), api_name="/pair_list"
        )
        assert details == {"why_not": sentence}
        assert sentence.split("“")[0] in html
        assert files is None
    assert set(server.temporary.glob("facecore-page-*/*")) - set(before) <= {server.uploads.parent / "unpacked"}
    assert not list(server.temporary.rglob("evil.jpg"))
    assert unpacked(server) == []
    details, _, _ = client.predict(None, handle_file(given.archive), api_name="/pair_list")
    assert details == {"why_not": text.missing(False, True)}


@pytest.mark.slow
def test_a_cancelled_list_leaves_nothing_and_the_next_one_goes_on(
    server: Server, given: Given, long_list: tuple[Path, Path], tmp_path: Path
) -> None:
    """The second client waits in the queue meanwhile."""
    first, second = (connect(server, tmp_path / name) for name in ("first", "second"))
    job = first.submit(*map(handle_file, long_list), api_name="/pair_list")
    wait_for(lambda: any(u.desc == text.EMBEDDING for u in job.status().progress_data or []))
    waiting = second.submit(handle_file(given.pairs), handle_file(given.archive), api_name="/pair_list")
    wait_for(lambda: waiting.status().code == Status.IN_QUEUE)
    assert len(unpacked(server)) == 1
    assert job.cancel()
    wait_for(job.done)
    details, _, _ = waiting.result(timeout=PATIENCE)
    assert details["pairs"] == 8
    assert unpacked(server) == []
    assert not [path for path in server.uploads.glob(32 * "?") if not any(path.iterdir())]  # folders for results


@pytest.mark.slow
def test_who_leaves_is_not_worked_for(server: Server, long_list: tuple[Path, Path]) -> None:
    """A connection that is cut in the middle, as by a closed tab."""
    before = set(server.uploads.rglob("scores.csv"))
    with httpx.Client(base_url=f"{server.url}gradio_api/", timeout=PATIENCE) as http:
        sent = [("files", (path.name, path.read_bytes())) for path in long_list]
        paths = http.post("upload", files=sent).json()
        files = [{"path": path, "meta": {"_type": "gradio.FileData"}} for path in paths]
        event = http.post("call/pair_list", json={"data": files}).json()["event_id"]
        with http.stream("GET", f"call/pair_list/{event}") as answer:
            assert answer.status_code == 200
            wait_for(lambda: bool(unpacked(server)))
    wait_for(lambda: not unpacked(server))
    assert set(server.uploads.rglob("scores.csv")) == before
