"""Quality: measures that answer to what was done to a photo, and a score that finds the pairs that will be missed."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from facecore import image
from facecore.data.parquet import read_pairs, read_shards, shard_paths
from facecore.errors import FaceError
from facecore.faces.align import TEMPLATE, align
from facecore.faces.centerface import CenterFace
from facecore.faces.detector import Face
from facecore.faces.quality import (
    REASONS,
    UNKNOWN,
    WEIGHTS,
    Quality,
    measure,
    penalties,
    weaknesses,
)
from facecore.recognizer import FaceRecognizer
from facecore.verification.discard import discard_curve

Photo = tuple[np.ndarray, Face]


@pytest.fixture(scope="module", params=["astronaut", "hopper"])
def photo(request: pytest.FixtureRequest, astronaut: np.ndarray, hopper_path: Path) -> Photo:
    rgb = astronaut if request.param == "astronaut" else image.load(hopper_path)
    return rgb, CenterFace().detect(rgb)[0]


def quality_of(rgb: np.ndarray, face: Face) -> Quality:
    return measure(rgb, face, align(rgb, face.landmarks))


def moved(face: Face, scale: float) -> Face:
    return Face(face.box, face.landmarks * scale, face.confidence)


def lit(gain: float, offset: float = 0) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rgb: np.clip(rgb * gain + offset, 0, 255).round().astype(np.uint8)


def test_good_photos_have_few_weaknesses_and_are_plain_numbers(photo: Photo) -> None:
    quality = quality_of(*photo)
    assert not {"small", "blurred", "dark", "bright", "tilted", "cut"} & set(weaknesses(quality))
    assert 0.6 < quality.score < 1
    assert quality.eye_distance == photo[1].eye_distance
    assert quality.outside == 0
    written = json.loads(json.dumps(quality.to_dict(), allow_nan=False))
    assert written["score"] == quality.score
    assert set(written) >= {"eye_distance", "sharpness", "yaw", "pitch", "roll", "confidence"}


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("blurred", lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 6)),
        ("dark", lit(0.15)),
        ("bright", lit(1.5, 120)),
    ],
    ids=["blurred", "dark", "bright"],
)
def test_a_degraded_copy_scores_lower_and_says_why(
    photo: Photo, reason: str, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    rgb, face = photo
    before, after = quality_of(rgb, face), quality_of(change(rgb), face)
    assert after.score < before.score - 0.05
    assert reason in weaknesses(after)


@pytest.mark.parametrize("eye_distance", [6, 10, 20])
def test_shrinking_and_enlarging_again_costs_sharpness(photo: Photo, eye_distance: int) -> None:
    rgb, face = photo
    scale = eye_distance / face.eye_distance
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    back = cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    before, enlarged = quality_of(rgb, face), quality_of(back, face)
    assert enlarged.sharpness < before.sharpness
    assert enlarged.score < before.score
    tiny = quality_of(small, moved(face, scale))
    assert "small" in weaknesses(tiny)
    assert tiny.eye_distance == pytest.approx(eye_distance, rel=1e-3)
    assert tiny.score < enlarged.score


def test_worse_blur_is_never_better(photo: Photo) -> None:
    rgb, face = photo
    scores = [quality_of(cv2.GaussianBlur(rgb, (0, 0), sigma), face).score for sigma in (1, 2, 4, 8)]
    assert scores == sorted(scores, reverse=True)


def test_light_does_not_pass_for_blur(photo: Photo) -> None:
    rgb, face = photo
    sharp, dark = quality_of(rgb, face).sharpness, quality_of(lit(0.5)(rgb), face).sharpness
    assert dark == pytest.approx(sharp, rel=0.1)


def turned(yaw: float, pitch: float = 0) -> np.ndarray:
    """The template seen from another side: a face whose nose lies 0.6 eye distances before the plane of the rest."""
    depth = np.array([0, 0, 0.6 * 37.8, 0, 0])
    centred = TEMPLATE - TEMPLATE.mean(0)
    x = centred[:, 0] * np.cos(yaw) + depth * np.sin(yaw)
    y = centred[:, 1] * np.cos(pitch) + depth * np.sin(pitch)
    return np.stack([x, y], axis=1) + 200


@pytest.mark.parametrize(("yaw", "pitch"), [(0.6, 0), (-0.6, 0), (0, 0.5), (0, -0.5)])
def test_a_turned_head_scores_lower_and_a_turned_photo_does_not(
    crops: list[np.ndarray], yaw: float, pitch: float
) -> None:
    def of(landmarks: np.ndarray) -> Quality:
        return measure(None, Face((0, 0, 1, 1), landmarks, 0.9), crops[0])

    frontal, side = of(turned(0)), of(turned(yaw, pitch))
    assert frontal.yaw == pytest.approx(0, abs=0.03)
    assert frontal.pitch == pytest.approx(0, abs=0.05)
    assert side.score < frontal.score
    assert "turned" in weaknesses(side)
    assert np.sign(side.yaw if yaw else side.pitch) == np.sign(yaw or pitch)

    angle = np.radians(40)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    tilted = of(turned(yaw, pitch) @ turn)
    assert tilted.yaw == pytest.approx(side.yaw, abs=1e-5)
    assert tilted.pitch == pytest.approx(side.pitch, abs=1e-5)
    assert tilted.score == pytest.approx(side.score, abs=1e-5)
    assert tilted.roll == pytest.approx(side.roll + 40, abs=1e-3)
    assert "tilted" in weaknesses(tilted)


def test_a_face_at_the_edge_is_cut(photo: Photo) -> None:
    rgb, face = photo
    bottom = int(face.landmarks[2, 1])  # through the nose
    cut = quality_of(rgb[:bottom], face)
    assert 0.3 < cut.outside < 0.8
    assert "cut" in weaknesses(cut)
    assert cut.score < quality_of(rgb, face).score


def test_a_crop_alone_is_measured_as_far_as_it_can_be(crops: list[np.ndarray]) -> None:
    quality = measure(None, None, crops[0])
    unknown = {quality.eye_distance, quality.yaw, quality.pitch, quality.roll, quality.confidence, quality.outside}
    assert unknown == {None}
    assert 0.5 < quality.score < 1
    assert all(penalties(quality)[name] == WEIGHTS[name] * unit for name, unit in UNKNOWN.items())
    assert json.loads(json.dumps(quality.to_dict(), allow_nan=False))["eye_distance"] is None
    double = cv2.resize(crops[0], (224, 224), interpolation=cv2.INTER_LINEAR)
    assert measure(None, None, double).brightness == pytest.approx(quality.brightness, abs=0.01)


def test_the_score_stays_in_its_range_and_is_monotone() -> None:
    best = Quality(100, 0.3, 0.5, 0.1, 0, 0, 0, 1, 0)
    assert best.score == 1
    assert weaknesses(best) == ()
    worst = Quality(0, 0, 1, 0.5, 1, 1, 180, 0, 1)
    assert worst.score == 0
    assert set(weaknesses(worst)) == set(REASONS) - {"dark"}
    black = Quality(0, 0, 0, 0, -1, -1, -180, 0, 1)
    assert 0 <= black.score < 0.1
    assert "dark" in weaknesses(black)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_even_crop_is_measured_too(value: int) -> None:
    quality = measure(None, None, np.full((112, 112, 3), value, np.uint8))
    assert (quality.sharpness, quality.contrast) == (0, 0)
    assert "blurred" in weaknesses(quality)


def test_what_cannot_be_measured_is_refused(crops: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="uint8"):
        measure(None, None, crops[0].astype(np.float32))
    with pytest.raises(ValueError, match="uint8"):
        measure(None, None, crops[0][:, :, 0])
    with pytest.raises(FaceError, match="landmarks"):
        measure(crops[0], Face((0, 0, 1, 1), np.zeros((5, 2)), 0.9), crops[0])


@pytest.mark.data
@pytest.mark.slow
def test_discarding_the_worst_fifth_lowers_the_fnmr_by_more_than_chance(
    shared_data: Path, recognizer: FaceRecognizer
) -> None:
    folder = shared_data / "train"
    pairs = read_pairs(folder, "test")
    pairs = pairs[pairs["same"]]
    faces = read_shards(folder, ["val"], progress=False)
    measures = {
        number: (distance, landmarks)
        for path in shard_paths(folder)
        for number, distance, landmarks in zip(
            *pq.read_table(path, columns=["id", "eye_distance", "landmarks"], filters=[("split", "=", "val")])
            .to_pydict()
            .values(),
            strict=True,
        )
    }
    row = {int(number): i for i, number in enumerate(faces.ids)}
    used = sorted({row[number] for side in ("left", "right") for number in pairs[side]})
    place = {int(faces.ids[i]): k for k, i in enumerate(used)}
    embeddings = recognizer.encode([faces.images[i] for i in used], 64)
    quality = np.array([_stored(*measures[int(faces.ids[i])], faces.images[i]).score for i in used])
    left, right = (np.array([place[number] for number in pairs[side]]) for side in ("left", "right"))
    scores = np.einsum("pd,pd->p", embeddings[left], embeddings[right])
    lower = np.minimum(quality[left], quality[right])
    same = np.ones(scores.shape, np.bool_)
    # At the scores' lower quartile, so that the test does not depend on how good the bundled network is.
    threshold = float(np.quantile(scores, 0.25))
    whole, best = discard_curve(scores, same, lower, threshold, [0, 0.2]).points
    random = np.random.default_rng(0)
    chance = [discard_curve(scores, same, random.permutation(lower), threshold, [0.2]).points[0] for _ in range(200)]
    assert best.fnmr < min(point.fnmr for point in chance)
    assert best.fnmr < 0.95 * whole.fnmr


def _stored(eye_distance: float, landmarks: list[float], crop: np.ndarray) -> Quality:
    """The quality of a face of the shards: its landmarks lie in the crop, its size is that in the lost photo."""
    points = np.array(landmarks, np.float32).reshape(5, 2)
    scale = eye_distance / float(np.hypot(*(points[1] - points[0])))
    return measure(None, Face((0, 0, 1, 1), points * scale, 1.0), crop)
