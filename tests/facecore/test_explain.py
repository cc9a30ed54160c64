from collections.abc import Iterator

import numpy as np
import pytest

from facecore.explain import GREY, REGIONS, Explanation, carried, explain, hidden, patches
from facecore.faces.align import TEMPLATE, TEMPLATE_SIZE
from facecore.recognizer import FaceRecognizer


def slow_drops(recognizer: FaceRecognizer, crop: np.ndarray, other: np.ndarray, steps: int) -> Iterator[float]:
    """The same written out: one crop at a time, each pixel of the patch by itself."""
    whole = float(recognizer.encode([crop], 1)[0] @ recognizer.encode([other], 1)[0])
    size = len(crop)
    for row in range(steps):
        for column in range(steps):
            covered = crop.copy()
            for y in range(size):
                for x in range(size):
                    inside = [
                        round(number * size / (steps + 1)) <= place < round((number + 2) * size / (steps + 1))
                        for number, place in ((row, y), (column, x))
                    ]
                    if all(inside):
                        covered[y, x] = 128
            yield whole - float(recognizer.encode([covered], 1)[0] @ recognizer.encode([other], 1)[0])


@pytest.fixture(scope="module")
def explanation(recognizer: FaceRecognizer, crops: list[np.ndarray]) -> Explanation:
    return explain(recognizer, *crops, steps=3)


@pytest.mark.slow
def test_it_agrees_with_a_slow_version(
    recognizer: FaceRecognizer, crops: list[np.ndarray], explanation: Explanation
) -> None:
    for number in (0, 1):
        expected = list(slow_drops(recognizer, crops[number], crops[1 - number], 3))
        np.testing.assert_allclose(explanation.drops[number].ravel(), expected, atol=2e-5)
        assert np.ptp(expected) > 0.01


def test_the_score_is_that_of_the_comparison(
    recognizer: FaceRecognizer, crops: list[np.ndarray], explanation: Explanation
) -> None:
    a, b = recognizer.encode(crops, 2)
    assert explanation.score == pytest.approx(float(a @ b), abs=1e-6)


def test_the_faces_change_places_with_the_arguments(
    recognizer: FaceRecognizer, crops: list[np.ndarray], explanation: Explanation
) -> None:
    back = explain(recognizer, crops[1], crops[0], steps=3)
    for number in (0, 1):
        np.testing.assert_allclose(back.drops[number], explanation.drops[1 - number], atol=2e-5)


def test_hiding_the_middle_of_a_face_costs_more_than_hiding_a_corner(
    recognizer: FaceRecognizer, crops: list[np.ndarray]
) -> None:
    same = explain(recognizer, crops[0], crops[0])
    left, _ = same.maps()
    assert same.score == pytest.approx(1, abs=1e-5)
    assert left[50:80, 40:72].mean() > 3 * left[:10, :10].mean()
    regions = same.regions()
    assert tuple(regions) == REGIONS
    assert max(regions.values()) > 0.02
    assert "chin" not in carried(regions)


def test_patches_cover_a_crop_and_overlap_by_half() -> None:
    for size, steps in ((112, 7), (112, 2), (96, 5), (101, 7)):
        covers = np.zeros((size, size), int)
        for place in patches(size, steps):
            covers[place] += 1
        assert len(patches(size, steps)) == steps**2
        assert covers.min() == 1
        assert covers.max() == 4
        assert (covers == 4).mean() == pytest.approx(((steps - 1) / (steps + 1)) ** 2, abs=0.05)


def test_hiding_leaves_the_crop_as_it_was(crops: list[np.ndarray]) -> None:
    before = crops[0].copy()
    covered = hidden(crops[0], (slice(10, 20), slice(30, 50)))
    np.testing.assert_array_equal(crops[0], before)
    assert (covered[10:20, 30:50] == GREY).all()
    covered[10:20, 30:50] = before[10:20, 30:50]
    np.testing.assert_array_equal(covered, before)


def test_maps_are_the_mean_of_the_patches_that_hide_a_pixel() -> None:
    drops = np.arange(9.0).reshape(3, 3)
    left, right = Explanation(0.5, (drops, -drops), 112).maps()
    assert left[0, 0] == 0
    assert left[-1, -1] == 8
    assert left[0, 40] == 0.5
    assert left[40, 40] == np.mean([0, 1, 3, 4])
    np.testing.assert_array_equal(right, -left)


@pytest.mark.parametrize(("region", "points"), [("eyes", [0, 1]), ("nose", [2]), ("mouth", [3, 4])])
def test_regions_lie_where_the_landmarks_are(region: str, points: list[int]) -> None:
    """A drop at the landmarks alone shows in their own region and in no other."""
    steps = 27
    drops = np.zeros((steps, steps))
    for x, y in TEMPLATE[points] / TEMPLATE_SIZE * (steps + 1):
        drops[round(y) - 1, round(x) - 1] = 1
    assert carried(Explanation(0.5, (drops, drops), 112).regions()) == (region,)


def test_what_carried_is_what_comes_close_to_the_largest() -> None:
    assert carried({"eyes": 0.35, "nose": 0.4, "chin": 0.1}) == ("nose", "eyes")
    assert carried({"eyes": 0.35, "nose": 0.4}, share=0.9) == ("nose",)
    assert carried({"eyes": -0.3, "nose": 0.0}) == ()


def test_what_cannot_be_explained_is_refused(recognizer: FaceRecognizer, crops: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"uint8 \(112, 112, 3\) for this model, not uint8 \(64, 64, 3\)"):
        explain(recognizer, crops[0], crops[1][:64, :64])
    with pytest.raises(ValueError, match="not float32"):
        explain(recognizer, crops[0].astype(np.float32), crops[1])
    with pytest.raises(ValueError, match="at least 2"):
        explain(recognizer, *crops, steps=1)
