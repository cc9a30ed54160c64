"""The endpoints without a part on the page: their functions, and through gradio_client."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file

from demo import text_models
from demo.api import text
from demo.api.endpoints import RefusedError, embedder, face_finder, uploaded
from demo.models import Models
from demo.uploads import MAX_BYTES
from facecore.recognizer import FaceRecognizer
from tests.demo.conftest import Photos
from tests.demo.server import Server


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.url, verbose=False, analytics_enabled=False)


def upload(path: Path) -> dict[str, Any]:
    return {"path": str(path), "orig_name": path.name}


def test_faces_through_the_client(client: Client, recognizer: FaceRecognizer, photos: Photos) -> None:
    answer = client.predict(handle_file(photos.two_people), api_name="/faces")
    expected = recognizer.faces(photos.two_people)
    assert answer["why_not"] is None
    assert [face["number"] for face in answer["faces"]] == [0, 1]
    for given, face in zip(answer["faces"], expected, strict=True):
        assert given["box"] == pytest.approx(face.box)
        np.testing.assert_allclose(given["landmarks"], face.landmarks, rtol=1e-5)
        assert given["confidence"] == pytest.approx(face.confidence)
    chosen = recognizer.prepare(photos.two_people, face=1)
    assert chosen.quality is not None
    assert answer["faces"][1]["quality"] == pytest.approx(chosen.quality.to_dict())


def test_embeddings_through_the_client(client: Client, recognizer: FaceRecognizer, photos: Photos) -> None:
    rows = []
    for number in (0, 1):
        answer = client.predict(handle_file(photos.two_people), number, api_name="/embed")
        assert (answer["why_not"], answer["faces_found"], answer["face"]) == (None, 2, number)
        assert (answer["model"], answer["digest"]) == (recognizer.model.name, recognizer.model.digest)
        rows.append(np.array(answer["embedding"]))
        assert np.linalg.norm(rows[-1]) == pytest.approx(1, abs=1e-6)
        assert rows[-1].shape == (recognizer.embedding_dim,)
    comparison = recognizer.compare(photos.two_people, photos.two_people, face=(0, 1))
    assert rows[0] @ rows[1] == pytest.approx(comparison.score, abs=1e-6)


def test_embeddings_of_another_model(client: Client, open_recognizer: FaceRecognizer, photos: Photos) -> None:
    rows = []
    for photo in (photos.astronaut, photos.hopper):
        answer = client.predict(handle_file(photo), model="resnet18-open", api_name="/embed")
        assert (answer["model"], answer["digest"]) == ("resnet18-open", open_recognizer.model.digest)
        rows.append(np.array(answer["embedding"]))
    comparison = open_recognizer.compare(photos.astronaut, photos.hopper)
    assert rows[0] @ rows[1] == pytest.approx(comparison.score, abs=1e-6)
    unknown = embedder(Models.of(open_recognizer))(None, 0, "resnet18")
    assert unknown == {"embedding": None, "model": None, "digest": None, "why_not": unknown["why_not"]}
    assert unknown["why_not"] == text_models.unknown(["resnet18-open"])


def test_failures_are_sentences_through_the_client(client: Client, photos: Photos) -> None:
    nothing = client.predict(None, api_name="/faces")
    assert nothing == {"faces": [], "why_not": text.MISSING}
    number = client.predict(handle_file(photos.two_people), 2, api_name="/embed")
    assert number["embedding"] is None
    assert number["why_not"] == text.no_such_face(2, 2)
    face = client.predict(handle_file(photos.coffee), api_name="/faces")
    assert (face["faces"], face["why_not"]) == ([], text.NO_FACE)
    unreadable = client.predict(handle_file(photos.text), api_name="/embed")
    assert unreadable["why_not"].startswith("The photo is a text file")


def test_both_describe_themselves(client: Client) -> None:
    described = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    for name, parameters in (("/faces", ["photo"]), ("/embed", ["photo", "face", "model"])):
        assert [parameter["parameter_name"] for parameter in described[name]["parameters"]] == parameters
        assert described[name]["returns"][0]["component"] == "Json"
        assert "why_not" in described[name]["description"]


@pytest.mark.parametrize(
    ("photo", "expected"),
    [
        (None, text.MISSING),
        ("", text.MISSING),
        ({}, text.MISSING),
        ("http://127.0.0.1/face.jpg", text.NOT_A_FILE),
        ("/etc/hostname", text.NOT_A_FILE),
        ([{"path": "/etc/hostname"}], text.NOT_A_FILE),
        ({"path": 7}, text.NOT_A_FILE),
        ({"url": "http://127.0.0.1/face.jpg"}, text.NOT_A_FILE),
        ({"path": "gone.jpg"}, text.GONE),
        ({"path": "nul\0.jpg"}, text.GONE),
    ],
)
def test_what_is_no_upload(recognizer: FaceRecognizer, photo: object, expected: str) -> None:
    with pytest.raises(RefusedError) as error:
        uploaded(photo)
    assert str(error.value) == expected
    assert face_finder(recognizer)(photo)["why_not"] == expected
    assert embedder(Models.of(recognizer))(photo, 0)["why_not"] == expected


def test_a_large_file(tmp_path: Path) -> None:
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(RefusedError, match=r"20\.0 MB"):
        uploaded(upload(tmp_path / "large.jpg"))


@pytest.mark.parametrize("given", [-1, 0.5, "1", True, [0], float("nan"), float("inf"), 1e300])
def test_what_is_no_number_of_a_face(recognizer: FaceRecognizer, photos: Photos, given: object) -> None:
    assert embedder(Models.of(recognizer))(upload(photos.astronaut), given)["why_not"] == text.NO_NUMBER
