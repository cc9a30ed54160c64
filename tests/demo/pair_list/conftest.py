"""A zip of real photos, and a list that names them and others."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.models import Models
from demo.pair_list.memory import Memory
from demo.pair_list.work import ListScorer
from facecore.recognizer import FaceRecognizer
from tests.demo.conftest import Photos

LIST = (
    "# left right label\n"
    "collins/1.jpg collins/2.png 1\n"
    "collins/1.jpg hopper.jpg 0\n"
    "\n"
    "collins/2.png hopper.jpg 0\n"
    "collins\\1.jpg collins/1.jpg 1\n"
    "missing.jpg collins/1.jpg 0\n"
    "missing.jpg hopper.jpg 0\n"
    "notes.jpg cup.jpg 0\n"
    "../outside.jpg hopper.jpg 1\n"
)


@dataclass(frozen=True)
class Given:
    """What a visitor adds, and the same photos in a folder.

    Attributes:
        pairs: the list.
        archive: the zip.
        images: what is in the zip.
    """

    pairs: Path
    archive: Path
    images: Path


@pytest.fixture
def given(tmp_path: Path, photos: Photos) -> Given:
    return make(tmp_path, photos)


def make(folder: Path, photos: Photos) -> Given:
    """Write it all into a folder."""
    images = folder / "images"
    (images / "collins").mkdir(parents=True)
    content = {
        "collins/1.jpg": photos.astronaut,
        "collins/2.png": photos.darker,
        "hopper.jpg": photos.hopper,
        "notes.jpg": photos.text,
        "cup.jpg": photos.coffee,
    }
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for name, file in content.items():
            archive.write(file, name)
            (images / name).write_bytes(file.read_bytes())
        archive.writestr("readme.txt", "not a photo")
    (folder / "pairs.txt").write_text(LIST)
    return Given(folder / "pairs.txt", folder / "photos.zip", images)


@pytest.fixture
def scorer(recognizer: FaceRecognizer, tmp_path: Path) -> ListScorer:
    """Works in this process alone, which spares each test the start of workers."""
    return ListScorer(Models.of(recognizer), tmp_path / "unpacked", Memory(), workers=0)
