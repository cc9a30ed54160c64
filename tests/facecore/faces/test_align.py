import builtins
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.optimize import minimize

from facecore.errors import FacecoreError, FaceError
from facecore.faces import align as align_module
from facecore.faces.align import (
    ARCFACE_TEMPLATE,
    TEMPLATE,
    align,
    fit_error,
    invert,
    opencv,
    similarity,
    transform,
    warp,
)
from facecore.image import load

EYES_NOSE_MOUTH = np.array([[205.0, 105], [245, 103], [226, 130], [208, 148], [242, 147]])


def slow_distance(parameters: Sequence[float], source: np.ndarray, target: np.ndarray) -> float:
    """Sum of squared distances after the similarity with these four parameters."""
    a, b, x, y = parameters
    return float(((source @ np.array([[a, -b], [b, a]]).T + [x, y] - target) ** 2).sum())


@pytest.mark.parametrize("seed", range(5))
def test_similarity_is_the_least_squares_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source = rng.normal(0, 30, (5, 2))
    target = TEMPLATE + rng.normal(0, 2, (5, 2))
    found = similarity(source, target)
    best = minimize(slow_distance, [1, 0, 0, 0], args=(source, target), method="BFGS", options={"gtol": 1e-9})
    assert slow_distance([found[0, 0], found[1, 0], *found[:, 2]], source, target) <= best.fun + 1e-6
    np.testing.assert_allclose(found[:, :2], [[best.x[0], -best.x[1]], [best.x[1], best.x[0]]], atol=1e-4)


def test_similarity_recovers_a_known_one_and_never_mirrors() -> None:
    turn = np.radians(130)
    known = np.array([[0.4 * np.cos(turn), -0.4 * np.sin(turn), 7], [0.4 * np.sin(turn), 0.4 * np.cos(turn), -3]])
    np.testing.assert_allclose(similarity(TEMPLATE, transform(known, TEMPLATE)), known, atol=1e-9)
    mirrored = TEMPLATE * [-1, 1]
    assert np.linalg.det(similarity(mirrored, TEMPLATE)[:, :2]) > 0


@pytest.mark.parametrize("points", [np.full((5, 2), 3.0), np.full((5, 2), np.nan), TEMPLATE * np.inf])
def test_landmarks_without_extent_are_refused(points: np.ndarray) -> None:
    with pytest.raises(FaceError, match="landmarks"), np.errstate(invalid="ignore"):
        similarity(points, TEMPLATE)


@pytest.mark.parametrize("source", [np.zeros((4, 2)), np.zeros((5, 3)), np.zeros(10), np.zeros((1, 2))])
def test_wrong_shapes_are_refused(source: np.ndarray) -> None:
    with pytest.raises(ValueError, match="N, 2"):
        similarity(source, TEMPLATE)


def test_invert_undoes() -> None:
    matrix = similarity(EYES_NOSE_MOUTH, TEMPLATE)
    np.testing.assert_allclose(transform(invert(matrix), transform(matrix, TEMPLATE)), TEMPLATE, atol=1e-9)


def test_fit_error_ignores_place_size_and_turn_and_grows_with_the_misfit() -> None:
    matrix = np.array([[0, -3.0, 50], [3.0, 0, -20]])
    assert fit_error(transform(matrix, TEMPLATE)) == pytest.approx(0, abs=1e-9)
    moved = TEMPLATE.copy()
    moved[2] += [8, 0]
    assert 1 < fit_error(moved) == pytest.approx(fit_error(transform(matrix, moved)))
    # The points of an upright face put on one that lies: the mistake that the detector makes.
    assert fit_error(TEMPLATE @ [[0, 1], [-1, 0]] * [0.6, 1.4]) > 6
    assert fit_error(ARCFACE_TEMPLATE) < 2


def test_align_puts_the_landmarks_on_the_template(astronaut: np.ndarray) -> None:
    # Marks painted on the photo come out where the template says.
    painted = astronaut.copy()
    marks = transform(similarity(TEMPLATE, EYES_NOSE_MOUTH), TEMPLATE)
    for x, y in marks:
        cv2.circle(painted, (round(x), round(y)), 2, (0, 255, 0), -1)
    crop = align(painted, marks).astype(int)
    green = (crop[:, :, 1] - crop[:, :, 0] - crop[:, :, 2]) > 100
    for x, y in TEMPLATE:
        rows, columns = np.nonzero(green[int(y) - 8 : int(y) + 9, int(x) - 8 : int(x) + 9])
        assert abs(columns.mean() - 8 + int(x) - x) < 1.5
        assert abs(rows.mean() - 8 + int(y) - y) < 1.5


@pytest.mark.parametrize("size", [64, 112, 224])
def test_sizes_show_the_same(astronaut: np.ndarray, size: int) -> None:
    crop = align(astronaut, EYES_NOSE_MOUTH, size)
    assert crop.shape == (size, size, 3)
    assert crop.dtype == np.uint8
    reference = cv2.resize(align(astronaut, EYES_NOSE_MOUTH), (64, 64), interpolation=cv2.INTER_AREA)
    small = cv2.resize(crop, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(reference.astype(int) - small).mean() < 6


def plainly_warped(rgb: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The whole photo shrunk, then warped, without cutting out the part that is needed."""
    scale = np.sqrt(np.linalg.det(matrix[:, :2]))
    if scale < 0.5:
        rgb = cv2.resize(rgb, None, fx=2 * scale, fy=2 * scale, interpolation=cv2.INTER_AREA)
        matrix = np.c_[matrix[:, :2] / (2 * scale), matrix[:, 2]]
    return cv2.warpAffine(rgb, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("enlarged", [1, 3.3, 6])
@pytest.mark.parametrize(("turn", "shift"), [(0, (0, 0)), (33, (-190, -90)), (180, (240, 330))])
def test_cutting_out_the_part_shown_changes_nothing(
    astronaut: np.ndarray, enlarged: float, turn: float, shift: tuple[int, int]
) -> None:
    photo = cv2.resize(astronaut, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC)
    radians = np.radians(turn)
    rotation = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
    middle = EYES_NOSE_MOUTH.mean(0)
    matrix = similarity(((EYES_NOSE_MOUTH - middle) @ rotation.T + middle + shift) * enlarged, TEMPLATE)
    expected = plainly_warped(photo, matrix, 112).astype(int)
    difference = np.abs(warp(photo, matrix, 112) - expected)
    assert difference.mean() < 0.4
    assert np.quantile(difference, 0.999) <= 8


def test_shrinking_does_not_alias() -> None:
    # A pattern as fine as the pixels of a large photo must come out as its mean, grey.
    photo = np.tile(np.array([[0, 255], [255, 0]], np.uint8), (900, 900))
    crop = align(np.repeat(photo[:, :, None], 3, 2), TEMPLATE * 15)
    assert np.abs(crop.astype(int) - 127).max() <= 12


def test_border_repeats_and_far_away_landmarks_do_not_fail(astronaut: np.ndarray) -> None:
    crop = align(astronaut, TEMPLATE - [4000, 0])
    np.testing.assert_array_equal(crop[:, 0], crop[:, -1])
    assert align(astronaut[:1, :1], TEMPLATE * 50).shape == (112, 112, 3)
    assert align(np.zeros((3, 40_000, 3), np.uint8), TEMPLATE * 20).shape == (112, 112, 3)


def test_photo_that_is_a_view_or_read_only(astronaut: np.ndarray) -> None:
    view = astronaut[:, ::-1]
    view.setflags(write=False)
    marks = EYES_NOSE_MOUTH
    np.testing.assert_array_equal(align(view, marks), align(np.ascontiguousarray(view), marks))


def test_opencv_error_names_the_system_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: object, **keywords: object) -> object:
        if name == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
        return real(name, *arguments, **keywords)

    opencv.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(FacecoreError, match="libgl1"):
        opencv()
    monkeypatch.undo()
    assert opencv() is cv2


def test_templates_cannot_be_changed_by_accident() -> None:
    for template in (TEMPLATE, ARCFACE_TEMPLATE):
        with pytest.raises(ValueError, match="read-only"):
            template[0, 0] = 1
    assert align_module.ALIGNMENT_VERSION == 1


def load_teacher(shared_data: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location("teacher", shared_data / "teacher" / "teacher.py")
    teacher = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(teacher)
    return teacher


@pytest.mark.data
def test_agrees_with_the_code_that_made_the_training_crops(shared_data: Path) -> None:
    teacher = load_teacher(shared_data)
    rng = np.random.default_rng(0)
    for path in sorted((shared_data / "photos" / "dlib").glob("*.jpg")):
        photo = load(path)
        for _ in range(5):
            side = rng.uniform(0.3, 1) * min(photo.shape[:2])
            corner = rng.uniform(0, 1, 2) * (np.array(photo.shape[1::-1]) - side)
            marks = TEMPLATE / 112 * side + corner + rng.normal(0, side / 40, (5, 2))
            matrix = similarity(marks, TEMPLATE)
            np.testing.assert_allclose(matrix, teacher.similarity(marks, TEMPLATE), atol=1e-9)
            difference = np.abs(align(photo, marks).astype(int) - teacher.warp(photo, matrix, 112))
            assert difference.mean() < 0.4, path.name
            assert np.quantile(difference, 0.999) <= 8, path.name


@pytest.mark.data
def test_agrees_exactly_where_the_whole_photo_is_shown(shared_data: Path) -> None:
    teacher = load_teacher(shared_data)
    path = shared_data / "photos" / "congress" / "danny-davis-portrait.jpg"
    photo = np.asarray(Image.open(path).convert("RGB").resize((900, 1100)))
    marks = TEMPLATE * 9
    matrix = similarity(marks, TEMPLATE)
    np.testing.assert_array_equal(align(photo, marks), teacher.warp(photo, matrix, 112))
