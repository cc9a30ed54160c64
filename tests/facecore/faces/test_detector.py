import json

import numpy as np
import pytest

from facecore.errors import FaceError, NoFaceError, SeveralFacesError
from facecore.faces.align import TEMPLATE
from facecore.faces.centerface import CenterFace
from facecore.faces.detector import Detector, Face, Policy, choose

SHAPE = (400, 600, 3)


def face(x: float, y: float, side: float) -> Face:
    """A face whose box has this middle and side."""
    half = side / 2
    marks = (TEMPLATE / 112 - 0.5) * side + [x, y]
    return Face((x - half, y - half, x + half, y + half), marks.astype(np.float32), 0.9)


LARGE, MIDDLE, SMALL = face(100, 100, 120), face(310, 190, 60), face(550, 350, 30)
FACES = [LARGE, MIDDLE, SMALL]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("largest", LARGE), ("centre", MIDDLE), (0, LARGE), (1, MIDDLE), (2, SMALL)],
)
def test_policies(policy: Policy, expected: Face) -> None:
    assert choose(FACES, policy, SHAPE) is expected


def test_only_takes_a_face_that_is_alone() -> None:
    assert choose([SMALL], "only", SHAPE) is SMALL


def test_only_refuses_several_and_says_what_to_do() -> None:
    with pytest.raises(SeveralFacesError, match=r"group\.jpg: 3 faces were found.*crop the photo"):
        choose(FACES, "only", SHAPE, name="group.jpg")


@pytest.mark.parametrize("policy", ["largest", "centre", "only", 0, 5])
def test_no_face_names_the_photo_and_what_to_do(policy: Policy) -> None:
    with pytest.raises(NoFaceError, match=r"wall\.jpg: no face was found; use a photo"):
        choose([], policy, SHAPE, name="wall.jpg")


@pytest.mark.parametrize("index", [3, -1])
def test_an_index_out_of_range(index: int) -> None:
    with pytest.raises(FaceError, match=rf"face number {index}; faces 0 to 2"):
        choose(FACES, index, SHAPE)


@pytest.mark.parametrize("policy", ["biggest", "", None, True, 1.0])
def test_an_unknown_policy(policy: Policy) -> None:
    with pytest.raises(ValueError, match="largest, centre, only"):
        choose(FACES, policy, SHAPE)


def test_centre_measures_from_the_middle_of_width_and_height() -> None:
    # In a photo of 200 x 800 pixels the middle is x 100, y 400.
    upper, lower = face(100, 100, 50), face(120, 420, 20)
    assert choose([upper, lower], "centre", (800, 200, 3)) is lower
    assert choose([upper, lower], "centre", (200, 200, 3)) is upper


def test_properties() -> None:
    assert (MIDDLE.width, MIDDLE.height, MIDDLE.area, MIDDLE.centre) == (60, 60, 3600, (310, 190))
    assert pytest.approx(np.hypot(37.812, 0.811) / 112 * 60, abs=1e-3) == MIDDLE.eye_distance
    assert MIDDLE.roll == pytest.approx(-1.23, abs=0.01)


@pytest.mark.parametrize(("turn", "roll"), [(90, 90), (-90, -90), (180, 180), (30, 30)])
def test_roll_is_clockwise_as_seen(turn: float, roll: float) -> None:
    radians = np.radians(turn)
    # y points down, so this matrix turns clockwise as seen.
    clockwise = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
    turned = Face(MIDDLE.box, ((TEMPLATE - 56) @ clockwise.T).astype(np.float32), 1.0)
    assert (turned.roll - roll + 1.23 + 180) % 360 - 180 == pytest.approx(0, abs=0.01)


def test_to_dict_is_json() -> None:
    written = json.loads(json.dumps(MIDDLE.to_dict()))
    assert written["box"] == [280, 160, 340, 220]
    assert np.shape(written["landmarks"]) == (5, 2)
    assert written["confidence"] == 0.9


def test_landmarks_are_a_copy_that_cannot_be_changed() -> None:
    marks = TEMPLATE.astype(np.float32)
    made = Face((0, 0, 1, 1), marks, 1.0)
    marks[0] = 0
    assert made.landmarks.dtype == np.float32
    np.testing.assert_allclose(made.landmarks, TEMPLATE, atol=1e-4)
    with pytest.raises(ValueError, match="read-only"):
        made.landmarks[0] = 0
    with pytest.raises(ValueError, match="five landmarks"):
        Face((0, 0, 1, 1), marks[:4], 1.0)


def test_centerface_is_a_detector() -> None:
    detector: Detector = CenterFace()
    assert detector.version != CenterFace(fast=True).version
