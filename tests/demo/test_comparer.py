import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from demo import text
from demo.comparer import MAX_BYTES, Comparer, Upload
from facecore.recognizer import FaceRecognizer
from tests.demo.conftest import Photos


def upload(path: Path) -> Upload:
    return {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


@pytest.fixture
def compare(recognizer: FaceRecognizer, tmp_path: Path) -> Comparer:
    return Comparer(recognizer, tmp_path / "uploads")


def refusal(answer: tuple[dict[str, Any], str], *sentences: str) -> None:
    """Check that `answer` is no verdict but these sentences."""
    details, html = answer
    assert details["verdict"] is details["score"] is details["probability"] is None
    assert details["why_not"].splitlines() == list(sentences)
    assert text.NO_COMPARISON in html
    assert "fc-crops" not in html
    for sentence in sentences:
        assert sentence in html


def test_a_darker_copy_is_the_same_person(compare: Comparer, photos: Photos, tmp_path: Path) -> None:
    details, html = compare(upload(photos.astronaut), upload(photos.darker))
    assert details["verdict"] == "same"
    assert details["score"] >= details["threshold"]
    assert 0.5 <= details["probability"] <= 1
    assert details["why_not"] is None
    json.dumps(details, allow_nan=False)
    assert "Same person" in html
    assert "pairs of strangers score this high" in html
    assert html.count('class="compared"') == 2
    pictures = sorted((tmp_path / "uploads").iterdir())
    assert len(pictures) == 4  # two photos, two crops
    assert all(f"gradio_api/file={path}" in html for path in pictures)
    sizes = []
    for path in pictures:
        with Image.open(path) as image:
            sizes.append(image.size)
    assert sorted(sizes) == [(112, 112), (112, 112), (512, 512), (512, 512)]


def test_two_people_are_not_the_same_person(compare: Comparer, photos: Photos) -> None:
    details, _ = compare(upload(photos.astronaut), upload(photos.hopper))
    assert details["verdict"] in ("different", "uncertain")


def test_scores_are_those_of_the_library(compare: Comparer, recognizer: FaceRecognizer, photos: Photos) -> None:
    for left, right in ((photos.astronaut, photos.hopper), (photos.sideways, photos.darker)):
        details, _ = compare(upload(left), upload(right))
        assert details == recognizer.compare(left, right).to_dict()


def test_several_faces_are_all_drawn(compare: Comparer, photos: Photos) -> None:
    details, html = compare(upload(photos.two_people), upload(photos.astronaut))
    assert details["left"]["faces_found"] == 2
    assert "2 faces found, the largest was compared." in html
    assert "One face found." in html
    assert html.count('class="compared"') == 2
    assert html.count('class="other"') == 1


def test_no_face(compare: Comparer, photos: Photos) -> None:
    answer = compare(upload(photos.two_people), upload(photos.coffee))
    refusal(answer, text.no_face("second"))
    assert "2 faces found." in answer[1]  # and not that one of them was compared
    assert answer[0]["right"]["status"] == "no_face"


def test_missing_photos(compare: Comparer, photos: Photos) -> None:
    refusal(compare(None, None), text.missing("first"), text.missing("second"))
    refusal(compare(upload(photos.darker), {"path": None}), text.missing("second"))


def test_a_photo_that_was_swept_meanwhile(compare: Comparer, photos: Photos, tmp_path: Path) -> None:
    refusal(compare(upload(tmp_path / "gone.jpg"), upload(photos.darker)), text.gone("first"))


def test_a_file_that_is_too_large_is_not_read(compare: Comparer, photos: Photos, tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(photos.astronaut.read_bytes())
    os.truncate(large, MAX_BYTES + 1)
    sentence = (
        "The second photo is a file of 20.0 MB, and at most 20 MB are accepted. Save it smaller, or choose another."
    )
    refusal(compare(upload(photos.darker), upload(large)), sentence)
    os.truncate(large, MAX_BYTES)
    assert compare(upload(photos.darker), upload(large))[0]["verdict"] == "same"


def test_an_unreadable_file_is_named_by_its_place_alone(compare: Comparer, photos: Photos) -> None:
    answer = compare(upload(photos.text), upload(photos.astronaut))
    assert answer[0]["why_not"].startswith("The first photo is a text file or something unknown, not a photo")
    assert answer[0]["left"]["status"] == "unreadable"
    assert str(photos.text.parent) not in answer[0]["why_not"]
    assert "notes" not in json.dumps(answer)


def test_a_model_without_calibration_gives_a_score(recognizer: FaceRecognizer, photos: Photos, tmp_path: Path) -> None:
    plain = FaceRecognizer(replace(recognizer.model, calibration=None), device="cpu")
    details, html = Comparer(plain, tmp_path)(upload(photos.astronaut), upload(photos.darker))
    assert details["score"] > 0.5
    assert details["verdict"] is details["probability"] is details["threshold"] is None
    assert text.ONLY_A_SCORE in html
    assert "python -m eval.calibrate" in html
    assert "strangers" not in html
