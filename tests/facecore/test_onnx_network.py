from pathlib import Path

import numpy as np
import pytest
import torch

from facecore import checkpoint
from facecore.errors import ModelError
from facecore.onnx_file import OnnxInput
from facecore.recognizer import FaceRecognizer
from facecore.verification.fitting import fit
from tests.facecore.onnx_models import needs_onnx, needs_openvino, write_means

pytestmark = needs_onnx

GIVEN = OnnxInput(mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 8.0), channels="rgb")


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (64, 64, 3), np.uint8) for _ in range(5)]


def _expected(pictures: list[np.ndarray]) -> np.ndarray:
    """The embeddings of `write_means`, from their definition."""
    rows = [(picture.reshape(-1, 3).mean(0) - [10, 20, 30]) / [2, 4, 8] for picture in pictures]
    return np.stack([row / np.linalg.norm(row) for row in rows])


@pytest.mark.parametrize("backend", ["auto", pytest.param("openvino", marks=needs_openvino)])
@pytest.mark.parametrize(
    ("shape", "axes", "keep"),
    [
        (("batch", 3, 64, 64), (2, 3), False),
        ((1, 3, 64, 64), (2, 3), False),
        ((2, 3, 64, 64), (2, 3), True),
        (("batch", 64, 64, 3), (1, 2), False),
        ((1, 64, 64, 3), (1, 2), False),
    ],
    ids=["free", "one at a time", "two at a time", "channels last", "channels last, one"],
)
def test_any_shape_of_network_gives_the_embeddings_of_its_definition(
    tmp_path: Path,
    pictures: list[np.ndarray],
    shape: tuple[int | str, ...],
    axes: tuple[int, int],
    keep: bool,
    backend: str,
) -> None:
    path = write_means(tmp_path / "net.onnx", shape, axes=axes, keep=keep)
    recognizer = FaceRecognizer.from_pretrained(path, backend=backend, onnx=GIVEN)
    assert recognizer.embedding_dim == 3
    for batch_size in (1, 3, 8):
        np.testing.assert_allclose(recognizer.encode(pictures, batch_size), _expected(pictures), atol=1e-5)


def test_blue_comes_first_where_that_is_said(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    path = write_means(tmp_path / "net.onnx")
    given = OnnxInput(mean=GIVEN.mean, std=GIVEN.std, channels="bgr")
    blue_first = FaceRecognizer.from_pretrained(path, onnx=given).encode(pictures, 2)
    np.testing.assert_allclose(blue_first[:, ::-1], _expected(pictures), atol=1e-5)


def test_it_is_a_model_like_any_other(tmp_path: Path, pictures: list[np.ndarray]) -> None:
    path = write_means(tmp_path / "net.onnx")
    model = checkpoint.load(path, GIVEN)
    assert (model.name, model.calibration, model.config.architecture) == ("net.onnx", None, "onnx")
    assert model.config.to_dict()["alignment"] == 1
    embeddings = model.network.embed(model.input.batch(pictures))
    np.testing.assert_allclose(torch.nn.functional.normalize(embeddings), _expected(pictures), atol=1e-5)
    assert torch.equal(model.network(model.input.batch(pictures)), embeddings)


def test_a_calibration_beside_it_is_used(tmp_path: Path, astronaut: np.ndarray) -> None:
    path = write_means(tmp_path / "net.onnx")
    bare = FaceRecognizer.from_pretrained(path, onnx=GIVEN).compare(astronaut, astronaut)
    assert bare.score == pytest.approx(1)
    assert bare.verdict is None
    random = np.random.default_rng(0)
    scores = random.normal(0.6, 0.1, 500), random.normal(0.1, 0.1, 20_000)
    calibration = fit(*scores, source={"data": "x", "digest": "y"})
    checkpoint.save_calibration(path, calibration)
    model = checkpoint.load(path, GIVEN)
    assert model.calibration == calibration
    assert model.calibration_path == tmp_path / "net.calibration.json"
    assert FaceRecognizer(model).compare(astronaut, astronaut).verdict == "same"


def test_no_vector_for_each_image_is_a_model_error(tmp_path: Path) -> None:
    path = write_means(tmp_path / "net.onnx", ("a", "b", "c", "d"), axes=(0, 1), width=64)
    with pytest.raises(ModelError, match=r"net\.onnx: must give one vector for each image"):
        checkpoint.load(path, OnnxInput(64, (0.0,), (1.0,), "rgb"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"backend": "torch"}, "ONNX file, which --backend torch cannot run"),
        ({"backend": "compile"}, "use onnx or openvino"),
        ({"device": "cuda"}, "run on the CPU"),
        ({"precision": "bf16"}, "use fp32"),
        ({"backend": "openvino", "precision": "fp16"}, "use fp32"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, arguments: dict[str, str], words: str) -> None:
    path = write_means(tmp_path / "net.onnx")
    with pytest.raises(ValueError, match=words):
        FaceRecognizer(checkpoint.load(path, GIVEN), **arguments)
