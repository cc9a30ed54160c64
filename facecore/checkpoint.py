"""The model directory: everything that is needed to use a model, in files that cannot run code.

config.json              what the network is and what it takes
model*.safetensors       weights: float16 for tensors of two and more dimensions, float32 for the rest
calibration.json         what its scores mean (optional)
classes.txt              class names in the order of the logits (classifiers)
README.md                the model card (optional)
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import save_torch_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from facecore.errors import ModelError
from facecore.files import atomic_directory, sha256, write_text
from facecore.models import EmbeddingNetwork, build
from facecore.transforms import Preset, preset
from facecore.verification.calibration import Calibration

FORMAT_VERSION = 1
MAX_SHARD = "9MB"  # the Hub's git hosting refuses files over 10 MB that are not in large-file storage
INDEX = "model.safetensors.index.json"
KEPT = ("README.md", "calibration.json", "classes.txt", "quality.json")


@dataclass(frozen=True)
class ModelConfig:
    """What config.json holds.

    Attributes:
        architecture: name in the registry `facecore.models.MODELS`.
        arguments: keyword arguments of that network.
        preset: "aligned" or "reference".
        size: of the input in pixels.
        alignment: version of the alignment that the training crops were made with; None for whole photos.
        training: how the weights came about, for people and for the model card.
    """

    architecture: str
    arguments: dict[str, Any]
    preset: str = "aligned"
    size: int = 112
    alignment: int | None = 1
    training: dict[str, Any] = field(default_factory=dict)

    def input(self) -> Preset:
        """The preset with the size of this model.

        Raises:
            ModelError: there is no such preset.
        """
        try:
            return preset(self.preset, self.size)
        except ValueError as error:
            raise ModelError(f"config.json: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """The content of config.json."""
        chosen = self.input()
        return {"format_version": FORMAT_VERSION, **asdict(self), "mean": chosen.mean, "std": chosen.std}


@dataclass(frozen=True)
class Model:
    """A model that was read from a directory.

    Attributes:
        directory: where it was read from.
        config: its config.json.
        network: in evaluation mode, float32, on the CPU.
        calibration: None where the directory has no calibration.json.
        classes: class names in the order of the logits; empty where there are none.
        digest: SHA-256 of config and weights.
    """

    directory: Path
    config: ModelConfig
    network: EmbeddingNetwork
    calibration: Calibration | None
    classes: tuple[str, ...]
    digest: str

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.directory.name


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


def save_calibration(directory: str | os.PathLike[str], calibration: Calibration) -> None:
    """Write calibration.json into a model directory."""
    text = json.dumps(calibration.to_dict(), indent=1, allow_nan=False) + "\n"
    write_text(Path(directory) / "calibration.json", text)


def load(directory: str | os.PathLike[str]) -> Model:
    """Read a model directory.

    Raises:
        ModelError: something is missing, damaged or of a version that is not known; names the file and the reason.
    """
    directory = Path(directory)
    if directory.is_file():
        raise ModelError(_not_a_directory(directory))
    if not directory.is_dir():
        raise ModelError(f"{directory}: there is no such model directory")
    config = _read_config(directory / "config.json")
    network = build(config.architecture, config.arguments)
    weights = _weight_files(directory)
    _fill(network, weights, directory)
    calibration_path = directory / "calibration.json"
    calibration = _read_calibration(calibration_path) if calibration_path.exists() else None
    classes_path = directory / "classes.txt"
    classes = tuple(classes_path.read_text(encoding="utf-8").splitlines()) if classes_path.exists() else ()
    digest = sha256(directory / "config.json", *weights)
    return Model(directory, config, network.eval(), calibration, classes, digest)


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
    return f"{path}: a model is a directory with config.json and model*.safetensors, this is a file"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path}: this file is missing from the model directory") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: must hold a JSON object, not {type(content).__name__}")
    return content


def _read_config(path: Path) -> ModelConfig:
    content = _read_json(path)
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise ModelError(f"{path}: format version {version!r} is not known, only {FORMAT_VERSION} is: update facecore")
    kinds = {"architecture": str, "arguments": dict, "preset": str, "size": int, "training": dict}
    for key, kind in kinds.items():
        if not isinstance(content.get(key), kind) or isinstance(content.get(key), bool):
            raise ModelError(f"{path}: {key!r} must be {kind.__name__}, not {content.get(key)!r}")
    alignment = content.get("alignment")
    if alignment is not None and (not isinstance(alignment, int) or isinstance(alignment, bool)):
        raise ModelError(f"{path}: 'alignment' must be a version number or null, not {alignment!r}")
    config = ModelConfig(**{key: content[key] for key in kinds}, alignment=alignment)
    config.input()
    return config


def _weight_files(directory: Path) -> list[Path]:
    single = directory / "model.safetensors"
    if single.exists():
        return [single]
    if not (directory / INDEX).exists():
        raise ModelError(f"{directory}: neither model.safetensors nor {INDEX} is here: the weights are missing")
    names = _read_json(directory / INDEX).get("weight_map")
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


def _read_calibration(path: Path) -> Calibration:
    try:
        return Calibration.from_dict(_read_json(path))
    except ModelError as error:
        raise ModelError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from error
