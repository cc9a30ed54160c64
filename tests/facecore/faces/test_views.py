import numpy as np
import pytest

from facecore.faces import views
from facecore.faces.align import transform


def marked(height: int, width: int, row: int, column: int) -> np.ndarray:
    """A black photo with one white pixel."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[row, column] = 255
    return rgb


def place(view: views.View) -> np.ndarray:
    """Where in the photo the view's brightest pixel lies, x and y."""
    rows, columns = np.nonzero(view[0][:, :, 0] == view[0].max())
    return transform(view[1], [[columns[0], rows[0]]])[0]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_turned_leads_back_to_the_same_pixel(count: int) -> None:
    view = views.turned(marked(30, 50, 7, 41), count)
    assert view[0].shape == ((30, 50, 3) if count % 2 == 0 else (50, 30, 3))
    np.testing.assert_array_equal(place(view), [41, 7])
    np.testing.assert_array_equal(view[0], np.rot90(marked(30, 50, 7, 41), count))


def test_framed_leads_back_and_repeats_the_border() -> None:
    view = views.framed(marked(30, 50, 7, 41), 9)
    assert view[0].shape == (48, 68, 3)
    np.testing.assert_array_equal(place(view), [41, 7])
    corner = views.framed(marked(30, 50, 0, 0), 9)[0]
    assert (corner[:10, :10] == 255).all()


@pytest.mark.parametrize("scale", [0.25, 1, 2.5])
def test_scaled_leads_back_to_within_a_pixel(scale: float) -> None:
    view = views.scaled(marked(80, 120, 37, 61), scale)
    assert view[0].shape == (round(80 * scale), round(120 * scale), 3)
    assert np.abs(place(view) - [61, 37]).max() <= max(1, 1 / scale)


@pytest.mark.parametrize(("height", "width"), [(100, 100), (640, 700), (1500, 2000), (3, 5000), (3000, 4000)])
def test_tiles_cover_the_photo_and_lead_back(height: int, width: int) -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (height, width, 3), np.uint8)
    found = list(views.tiles(rgb, 640, 96, 24))
    assert 1 <= len(found) <= 24
    seen = np.zeros((height, width), bool)
    for image, back in found:
        assert max(image.shape[:2]) <= 640
        (left, top), (right, bottom) = transform(back, [[0, 0], image.shape[1::-1]])
        seen[int(top) : round(bottom), int(left) : round(right)] = True
        if back[0, 0] == 1:
            np.testing.assert_array_equal(image, rgb[int(top) : round(bottom), int(left) : round(right)])
    assert seen.mean() > 0.998


def test_neighbouring_tiles_overlap() -> None:
    rgb = np.zeros((640, 2000, 3), np.uint8)
    lefts = [back[0, 2] for _, back in views.tiles(rgb, 640, 96, 24)]
    assert lefts[0] == 0
    assert lefts[-1] == 2000 - 640
    assert max(np.diff(lefts)) <= 640 - 96


def test_compose_does_the_first_first() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, 2, 3))
    points = rng.normal(size=(4, 2))
    expected = transform(second, transform(first, points))
    np.testing.assert_allclose(transform(views.compose(second, first), points), expected)
