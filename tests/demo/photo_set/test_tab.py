"""The set of photos through the API of a running page."""

import csv
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file

from demo.photo_set import text
from facecore.recognizer import FaceRecognizer
from tests.demo.conftest import Photos
from tests.demo.server import Server


@pytest.fixture(scope="module")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Client:
    downloads = tmp_path_factory.mktemp("downloads")
    return Client(server.url, download_files=downloads, verbose=False, analytics_enabled=False)


def test_programs_get_pairs_groups_and_the_table(
    client: Client, server: Server, recognizer: FaceRecognizer, photos: Photos
) -> None:
    paths = [photos.astronaut, photos.hopper, photos.darker]
    details, html, table = client.predict([handle_file(path) for path in paths], api_name="/photo_set")
    assert [photo["name"] for photo in details["photos"]] == [path.name for path in paths]
    assert {frozenset(group) for group in details["groups"]} == {frozenset({0, 2}), frozenset({1})}
    scores = {(pair["left"], pair["right"]): pair["score"] for pair in details["pairs"]}
    assert scores[0, 1] == pytest.approx(recognizer.compare(paths[0], paths[1]).score, abs=1e-5)
    assert "Group 1, 2 photos" in html
    with Path(table).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["left"], row["right"]) for row in rows] == [
        ("astronaut.jpg", "hopper.jpg"),
        ("astronaut.jpg", "darker.png"),
        ("hopper.jpg", "darker.png"),
    ]
    assert [float(row["score"]) for row in rows] == pytest.approx([scores[0, 1], scores[0, 2], scores[1, 2]], abs=1e-6)
    assert all(str(server.temporary) not in repr(value) for value in details.values())


def test_one_photo_is_an_answer_and_not_an_error(client: Client, photos: Photos) -> None:
    details, _, table = client.predict([handle_file(photos.astronaut)], api_name="/photo_set")
    assert details["why_not"] == text.too_few(1, 2)
    assert table is None


def test_it_is_described(client: Client) -> None:
    described: dict[str, Any] = client.view_api(return_format="dict", print_info=False)["named_endpoints"]["/photo_set"]
    assert [(p["parameter_name"], p["python_type"]["type"]) for p in described["parameters"]] == [
        ("photos", "list[filepath]"),
        ("model", "Literal['resnet18', 'resnet18-open']"),
    ]
    assert [value["label"] for value in described["returns"]] == ["result", "view", "table"]
