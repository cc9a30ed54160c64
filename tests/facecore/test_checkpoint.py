import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from facecore import checkpoint
from facecore.config import ModelConfig
from facecore.errors import ModelError
from facecore.models import resnet18
from facecore.verification.fitting import fit

CONFIG = ModelConfig("resnet18", {"num_classes": 3})


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    directory = tmp_path_factory.mktemp("models") / "small"
    checkpoint.save(directory, resnet18(num_classes=3), CONFIG, classes=["Ada", "Bob", "Ünal"])
    return directory


@pytest.fixture
def directory(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "small"))


def test_a_round_trip_keeps_everything(tmp_path: Path) -> None:
    network = resnet18(num_classes=3).eval()
    checkpoint.save(tmp_path / "m", network, CONFIG, classes=["a", "b", "c"])
    model = checkpoint.load(tmp_path / "m")
    assert model.config == CONFIG
    assert model.classes == ("a", "b", "c")
    assert model.calibration is None
    assert model.name == "m"
    for name, tensor in network.state_dict().items():
        expected = tensor.half().float() if tensor.ndim > 1 else tensor
        assert torch.equal(model.network.state_dict()[name], expected)
        assert model.network.state_dict()[name].dtype == tensor.dtype


def test_files_are_half_precision_and_under_the_limit(directory: Path) -> None:
    files = list(directory.glob("*.safetensors"))
    assert len(files) > 1
    assert all(file.stat().st_size < 10_000_000 for file in files)
    kinds = {tensor.dtype for file in files for tensor in load_file(file).values() if tensor.ndim > 1}
    assert kinds == {torch.float16}


def test_the_config_says_how_to_prepare_a_picture(directory: Path) -> None:
    content = json.loads((directory / "config.json").read_text())
    assert (content["preset"], content["size"], content["mean"], content["std"]) == (
        "aligned",
        112,
        [0.5] * 3,
        [0.5] * 3,
    )


def test_the_digest_is_that_of_config_and_weights(directory: Path) -> None:
    before = checkpoint.load(directory).digest
    (directory / "README.md").write_text("a card")
    assert checkpoint.load(directory).digest == before
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**config, "alignment": 2}))
    assert checkpoint.load(directory).digest != before


def test_saving_again_drops_what_belongs_to_other_weights_unless_told_to_keep(directory: Path) -> None:
    random = np.random.default_rng(0)
    calibration = fit(
        random.normal(0.6, 0.1, 500), random.normal(0.1, 0.1, 20_000), source={"data": "x", "digest": "y"}
    )
    checkpoint.save_calibration(directory, calibration)
    loaded = checkpoint.load(directory)
    assert loaded.calibration == calibration
    checkpoint.save(directory, loaded.network, CONFIG, keep=True)
    assert checkpoint.load(directory).calibration == calibration
    checkpoint.save(directory, loaded.network, CONFIG)
    assert checkpoint.load(directory).calibration is None


def _edit(directory: Path, **changes: object) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _weights(directory: Path) -> Path:
    return min(directory.glob("*.safetensors"))


def _change_tensor(directory: Path, change: str) -> None:
    path = _weights(directory)
    tensors = load_file(path)
    name = next(name for name, tensor in tensors.items() if tensor.ndim == 4)
    if change == "shape":
        tensors[name] = tensors[name][:1].contiguous()
    elif change == "drop":
        del tensors[name]
    elif change == "extra":
        tensors["more"] = torch.zeros(1)
    else:
        tensors[name] = torch.full_like(tensors[name], float("nan"))
    save_file(tensors, path)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda d: (d / "config.json").unlink(), "config.json.*missing"),
        (lambda d: (d / "config.json").write_text("{"), "config.json.*JSON"),
        (lambda d: (d / "config.json").write_text("[1]"), "config.json.*object"),
        (lambda d: (d / "config.json").write_bytes(b"\xff\xfe\x00"), "config.json.*JSON"),
        (lambda d: _edit(d, format_version=2), "format version 2.*update"),
        (lambda d: _edit(d, architecture="vgg"), "vgg.*not known"),
        (lambda d: _edit(d, architecture=None), "architecture.*str"),
        (lambda d: _edit(d, arguments={"depth": 9}), "cannot be built"),
        (lambda d: _edit(d, preset="square"), "square"),
        (lambda d: _edit(d, size=10), "too small"),
        (lambda d: _edit(d, size=True), "size"),
        (lambda d: _edit(d, alignment="new"), "alignment"),
        (lambda d: _edit(d, arguments={"num_classes": 4}), "fc.*shape"),
        (lambda d: _weights(d).unlink(), "model-0.*missing"),
        (lambda d: _weights(d).write_bytes(_weights(d).read_bytes()[:5000]), "damaged"),
        (lambda d: _weights(d).write_bytes(b""), "damaged"),
        (lambda d: [f.unlink() for f in d.glob("model*")], "weights are missing"),
        (lambda d: (d / "model.safetensors.index.json").write_text('{"weight_map": 3}'), "weight_map"),
        (lambda d: (d / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../x"}}'), "outside"),
        (lambda d: _change_tensor(d, "shape"), "shape"),
        (lambda d: _change_tensor(d, "drop"), "lack 1 tensors"),
        (lambda d: _change_tensor(d, "extra"), "too many.*more"),
        (lambda d: _change_tensor(d, "nan"), "not finite"),
        (lambda d: (d / "calibration.json").write_text("{}"), "calibration.json"),
    ],
)
def test_damage_is_a_model_error_that_names_it(directory: Path, damage: object, words: str) -> None:
    assert callable(damage)
    damage(directory)
    with pytest.raises(ModelError, match=f"(?s){words}"):
        checkpoint.load(directory)


def test_pickles_are_refused_with_the_way_to_convert_them(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({}, path)
    with pytest.raises(ModelError, match="weights_only=True.*checkpoint.save"):
        checkpoint.load(path)


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such"):
        checkpoint.load(tmp_path / "nothing")
