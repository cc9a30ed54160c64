import copy
import importlib.util
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from facecore.backends import make_backend
from facecore.device import has_bf16
from facecore.errors import FacecoreError
from facecore.recognizer import FaceRecognizer
from facecore.runtimes import OnnxRuntime, OpenVino
from tests.facecore.onnx_models import needs_onnx, needs_openvino

ONNX = [pytest.mark.slow, needs_onnx]  # the network has to be exported first
KINDS = [
    pytest.param("auto", "fp32", 1e-6, id="auto"),
    pytest.param("auto", "bf16", 1e-3, id="auto bf16"),
    pytest.param("torch", "bf16", 1e-3, id="torch bf16"),
    pytest.param("onnx", "fp32", 1e-6, id="onnx", marks=ONNX),
    pytest.param("openvino", "fp32", 1e-6, id="openvino", marks=[*ONNX, needs_openvino]),
    pytest.param("openvino", "bf16", 1e-3, id="openvino bf16", marks=[*ONNX, needs_openvino]),
    pytest.param(
        "compile",
        "fp32",
        1e-6,
        id="compile",
        marks=[pytest.mark.slow, pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")],
    ),
]


@pytest.fixture(scope="module")
def eager(recognizer: FaceRecognizer) -> FaceRecognizer:
    return FaceRecognizer(recognizer.model, device="cpu", backend="torch")


@pytest.fixture(scope="module")
def faces(crops: list[np.ndarray]) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (112, 112, 3), np.uint8) for _ in range(4)]
    return [*crops, *(crop[:, ::-1].copy() for crop in crops), *noise]


@pytest.mark.parametrize(("name", "precision", "tolerance"), KINDS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.compile's own
def test_a_backend_agrees_with_the_reference_and_keeps_faces_apart(
    recognizer: FaceRecognizer,
    eager: FaceRecognizer,
    faces: list[np.ndarray],
    name: str,
    precision: str,
    tolerance: float,
) -> None:
    if precision == "bf16" and name == "openvino" and not has_bf16(torch.device("cpu")):
        pytest.skip("OpenVINO takes float32 where the processor has no bfloat16")
    other = FaceRecognizer(recognizer.model, device="cpu", backend=name, precision=precision)
    batched, alone = other.encode(faces, 8), other.encode(faces[1:2], 8)[0]
    assert np.array_equal(batched[1], alone)
    assert np.array_equal(other.encode([*faces[5:], *faces[:2]], 8)[4], alone)
    for batch_size, found in ((8, batched), (1, other.encode(faces, 1))):
        cosine = (found * eager.encode(faces, batch_size)).sum(1)
        assert cosine.min() > 1 - tolerance
    assert precision == "fp32" or not np.array_equal(batched, eager.encode(faces, 8))


def test_the_network_of_the_model_stays_as_it_is(recognizer: FaceRecognizer, crops: list[np.ndarray]) -> None:
    network = recognizer.model.network
    before = copy.deepcopy(network.state_dict())
    made = make_backend("auto", recognizer.model, device="cpu", precision="bf16")
    made.embed(recognizer.input.array(crops))
    after = network.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) and after[name].dtype == before[name].dtype for name in before)


def test_several_threads_may_share_one(recognizer: FaceRecognizer, faces: list[np.ndarray]) -> None:
    expected = recognizer.encode(faces, 2)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: recognizer.encode(faces, 2), range(6)))
    assert all(np.array_equal(rows, expected) for rows in found)


def test_versions_differ_where_embeddings_do(recognizer: FaceRecognizer) -> None:
    kinds = [("auto", "fp32"), ("auto", "bf16"), ("torch", "fp32"), ("torch", "bf16")]
    versions = {make_backend(name, recognizer.model, device="cpu", precision=p).version for name, p in kinds}
    assert len(versions) == len(kinds)
    assert all(torch.__version__ in version for version in versions)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "tensorflow"}, "'tensorflow' is not known: use auto, torch"),
        ({"name": "auto", "precision": "int8"}, "int8"),
        ({"name": "onnx", "precision": "bf16"}, "--precision bf16 does not go with --backend onnx"),
        ({"name": "openvino", "device": "cuda"}, "run on the CPU"),
    ],
)
def test_what_cannot_be_is_refused(recognizer: FaceRecognizer, arguments: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_backend(model=recognizer.model, **arguments)


@pytest.mark.parametrize(
    ("runtime", "package", "words"),
    [(OnnxRuntime, "onnxruntime", "onnx onnxruntime onnxscript"), (OpenVino, "openvino", "onnx onnxscript openvino")],
)
def test_a_package_that_is_missing_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, runtime: type[OnnxRuntime], package: str, words: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(FacecoreError, match=f"pip install {words}$"):
        runtime(b"", "embedding", 1)


def test_exporting_needs_its_packages(recognizer: FaceRecognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FacecoreError, match=r"needs the package onnx, .*pip install onnx onnxruntime"):
        make_backend("onnx", recognizer.model)


def test_without_a_compiler_compile_says_what_is_missing(
    recognizer: FaceRecognizer, crops: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch._dynamo.exc

    def compile_(function: object, *, dynamic: bool) -> object:
        def run(images: torch.Tensor) -> torch.Tensor:
            raise torch._dynamo.exc.TorchDynamoException("No working C++ compiler found")

        return run

    monkeypatch.setattr(torch, "compile", compile_)
    backend = make_backend("compile", recognizer.model, device="cpu")
    with pytest.raises(FacecoreError, match="C\\+\\+ compiler .*--backend auto"):
        backend.embed(recognizer.input.array(crops))
