from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facecore.data.folder import FaceFolder, find_photos
from facecore.data.small_images import small_image_notice
from facecore.transforms import preset


@pytest.fixture
def folder(tmp_path: Path, crops: list[np.ndarray]) -> FaceFolder:
    """Nine photos of 64 px and a large one."""
    for number in range(9):
        Image.fromarray(crops[0]).resize((64, 80)).save(tmp_path / f"{number}.png")
    Image.fromarray(crops[0]).resize((500, 500)).save(tmp_path / "large.jpg")
    return find_photos(tmp_path)


def test_the_waste_is_stated(folder: FaceFolder) -> None:
    notice = small_image_notice(folder, preset("reference"))
    assert notice is not None
    # 64 px are enlarged to 256, of which 224 are cut out: the same part of the photo has 56 px, the least is 64.
    assert "shorter side 64 px" in notice
    assert "--size 64" in notice
    assert "12.2 times" in notice  # (224 / 64)^2


def test_no_word_where_nothing_is_wasted(folder: FaceFolder) -> None:
    assert small_image_notice(folder, preset("aligned", 64)) is None
    assert small_image_notice(folder, preset("aligned", 80)) is None


def test_what_cannot_be_opened_does_not_count(folder: FaceFolder) -> None:
    for row in range(len(folder)):
        folder.path(row).write_bytes(b"nothing")
    assert small_image_notice(folder, preset("reference")) is None
