import re
from pathlib import Path

import numpy as np
from PIL import Image

from demo.picture import boxes, save
from facecore.faces.detector import Face


def face(left: float, top: float, right: float, bottom: float) -> Face:
    return Face((left, top, right, bottom), np.zeros((5, 2), np.float32), 0.9)


def test_large_photos_are_shrunk_and_small_ones_are_not(tmp_path: Path, astronaut: np.ndarray) -> None:
    large = save(np.tile(astronaut, (2, 4, 1)), tmp_path)
    assert (large.width, large.height) == (800, 400)
    assert large.scale == 800 / 2048
    small = save(astronaut, tmp_path)
    assert (small.width, small.height, small.scale) == (512, 512, 1.0)
    with Image.open(small.path) as image:
        assert image.format == "JPEG"
        assert image.size == (512, 512)
        assert np.abs(np.asarray(image).astype(int) - astronaut).mean() < 4


def test_a_photo_one_pixel_high_survives(tmp_path: Path) -> None:
    assert save(np.zeros((1, 5000, 3), np.uint8), tmp_path).height == 1


def test_boxes_lie_where_the_faces_are_in_the_picture(tmp_path: Path) -> None:
    picture = save(np.zeros((1000, 1600, 3), np.uint8), tmp_path)
    first, second = face(100, 200, 300, 500), face(1000, 10, 1100, 110)
    drawing = boxes(picture, [first, second], second)
    assert 'viewBox="0 0 800 500"' in drawing
    drawn = re.findall(r'class="(\w+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', drawing)
    assert drawn == [("other", "50.0", "100.0", "100.0", "150.0"), ("compared", "500.0", "5.0", "50.0", "50.0")]
