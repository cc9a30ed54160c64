import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facecore.errors import ModelError
from facecore.faces.hidden import HiddenProbe
from facecore.faces.quality import Quality, weaknesses
from facecore.quality_limits import DEFAULT_LIMITS, MEASURES, REASONS, QualityLimits, concerns, read_limits
from facecore.recognizer import FaceRecognizer

GOOD = Quality(80.0, 0.17, 0.5, 0.2, 0.05, 0.01, 2.0, 0.9, 0.0)
CONTENT = {"format_version": 1, "limits": {"eye_distance": 30, "sharpness": 0.02}, "measured_on": "some pairs"}
PROBE = HiddenProbe((3.0, -4.0), 1.0)


@pytest.mark.parametrize("seed", range(5))
def test_without_a_file_the_warnings_are_the_known_weaknesses(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    limits = read_limits(tmp_path)
    seen: set[str] = set()
    for _ in range(300):
        low, high = [5, 0.05, 0.05, 0.1, -0.6, -0.12, -60, 0.5, 0.0], [80, 0.2, 0.95, 0.35, 0.6, 0.12, 60, 1.0, 0.3]
        quality = Quality(*rng.uniform(low, high).tolist())
        found = [concern.reason for concern in concerns(quality, limits)]
        assert sorted(found) == sorted(weaknesses(quality))
        assert found == sorted(found, key=REASONS.index)
        seen.update(found)
    assert seen == set(REASONS) - {"hidden"}


def test_a_file_replaces_all_limits(tmp_path: Path) -> None:
    (tmp_path / "quality.json").write_text(json.dumps(CONTENT))
    limits = read_limits(tmp_path)
    assert limits == QualityLimits(eye_distance=30, sharpness=0.02, measured_on="some pairs")
    poor = replace(GOOD, eye_distance=29, sharpness=0.01, yaw=0.6)
    assert [concern.reason for concern in concerns(poor, limits)] == ["small", "blurred"]
    assert concerns(replace(GOOD, eye_distance=30), limits) == ()


def test_a_concern_says_what_was_measured_and_where_the_limit_is() -> None:
    (concern,) = concerns(replace(GOOD, roll=-31.0), DEFAULT_LIMITS)
    assert (concern.reason, concern.value, concern.limit) == ("tilted", 31.0, 25.0)
    (concern,) = concerns(replace(GOOD, yaw=0.4, pitch=0.2), DEFAULT_LIMITS)
    assert (concern.reason, concern.value) == ("turned", 0.4)


def test_what_is_not_known_is_no_concern() -> None:
    unknown = Quality(None, 0.17, 0.5, 0.2, None, None, None, None, None)
    assert concerns(unknown, QualityLimits(1000.0, roll=0.0, yaw=0.0, pitch=0.0, outside=0.0, hidden=PROBE)) == ()


def test_hidden_is_told_from_the_features_alone() -> None:
    limits = QualityLimits(hidden=PROBE)
    covered, edge, plain = (np.array(e, np.float32) for e in ((1, 0), (1, 0.5), (0, 1)))
    (concern,) = concerns(GOOD, limits, covered)
    assert (concern.reason, concern.value, concern.limit) == ("hidden", pytest.approx(2), 0)
    assert concerns(GOOD, limits, edge) == concerns(GOOD, limits, plain) == ()  # at the offset is not above it
    assert concerns(replace(GOOD, confidence=0.01), limits, plain) == ()
    assert concerns(GOOD, QualityLimits(), covered) == ()
    poor = concerns(replace(GOOD, outside=0.5), replace(limits, outside=0.1), covered)
    assert [concern.reason for concern in poor] == ["cut", "hidden"]  # in the order of REASONS


def test_a_probe_for_another_width_is_refused_when_read_and_when_used(tmp_path: Path) -> None:
    (tmp_path / "quality.json").write_text(json.dumps(QualityLimits(hidden=PROBE).to_dict()))
    assert read_limits(tmp_path, 2).hidden == read_limits(tmp_path).hidden == PROBE
    with pytest.raises(ModelError, match="has 2 numbers, but the model's features have 3") as error:
        read_limits(tmp_path, 3)
    assert str(tmp_path / "quality.json") in str(error.value)
    with pytest.raises(ModelError, match="has 2 numbers, but the model's features have 3"):
        concerns(GOOD, QualityLimits(hidden=PROBE), np.zeros(3, np.float32))


def test_a_good_photo_and_a_poor_one(recognizer: FaceRecognizer, astronaut: np.ndarray) -> None:
    good, poor = (recognizer.prepare(photo).quality for photo in (astronaut, astronaut[::8, ::8]))
    assert good is not None
    assert poor is not None
    assert concerns(good, DEFAULT_LIMITS) == ()
    assert "small" in [concern.reason for concern in concerns(poor, DEFAULT_LIMITS)]


def test_a_mask_is_noticed_and_a_bare_face_is_not(
    recognizer: FaceRecognizer, astronaut: np.ndarray, masked: np.ndarray, hopper_path: Path
) -> None:
    limits = read_limits(recognizer.model.directory, recognizer.feature_dim)
    for left, right, expected in ((masked, astronaut, [True, False]), (hopper_path, masked, [False, True])):
        comparison = recognizer.compare(left, right)
        hidden = []
        for side in (comparison.left, comparison.right):
            assert side.quality is not None
            (features,) = recognizer.features([side.crop])
            hidden.append("hidden" in [concern.reason for concern in concerns(side.quality, limits, features)])
        assert hidden == expected


def test_limits_come_back_as_they_were_written(tmp_path: Path) -> None:
    for limits in (
        DEFAULT_LIMITS,
        QualityLimits(**dict.fromkeys(MEASURES, 0.5), measured_on="x"),
        QualityLimits(hidden=PROBE),
    ):
        (tmp_path / "quality.json").write_text(json.dumps(limits.to_dict(), allow_nan=False))
        assert read_limits(tmp_path) == limits


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format_version": 2}, "format version '2' is not known"),
        ({"format_version": True}, "format version 'True' is not known"),
        ({"limits": [1]}, '"limits" must be an object'),
        ({"measured_on": None}, '"measured_on" a text'),
        ({"limits": {"smile": 1}}, "there is no measure 'smile'"),
        ({"limits": {"measured_on": 1}}, "there is no measure 'measured_on'"),
        ({"limits": {"hidden": 1}}, "there is no measure 'hidden'"),
        ({"limits": {"confidence": 0.5}}, "there is no measure 'confidence'"),
        ({"hidden": None}, '"hidden" must be an object with "direction" and "offset"'),
        ({"hidden": {"direction": [1.0]}}, '"hidden" must be an object with'),
        ({"hidden": {"direction": [1.0], "offset": 0, "scale": 1}}, '"hidden" must be an object with'),
        ({"hidden": {"direction": [], "offset": 0}}, 'direction of "hidden" must be a list of finite numbers'),
        ({"hidden": {"direction": 1.0, "offset": 0}}, "must be a list of finite numbers"),
        ({"hidden": {"direction": [1.0, "2"], "offset": 0}}, "must be a list of finite numbers"),
        ({"hidden": {"direction": [1.0, math.nan], "offset": 0}}, "must be a list of finite numbers"),
        ({"hidden": {"direction": [True], "offset": 0}}, "must be a list of finite numbers"),
        ({"hidden": {"direction": [10**400], "offset": 0}}, "must be a list of finite numbers"),
        ({"hidden": {"direction": [1.0], "offset": math.inf}}, 'offset of "hidden" must be a finite number'),
        ({"hidden": {"direction": [1.0], "offset": None}}, 'offset of "hidden" must be a finite number'),
        ({"limits": {"roll": "25"}}, "'roll' must be a number"),
        ({"limits": {"roll": True}}, "'roll' must be a number"),
        ({"limits": {"roll": -1}}, "'roll' must be a number"),
        ({"limits": {"roll": float("nan")}}, "'roll' must be a number"),
        ({"limits": {"roll": 10**400}}, "'roll' must be a number"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    (tmp_path / "quality.json").write_text(json.dumps(CONTENT | change))
    with pytest.raises(ModelError) as error:
        read_limits(tmp_path)
    assert reason in str(error.value)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "quality.json").write_text(content)
    with pytest.raises(ModelError, match=r"quality\.json"):
        read_limits(tmp_path)


def test_an_onnx_file_has_the_limits_of_the_package(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"x")
    assert read_limits(tmp_path / "net.onnx") is DEFAULT_LIMITS
