import json
from pathlib import Path

import numpy as np
import pytest

from facecore import checkpoint, export
from facecore.config import ModelConfig
from facecore.models import resnet18
from facecore.pretrained import DEFAULT_MODEL, find_model
from facecore.recognizer import FaceRecognizer
from tests.facecore.onnx_models import needs_onnx

pytestmark = [needs_onnx, pytest.mark.slow]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "net.onnx"
    assert export.main([DEFAULT_MODEL, "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def from_file(exported: Path) -> FaceRecognizer:
    return FaceRecognizer.from_pretrained(exported)


def test_the_file_does_what_the_model_does(
    from_file: FaceRecognizer, recognizer: FaceRecognizer, astronaut: np.ndarray, hopper_path: Path
) -> None:
    theirs, ours = (r.compare(astronaut, hopper_path) for r in (from_file, recognizer))
    assert theirs.score == pytest.approx(ours.score, abs=1e-6)
    assert theirs.probability == pytest.approx(ours.probability, rel=1e-4)
    assert (theirs.verdict, theirs.threshold) == (ours.verdict, ours.threshold)
    assert from_file.preparer.version == recognizer.preparer.version
    assert from_file.input == recognizer.input
    assert from_file.model.digest != recognizer.model.digest
    assert from_file.backend.version.startswith("onnxruntime-")


def test_any_number_of_faces_at_once(
    from_file: FaceRecognizer, recognizer: FaceRecognizer, crops: list[np.ndarray]
) -> None:
    for count in (1, 2, 7):
        found = from_file.encode(crops, count)
        np.testing.assert_allclose(found, recognizer.encode(crops, count), atol=1e-5)


def test_the_file_says_all_that_is_needed_to_use_it(exported: Path, recognizer: FaceRecognizer) -> None:
    import onnx

    model = onnx.load(exported)
    said = {pair.key.removeprefix("facecore."): json.loads(pair.value) for pair in model.metadata_props}
    assert (said["size"], said["mean"], said["std"], said["channels"]) == (112, [127.5] * 3, [127.5] * 3, "rgb")
    assert said["model"] == {"name": DEFAULT_MODEL, "digest": recognizer.model.digest}
    assert said["license"] == "non-commercial-research"
    assert said["detector"] == recognizer.detector.version
    assert np.shape(said["landmarks"]) == (5, 2)
    assert said["alignment"] == 1
    assert recognizer.calibration is not None
    thresholds = {row["far"]: row["threshold"] for row in said["calibration"]["thresholds"]}
    assert thresholds[1e-3] == recognizer.calibration.threshold_for(1e-3)
    assert "image-left eye" in model.doc_string


def test_nothing_of_this_machine_is_in_the_file(exported: Path) -> None:
    content = exported.read_bytes()
    for trace in (b".py", str(Path(export.__file__).parent).encode(), str(exported.parent).encode()):
        assert trace not in content


def test_mirror_images_count_with_a_file_as_with_the_model(exported: Path, crops: list[np.ndarray]) -> None:
    from_file, from_model = (
        FaceRecognizer.from_pretrained(name, device="cpu", flip=True) for name in (exported, DEFAULT_MODEL)
    )
    np.testing.assert_allclose(from_file.encode(crops, 2), from_model.encode(crops, 2), atol=1e-5)
    assert from_file.calibration == from_model.calibration is not None
    assert from_file.model.calibration_path == exported.with_name(f"{exported.stem}.calibration-flip.json")


def test_raw_embeddings_keep_their_length(tmp_path: Path, crops: list[np.ndarray]) -> None:
    network = resnet18(num_classes=2)
    checkpoint.save(tmp_path / "m", network, ModelConfig("resnet18", {"num_classes": 2}))
    recognizers = []
    for name, flags in (("unit", []), ("raw", ["--raw"])):
        path = tmp_path / f"{name}.onnx"
        assert export.main([str(tmp_path / "m"), "--out", str(path), *flags]) == 0
        recognizers.append(FaceRecognizer.from_pretrained(path))
    unit, raw = (r.backend.embed(r.input.array(crops)) for r in recognizers)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-5)
    assert np.abs(np.linalg.norm(raw, axis=1) - 1).min() > 0.01
    np.testing.assert_allclose(raw / np.linalg.norm(raw, axis=1, keepdims=True), unit, atol=1e-5)
    assert not list(tmp_path.glob("*.calibration*.json"))


def test_a_file_that_differs_is_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.onnx"
    path.write_text("what was there before")
    assert export.main([DEFAULT_MODEL, "--out", str(path), "--tolerance", "0"]) == 3
    assert "was not written: ONNX Runtime's embeddings differ" in capsys.readouterr().err
    assert path.read_text() == "what was there before"
    assert [file.name for file in tmp_path.iterdir()] == ["net.onnx"]


def test_wrong_use(tmp_path: Path, exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export.main([DEFAULT_MODEL, "--out", str(tmp_path / "net.bin")]) == 2
    assert "end in .onnx" in capsys.readouterr().err
    assert export.main([str(exported), "--out", str(tmp_path / "again.onnx")]) == 2
    assert "ONNX file already" in capsys.readouterr().err
    assert export.main([DEFAULT_MODEL, "--out", str(tmp_path / "no" / "net.onnx")]) == 3
    assert "cannot read or write" in capsys.readouterr().err
    checkpoint.save(tmp_path / "m", resnet18(num_classes=2), ModelConfig("resnet18", {"num_classes": 2}))
    (tmp_path / "net.calibration.json").write_text("{}")
    assert export.main([str(tmp_path / "m"), "--out", str(tmp_path / "net.onnx")]) == 2
    assert "belongs to another model" in capsys.readouterr().err
    assert find_model(exported) == exported
