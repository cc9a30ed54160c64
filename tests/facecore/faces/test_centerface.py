from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from sklearn.datasets import load_sample_image

from facecore.faces import views
from facecore.faces.align import TEMPLATE, Matrix, align, fit_error, similarity, transform
from facecore.faces.centerface import CenterFace, _decides
from facecore.faces.detector import Face, choose
from facecore.image import load

GLANCE, CLOSE, TIGHT = (160, 160), (256, 256), (192, 192)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """OpenCV's threads would only get in each other's way on images this small."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(before)


@pytest.fixture(scope="module")
def detector() -> CenterFace:
    return CenterFace()


@pytest.fixture(scope="module")
def hopper(hopper_path: Path) -> np.ndarray:
    """Grace Hopper, uint8 (600, 512, 3)."""
    return load(hopper_path)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Height and width of every image that the network is shown from now on."""
    sizes: list[tuple[int, int]] = []
    look = CenterFace._look

    def counted(self: CenterFace, rgb: np.ndarray, *threshold: float) -> list[Face]:
        sizes.append(rgb.shape[:2])
        return look(self, rgb, *threshold)

    monkeypatch.setattr(CenterFace, "_look", counted)
    return sizes


def only(faces: list[Face]) -> Face:
    assert len(faces) == 1
    return faces[0]


def shrunk(rgb: np.ndarray, scale: float) -> np.ndarray:
    return cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def tilted(rgb: np.ndarray, degrees: float) -> tuple[np.ndarray, Matrix]:
    """The photo turned counter-clockwise on a grey ground large enough for all of it, and the map that did it."""
    height, width = rgb.shape[:2]
    side = int(np.hypot(height, width))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    matrix[:, 2] += [(side - width) / 2, (side - height) / 2]
    return cv2.warpAffine(rgb, matrix, (side, side), borderValue=(128, 128, 128)), matrix


def in_crop(face: Face) -> np.ndarray:
    """The landmarks in the face's own aligned crop."""
    return transform(similarity(face.landmarks, TEMPLATE), face.landmarks)


def farthest(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.hypot(*(a - b).T).max())


# What is found


def test_a_large_face_costs_a_glance_and_a_close_look_and_a_full_look_where_others_count(
    detector: CenterFace, astronaut: np.ndarray, looks: list[tuple[int, int]]
) -> None:
    photo = np.ascontiguousarray(astronaut[:240, 104:344])
    face = only(detector.detect(photo))
    assert looks == [GLANCE, (240, 240), TIGHT]
    for policy in ("largest", "centre", 0):
        looks.clear()
        same = only(detector.detect(photo, policy=policy, chosen_only=True))
        assert looks == [GLANCE, TIGHT]
        assert same.box == face.box
        np.testing.assert_array_equal(same.landmarks, face.landmarks)


def test_a_face_too_small_for_a_glance_costs_a_full_look_and_a_close_look(
    detector: CenterFace, astronaut: np.ndarray, looks: list[tuple[int, int]]
) -> None:
    face = only(detector.detect(astronaut, policy="largest", chosen_only=True))
    assert looks == [GLANCE, (512, 512), CLOSE]
    # Read off the photo by eye.
    by_eye = np.array([[204, 102], [248, 104], [224, 125], [208, 145], [240, 145]])
    assert farthest(face.landmarks, by_eye) < 6
    assert face.confidence > 0.9
    assert 180 < face.box[0] < 190
    assert face.box[1] < by_eye[:, 1].min()
    assert face.box[3] > by_eye[:, 1].max()


def test_fast_takes_the_first_look_alone(
    detector: CenterFace, astronaut: np.ndarray, looks: list[tuple[int, int]]
) -> None:
    fast = only(CenterFace(fast=True).detect(astronaut))
    assert looks == [(512, 512)]
    both = only(detector.detect(astronaut))
    assert fast.box == both.box
    assert 0 < farthest(fast.landmarks, both.landmarks) < 6


def test_large_photos_are_shrunk_and_small_ones_enlarged(
    detector: CenterFace, astronaut: np.ndarray, looks: list[tuple[int, int]]
) -> None:
    expected = only(detector.detect(astronaut)).landmarks
    for scale, size in ((2.5, (640, 640)), (0.3, (256, 256))):
        photo = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        looks.clear()
        face = only(detector.detect(photo))
        assert looks[:2] == [(min(160, photo.shape[0]),) * 2, size]
        assert farthest(face.landmarks / photo.shape[0] * 512, expected) < 4


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("fast", [False, True])
def test_quarter_turns_give_what_the_upright_photo_gives(
    astronaut: np.ndarray, hopper: np.ndarray, count: int, fast: bool
) -> None:
    detector = CenterFace(fast=fast)
    for photo in (astronaut, hopper):
        upright = only(detector.detect(photo))
        turned, back = views.turned(photo, -count % 4)
        face = only(detector.detect(turned))
        assert farthest(in_crop(face), in_crop(upright)) < 0.1
        assert farthest(transform(back, face.landmarks), upright.landmarks) < 0.1
        assert abs((face.roll - upright.roll - 90 * count + 180) % 360 - 180) < 0.1
        assert face.area == pytest.approx(upright.area, rel=1e-3)
        crop = align(turned, face.landmarks).astype(int)
        assert np.abs(crop - align(photo, upright.landmarks)).mean() < 3


@pytest.mark.parametrize("degrees", [40, -40])
def test_tilted_photos(detector: CenterFace, astronaut: np.ndarray, hopper: np.ndarray, degrees: float) -> None:
    for photo in (astronaut, hopper):
        upright = only(detector.detect(photo))
        turned, matrix = tilted(photo, degrees)
        face = only(detector.detect(turned))
        assert farthest(in_crop(face), in_crop(upright)) < 3
        crop = similarity(upright.landmarks, TEMPLATE)
        there = transform(similarity(transform(matrix, upright.landmarks), TEMPLATE), face.landmarks)
        assert farthest(there, transform(crop, upright.landmarks)) < 3


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_face_of_40_pixels_in_a_photo_of_640(detector: CenterFace, astronaut: np.ndarray, turn: int) -> None:
    width = only(detector.detect(astronaut)).width
    small = np.rot90(shrunk(astronaut, 40 / width), turn)
    photo = cv2.resize(skimage.data.coffee(), (640, 480))
    photo[200 : 200 + small.shape[0], 330 : 330 + small.shape[1]] = small
    face = only(detector.detect(photo))
    assert min(face.width, face.height) == pytest.approx(40, abs=5)
    assert fit_error(face.landmarks) < 3
    assert abs((face.roll + 90 * turn + 180) % 360 - 180) < 10


@pytest.mark.slow
@pytest.mark.parametrize("size", [(2000, 1500), (4000, 3000)])
def test_a_face_of_40_pixels_in_a_large_photo(
    detector: CenterFace, astronaut: np.ndarray, size: tuple[int, int]
) -> None:
    width = only(detector.detect(astronaut)).width
    small = shrunk(astronaut, 40 / width)
    photo = cv2.resize(load_sample_image("china.jpg"), size, interpolation=cv2.INTER_CUBIC)
    photo[900 : 900 + small.shape[0], 1200 : 1200 + small.shape[1]] = small
    face = only(detector.detect(photo))
    assert face.width == pytest.approx(40, abs=5)
    assert np.all(np.abs(np.array(face.centre) - [1305, 953]) < 10)


@pytest.mark.parametrize("margin", [-0.05, 0, 0.1])
@pytest.mark.parametrize("scale", [1, 6])
def test_a_face_that_fills_the_photo(detector: CenterFace, astronaut: np.ndarray, margin: float, scale: int) -> None:
    whole = only(detector.detect(astronaut))
    x, y = (round(margin * side) for side in (whole.width, whole.height))
    left, top, right, bottom = (round(value) for value in whole.box)
    photo = np.ascontiguousarray(astronaut[top - y : bottom + y, left - x : right + x])
    photo = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    face = only(detector.detect(photo))
    assert farthest(face.landmarks / scale + [left - x, top - y], whole.landmarks) < 8


def test_several_faces_largest_first_also_when_some_lie(
    detector: CenterFace, astronaut: np.ndarray, hopper: np.ndarray
) -> None:
    photo = np.full((640, 640, 3), 90, np.uint8)
    photo[:300, :256] = shrunk(hopper, 0.5)
    photo[:256, 300:556] = shrunk(astronaut, 0.5)
    photo[340:596, 40:296] = np.rot90(shrunk(astronaut, 0.5))
    faces = detector.detect(photo)
    assert len(faces) == 3
    areas = [face.area for face in faces]
    assert areas == sorted(areas, reverse=True)
    rolls = sorted(round(face.roll / 90) for face in faces)
    assert rolls == [-1, 0, 0]
    assert max(fit_error(face.landmarks) for face in faces) < 3


def test_a_policy_saves_looks_and_changes_nothing_for_the_face_it_means(
    detector: CenterFace, astronaut: np.ndarray, hopper: np.ndarray, looks: list[tuple[int, int]]
) -> None:
    photo = np.full((400, 640, 3), 90, np.uint8)
    photo[:300, :256] = shrunk(hopper, 0.5)
    photo[100:356, 300:556] = shrunk(astronaut, 0.5)
    everything = detector.detect(photo)
    assert len(everything) == 2
    all_looks = len(looks)
    for policy in ("largest", "centre", 1):
        looks.clear()
        faces = detector.detect(photo, policy=policy)
        assert [face.box for face in faces] == [face.box for face in everything]
        chosen, expected = (choose(found, policy, photo.shape) for found in (faces, everything))
        np.testing.assert_array_equal(chosen.landmarks, expected.landmarks)
        assert len(looks) < all_looks
    for policy in ("only", 7):  # errors are for choose to raise
        assert len(detector.detect(photo, policy=policy)) == 2


def face_at(x: float, y: float, side: float, confidence: float = 0.9) -> Face:
    """An upright face whose box is a square about (x, y)."""
    points = (TEMPLATE - 56) * (side / 112) + [x, y]
    return Face((x - side / 2, y - side / 2, x + side / 2, y + side / 2), points, confidence)


def test_when_a_glance_says_enough() -> None:
    shape = (300, 400, 3)
    central, small, doubtful = face_at(205, 150, 80), face_at(60, 60, 40), face_at(340, 200, 75, 0.25)
    for policy in ("largest", "centre", 0):
        assert _decides(policy, [central, small], [central, small], shape)
        assert not _decides(policy, [small, doubtful], [], shape)
    for policy in ("only", 1):
        assert not _decides(policy, [central], [central], shape)
    # A doubtful face of nearly the same size may be the largest, but is not the most central.
    assert not _decides("largest", [central, doubtful], [central], shape)
    assert _decides("centre", [central, doubtful], [central], shape)
    # Far from the middle there is room for another face that is nearer.
    assert not _decides("centre", [small], [small], shape)
    assert not _decides("centre", [central, face_at(215, 150, 30)], [central], shape)


@pytest.mark.slow
def test_with_chosen_only_the_face_that_is_meant_stays_the_same(
    detector: CenterFace, astronaut: np.ndarray, hopper: np.ndarray
) -> None:
    pair = np.full((400, 640, 3), 90, np.uint8)
    pair[:300, :256] = shrunk(hopper, 0.5)
    pair[100:356, 300:556] = shrunk(astronaut, 0.5)
    large = np.full((240, 340, 3), 90, np.uint8)
    large[:, :240] = astronaut[:240, 104:344]
    large[100:, 240:] = shrunk(astronaut, 0.35)[:140, 40:140]
    for photo in (pair, large, np.rot90(large), hopper):
        everything = detector.detect(photo)
        for policy in ("largest", "centre", 0):
            chosen = choose(detector.detect(photo, policy=policy, chosen_only=True), policy, photo.shape)
            expected = choose(everything, policy, photo.shape)
            assert chosen.box == expected.box
            np.testing.assert_array_equal(chosen.landmarks, expected.landmarks)
        for policy in ("only", 1):
            assert len(detector.detect(photo, policy=policy, chosen_only=True)) == len(everything)


# What is not found


@pytest.mark.parametrize("photo", ["coffee", "chelsea", "china.jpg", "flower.jpg"])
def test_photos_without_a_face(detector: CenterFace, photo: str) -> None:
    rgb = load_sample_image(photo) if "." in photo else getattr(skimage.data, photo)()
    assert detector.detect(rgb) == []


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 2), (2, 1), (20, 20), (3, 2000), (2000, 3), (1, 40_000), (31, 33), (640, 1)]
)
def test_tiny_and_narrow_photos(detector: CenterFace, shape: tuple[int, int]) -> None:
    assert detector.detect(np.zeros((*shape, 3), np.uint8)) == []


def test_black_white_and_noise(detector: CenterFace) -> None:
    for value in (0, 255):
        assert detector.detect(np.full((300, 400, 3), value, np.uint8)) == []
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    assert detector.detect(noise) == []


@pytest.mark.data
def test_dogs(detector: CenterFace, shared_data: Path) -> None:
    # A human face of 30 px lies on its side in a picture behind one of them; it is no subject of the photo.
    assert detector.detect(load(shared_data / "photos" / "dlib" / "dogs.jpg")) == []


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("2007_007763", 7),
        ("2008_001009", 2),
        ("2008_001322", 3),
        ("2008_002079", 6),
        ("2008_002470", 6),
        ("2008_002506", 3),
        ("2008_004176", 7),
        ("2008_007676", 7),
        ("2009_004587", 2),
        ("Tom_Cruise_avp_2014_4", 1),
        ("bald_guys", 24),
    ],
)
def test_groups(detector: CenterFace, shared_data: Path, name: str, least: int) -> None:
    faces = detector.detect(load(shared_data / "photos" / "dlib" / f"{name}.jpg"))
    assert least <= len(faces) <= least + 2
    assert all(abs(face.roll) < 30 for face in faces)


@pytest.mark.data
@pytest.mark.slow
def test_turned_and_tilted_portraits(detector: CenterFace, shared_data: Path) -> None:
    paths = sorted((shared_data / "photos" / "congress").glob("*.jpg"))
    assert len(paths) == 40
    for path in paths:
        photo = load(path)
        upright = only(detector.detect(photo))
        copies = [views.turned(photo, count)[0] for count in (1, 2, 3)]
        copies += [tilted(photo, degrees)[0] for degrees in (40, -40)]
        for copy in copies:
            assert farthest(in_crop(only(detector.detect(copy))), in_crop(upright)) < 3, path.name


# The network


def test_one_net_that_sees_several_sizes_is_as_good_as_new_ones(astronaut: np.ndarray) -> None:
    used = CenterFace()
    for size in (320, 512, 256, 320):
        photo = cv2.resize(astronaut, (size, size), interpolation=cv2.INTER_AREA)
        fresh, old = only(CenterFace().detect(photo)), only(used.detect(photo))
        np.testing.assert_allclose(old.landmarks, fresh.landmarks, atol=1e-3)
        assert old.confidence == pytest.approx(fresh.confidence, abs=1e-5)


def test_four_threads_find_what_one_finds(detector: CenterFace, astronaut: np.ndarray, hopper: np.ndarray) -> None:
    photos = [
        shrunk(photo, scale)[:, :: 1 - 2 * mirrored]
        for photo in (astronaut, hopper)
        for scale in (0.4, 0.5, 0.65)
        for mirrored in (0, 1)
    ]
    serial = [detector.detect(photo) for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        parallel = list(pool.map(detector.detect, photos * 2))
    for expected, found in zip(serial * 2, parallel, strict=True):
        assert [face.box for face in found] == [face.box for face in expected]
        for left, right in zip(expected, found, strict=True):
            np.testing.assert_array_equal(left.landmarks, right.landmarks)


def test_the_photo_is_not_changed(detector: CenterFace, astronaut: np.ndarray) -> None:
    photo = astronaut.copy()
    detector.detect(photo)
    turned = only(detector.detect(np.rot90(photo)[::-1, ::-1]))  # a view that is not contiguous
    assert turned.roll == pytest.approx(90, abs=10)
    np.testing.assert_array_equal(photo, astronaut)
