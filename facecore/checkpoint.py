"""The model directory: everything that is needed to use a model, in files that cannot run code.

config.json              what the network is and what it takes
model*.safetensors       weights: float16 for tensors of two and more dimensions, float32 for the rest
calibration.json         what its scores mean (optional)
calibration-flip.json    what they mean where each face counts with its mirror image (optional)
quality.json             from which measures of a face on a score is doubtful (optional)
classes.txt              class names in the order of the logits (classifiers)
README.md                the model card (optional)
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import save_torch_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from facecore import onnx_file
from facecore.config import ModelConfig, read_config, read_json
from facecore.errors import ModelError
from facecore.files import atomic_directory, sha256, write_text
from facecore.models import EmbeddingNetwork, build
from facecore.onnx_file import OnnxFile, OnnxInput, is_onnx
from facecore.onnx_network import OnnxNetwork
from facecore.transforms import Preset
from facecore.verification.calibration import Calibration

MAX_SHARD = "9MB"  # the Hub's git hosting refuses files over 10 MB that are not in large-file storage
INDEX = "model.safetensors.index.json"
KEPT = ("README.md", "calibration.json", "calibration-flip.json", "classes.txt", "quality.json")


@dataclass(frozen=True)
class Model:
    """A model that was read from a directory or an ONNX file.

    Attributes:
        directory: where it was read from: the directory, or the ONNX file.
        config: its config.json, or what stands for it.
        input: how pictures are prepared for it.
        network: in evaluation mode, float32, on the CPU.
        calibration: None where there is no file `calibration_path`.
        classes: class names in the order of the logits; empty where there are none.
        digest: SHA-256 of config and weights; of an ONNX file and its preprocessing.
        flip: whether each face counts with its mirror image, which has a calibration of its own.
    """

    directory: Path
    config: ModelConfig
    input: Preset
    network: EmbeddingNetwork
    calibration: Calibration | None
    classes: tuple[str, ...]
    digest: str
    flip: bool = False

    @property
    def name(self) -> str:
        """The name of the directory or file."""
        return self.directory.name

    @property
    def calibration_path(self) -> Path:
        """Where its calibration is or would be, see the function of that name."""
        return calibration_path(self.directory, self.flip)


def save(
    directory: str | os.PathLike[str],
    network: EmbeddingNetwork,
    config: ModelConfig,
    classes: Sequence[str] = (),
    keep: bool = False,
) -> None:
    """Write a model directory, whole or not at all.

    Args:
        directory: replaced if it exists.
        network: on any device.
        config: what config.json will say.
        classes: class names in the order of the logits.
        keep: whether an existing card, calibration and the like are carried over; they belong to other weights.

    Raises:
        OSError: the directory cannot be written.
    """
    directory = Path(directory)
    with atomic_directory(directory) as temporary:
        (temporary / "config.json").write_text(json.dumps(config.to_dict(), indent=2) + "\n", encoding="utf-8")
        save_torch_state_dict(_compact(network.state_dict()), temporary, max_shard_size=MAX_SHARD)
        if classes:
            (temporary / "classes.txt").write_text("\n".join(classes) + "\n", encoding="utf-8")
        for name in KEPT if keep else ():
            if (directory / name).exists() and not (temporary / name).exists():
                shutil.copy2(directory / name, temporary / name)


def save_calibration(model: str | os.PathLike[str], calibration: Calibration) -> None:
    """Write a model's calibration of faces without their mirror images, see `calibration_path`."""
    text = json.dumps(calibration.to_dict(), indent=1, allow_nan=False) + "\n"
    write_text(calibration_path(Path(model)), text)


def load(path: str | os.PathLike[str], onnx: OnnxInput | None = None, *, flip: bool = False) -> Model:
    """Read a model directory or an ONNX file.

    Args:
        path: of the directory or file.
        onnx: how the network in an ONNX file takes a picture, where the file does not say so itself.
        flip: whether each face is to count with its mirror image.

    Raises:
        ModelError: something is missing, damaged or of a version that is not known; names the file and the reason.
        FacecoreError: a package that reads ONNX is missing.
        ValueError: `onnx` was given for a model directory.
    """
    path = Path(path)
    if is_onnx(path, onnx):
        return _load_file(onnx_file.read(path, onnx), flip)
    if path.is_file():
        raise ModelError(_not_a_directory(path))
    if not path.is_dir():
        raise ModelError(f"{path}: there is no such model directory")
    config = read_config(path / "config.json")
    network = build(config.architecture, config.arguments)
    weights = _weight_files(path)
    _fill(network, weights, path)
    classes_path = path / "classes.txt"
    classes = tuple(classes_path.read_text(encoding="utf-8").splitlines()) if classes_path.exists() else ()
    digest = sha256(path / "config.json", *weights)
    calibration = _read_calibration(path, flip)
    return Model(path, config, config.input(), network.eval(), calibration, classes, digest, flip)


def _load_file(file: OnnxFile, flip: bool) -> Model:
    preset = file.preset
    arguments = {"layout": file.layout, "output": file.output, "channels": preset.channels}
    pixels = {name: [255 * value for value in getattr(preset, name)] for name in ("mean", "std")}
    config = ModelConfig("onnx", arguments | pixels, preset.name, preset.size, file.alignment)
    calibration = _read_calibration(file.path, flip)
    return Model(file.path, config, preset, OnnxNetwork(file).eval(), calibration, (), file.digest, flip)


def calibration_path(path: Path, flip: bool = False) -> Path:
    """Where the calibration of a model directory or of an ONNX file is looked for.

    Args:
        path: the directory, which has it inside, or net.onnx, which has it beside it as net.calibration.json.
        flip: whether each face counts with its mirror image: calibration-flip.json, net.calibration-flip.json.
    """
    name = "calibration-flip.json" if flip else "calibration.json"
    return path.with_suffix(f".{name}") if path.suffix == ".onnx" else path / name


def _compact(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Float16 where a tensor has two and more dimensions: half the bytes, and no change that scores would show."""
    return {
        name: tensor.detach().cpu().to(torch.float16 if tensor.ndim > 1 else tensor.dtype).contiguous()
        for name, tensor in state.items()
    }


def _not_a_directory(path: Path) -> str:
    if path.suffix in (".pt", ".pth", ".ckpt", ".bin", ".pkl"):
        return (
            f"{path}: pickled weights are refused, since opening them can run code. Read them once with "
            f"`torch.load({path.name!r}, weights_only=True)`, load them into a network of facecore.models and write "
            "a model directory with `facecore.checkpoint.save(directory, network, config)`"
        )
    return f"{path}: a model is a directory with config.json and model*.safetensors, or an ONNX file named .onnx"


def _weight_files(directory: Path) -> list[Path]:
    single = directory / "model.safetensors"
    if single.exists():
        return [single]
    if not (directory / INDEX).exists():
        raise ModelError(f"{directory}: neither model.safetensors nor {INDEX} is here: the weights are missing")
    names = read_json(directory / INDEX).get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise ModelError(f"{directory / INDEX}: 'weight_map' must map tensor names to files")
    files = [directory / name for name in sorted(set(names.values()))]
    for file in files:
        if file.parent != directory:
            raise ModelError(f"{directory / INDEX}: {file.name!r} lies outside the model directory")
        if not file.exists():
            raise ModelError(f"{file}: this file is missing from the model directory")
    return files


def _fill(network: EmbeddingNetwork, files: Sequence[Path], directory: Path) -> None:
    state: dict[str, Tensor] = {}
    for file in files:
        try:
            state.update(load_file(file))
        except (SafetensorError, OSError, ValueError) as error:
            raise ModelError(
                f"{file}: the weights cannot be read, the file is damaged or not whole: {error}"
            ) from error
    expected = network.state_dict()
    if missing := sorted(expected.keys() - state.keys()):
        raise ModelError(f"{directory}: the weights lack {len(missing)} tensors, the first is {missing[0]!r}")
    if extra := sorted(state.keys() - expected.keys()):
        raise ModelError(f"{directory}: the weights hold {len(extra)} tensors too many, the first is {extra[0]!r}")
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            shapes = f"{tuple(tensor.shape)}, the architecture in config.json needs {tuple(expected[name].shape)}"
            raise ModelError(f"{directory}: tensor {name!r} has the shape {shapes}")
        if not torch.isfinite(tensor).all():
            raise ModelError(f"{directory}: tensor {name!r} holds values that are not finite")
    network.load_state_dict(state)


def _read_calibration(model: Path, flip: bool) -> Calibration | None:
    path = calibration_path(model, flip)
    if not path.exists():
        return None
    try:
        return Calibration.from_dict(read_json(path))
    except ModelError as error:
        raise ModelError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from error
