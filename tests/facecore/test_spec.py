import argparse
import pickle
from pathlib import Path

import numpy as np
import pytest

from facecore import checkpoint, spec
from facecore.backends import BACKENDS
from facecore.config import ModelConfig
from facecore.errors import ModelError
from facecore.flags import BACKENDS as CHOICES
from facecore.flags import add_align_flag, add_decision_flags, add_model_flags, recognizer_from, spec_from
from facecore.models import resnet18
from facecore.onnx_file import OnnxInput
from facecore.recognizer import FaceRecognizer
from facecore.spec import RecognizerSpec


def _parsed(*words: str) -> argparse.Namespace:
    p = argparse.ArgumentParser()
    add_align_flag(p)
    add_decision_flags(p)
    add_model_flags(p)
    return p.parse_args(list(words))


def test_a_spec_travels_and_makes_the_same_recognizer(recognizer: FaceRecognizer, crops: list[np.ndarray]) -> None:
    made = pickle.loads(pickle.dumps(RecognizerSpec(device="cpu"))).make()
    np.testing.assert_array_equal(made.encode(crops, 2), recognizer.encode(crops, 2))
    assert made.backend.version == recognizer.backend.version
    assert RecognizerSpec(device="cpu", flip=True).make().model.flip
    assert RecognizerSpec().make_preparer().version == recognizer.preparer.version


def test_a_preparer_needs_the_config_alone(tmp_path: Path, astronaut: np.ndarray) -> None:
    checkpoint.save(tmp_path / "m", resnet18(num_classes=2), ModelConfig("resnet18", {"num_classes": 2}, size=96))
    for weights in (tmp_path / "m").glob("*.safetensors*"):
        weights.unlink()
    crop = RecognizerSpec(str(tmp_path / "m")).make_preparer().prepare(astronaut).crop
    assert crop is not None
    assert crop.shape == (96, 96, 3)
    with pytest.raises(ModelError, match="neither a bundled model"):
        RecognizerSpec("nothing").make_preparer()


def test_only_a_model_on_the_hub_is_resolved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(spec, "find_model", lambda name: tmp_path)
    assert RecognizerSpec("hf:someone/model", align="fast").resolved() == RecognizerSpec(str(tmp_path), align="fast")
    assert RecognizerSpec().resolved() == RecognizerSpec()


def test_flags_make_a_spec() -> None:
    assert spec_from(_parsed()) == RecognizerSpec()
    words = "--model net.onnx --align fast --device cpu --backend openvino --detector-backend openvino --flip"
    more = "--onnx-size 112 --onnx-mean 127.5 --onnx-std 1 2 3 --onnx-channels bgr --onnx-layout nhwc --onnx-output fc1"
    assert spec_from(_parsed(*words.split(), *more.split())) == RecognizerSpec(
        "net.onnx",
        align="fast",
        device="cpu",
        backend="openvino",
        detector_backend="openvino",
        onnx=OnnxInput(112, (127.5,), (1, 2, 3), "bgr", "nhwc", "fc1"),
        flip=True,
    )
    assert CHOICES == BACKENDS


def test_precision_is_read_where_the_command_has_it() -> None:
    a = _parsed()
    a.precision = "bf16"
    assert spec_from(a).precision == "bf16"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--onnx-std 0", "over 0"),
        ("--onnx-mean 1 2", "one number or three"),
        ("--onnx-size 112", "no ONNX file"),
    ],
)
def test_flags_out_of_range(words: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recognizer_from(_parsed(*words.split()))
