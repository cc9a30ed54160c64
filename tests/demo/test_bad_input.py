"""Photos as they really come: each gets a sentence that a person understands, and the page goes on working."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image
from sklearn.datasets import load_sample_image

from demo.comparer import Comparer
from demo.models import Models
from demo.uploads import Upload
from facecore.recognizer import FaceRecognizer
from tests.demo.conftest import Photos

Make = Callable[[Path, np.ndarray], None]


def upload(path: Path) -> Upload:
    return {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


@pytest.fixture(scope="module")
def compare(recognizer: FaceRecognizer, tmp_path_factory: pytest.TempPathFactory) -> Comparer:
    return Comparer(Models.of(recognizer), tmp_path_factory.mktemp("uploads"))


def cut_short(path: Path, face: np.ndarray) -> None:
    Image.fromarray(face).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


def huge(path: Path, face: np.ndarray) -> None:
    Image.new("1", (10_000, 10_000)).save(path, "PNG")


def svg(path: Path, face: np.ndarray) -> None:
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>')


UNREADABLE: dict[str, Make] = {
    "a text file": lambda path, face: path.write_text("not a photo") and None,
    "an empty file": lambda path, face: path.touch(),
    "a JPEG cut short": cut_short,
    "100 megapixels": huge,
    "an SVG": svg,
}


@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_is_said_in_a_sentence(
    compare: Comparer, photos: Photos, astronaut: np.ndarray, tmp_path: Path, make: Make
) -> None:
    bad = tmp_path / "secret-name.jpg"
    make(bad, astronaut)
    details, html = compare(upload(bad), upload(photos.astronaut))
    assert details["verdict"] is None
    assert details["left"]["status"] == "unreadable"
    sentence = details["why_not"]
    assert sentence.startswith("The first photo ")
    assert sentence.endswith("Choose another.")
    assert "\n" not in sentence
    assert "secret-name" not in sentence + html
    assert str(tmp_path) not in sentence + html
    assert compare(upload(photos.darker), upload(photos.astronaut))[0]["verdict"] == "same"


def animated(path: Path, face: np.ndarray) -> None:
    frames = [Image.fromarray(face), Image.new("RGB", face.shape[1::-1])]
    frames[0].save(path, "GIF", save_all=True, append_images=frames[1:])


READABLE: dict[str, Make] = {
    "an animated GIF": animated,
    "a CMYK JPEG": lambda path, face: Image.fromarray(face).convert("CMYK").save(path, "JPEG", quality=95),
}


@pytest.mark.parametrize("make", READABLE.values(), ids=READABLE.keys())
def test_rare_kinds_are_compared_as_any_other(
    compare: Comparer, photos: Photos, astronaut: np.ndarray, tmp_path: Path, make: Make
) -> None:
    path = tmp_path / "photo"
    make(path, astronaut)
    details, _ = compare(upload(path), upload(photos.astronaut))
    assert details["verdict"] == "same"
    assert details["score"] > 0.9


FACELESS = {
    "a landscape": lambda: load_sample_image("china.jpg"),
    "a drawing": lambda: np.asarray(Image.fromarray(skimage.data.horse()).convert("RGB")),
    "an animal": skimage.data.chelsea,
}


@pytest.mark.parametrize("picture", FACELESS.values(), ids=FACELESS.keys())
def test_a_picture_without_a_face_says_what_to_use(
    compare: Comparer, photos: Photos, tmp_path: Path, picture: Callable[[], np.ndarray]
) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(picture()).save(path)
    details, _ = compare(upload(photos.astronaut), upload(path))
    assert details["verdict"] is None
    assert details["right"]["status"] == "no_face"
    assert details["why_not"].startswith("No face was found in the second photo.")


def test_forty_people_are_all_found(compare: Comparer, photos: Photos, astronaut: np.ndarray, tmp_path: Path) -> None:
    person = astronaut[:240, 100:340]
    crowd = np.concatenate([np.concatenate([person] * 8, axis=1)] * 5)
    path = tmp_path / "crowd.jpg"
    Image.fromarray(crowd).save(path, quality=92)
    details, html = compare(upload(path), upload(photos.astronaut))
    assert details["verdict"] == "same"
    assert "40 faces found" in html
