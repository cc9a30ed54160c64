import re
from pathlib import Path

import numpy as np
from PIL import Image

from demo.picture import boxes, buttons, save
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


def test_buttons_lie_on_the_faces_and_say_what_they_do(tmp_path: Path) -> None:
    picture = save(np.zeros((1000, 1600, 3), np.uint8), tmp_path)
    html = buttons(picture, [face(160, 200, 320, 500), face(-80, 10, 80, 110)], 0, "second")
    places = re.findall(r"left:([\d.]+)%;top:([\d.]+)%;width:([\d.]+)%;height:([\d.]+)%", html)
    assert places == [("10.00", "20.00", "10.00", "30.00"), ("0.00", "1.00", "5.00", "10.00")]
    assert re.findall(r'data-side="(\w+)" data-face="(\d)" aria-pressed="(\w+)"', html) == [
        ("second", "0", "true"),
        ("second", "1", "false"),
    ]
    assert 'aria-label="Face 1 of 2 in the second photo, compared"' in html
    assert 'aria-label="Face 2 of 2 in the second photo: compare this one"' in html


def test_a_name_makes_the_same_file(tmp_path: Path) -> None:
    first, second = (save(np.zeros((8, 8, 3), np.uint8), tmp_path, "name") for _ in range(2))
    assert first == second
    assert list(tmp_path.iterdir()) == [first.path]
