"""Where models come from: bundled with the package, a directory, an ONNX file, or the Hugging Face Hub on request."""

import os
from pathlib import Path

from facecore import onnx_file
from facecore.config import read_config
from facecore.errors import ModelError
from facecore.onnx_file import OnnxInput
from facecore.transforms import Preset

WEIGHTS = Path(__file__).parent / "weights"
DEFAULT_MODEL = "resnet18"


def bundled_models() -> list[str]:
    """Names of the models that come with the package, the default one first."""
    names = sorted(path.parent.name for path in WEIGHTS.glob("*/config.json"))
    return sorted(names, key=lambda name: name != DEFAULT_MODEL)


def find_model(name: str | os.PathLike[str]) -> Path:
    """The directory or ONNX file of a model: a bundled name, a path, or "hf:org/repo", which is downloaded.

    Raises:
        ModelError: there is no such model.
    """
    text = os.fspath(name)
    if text.startswith("hf:"):
        return _download(text.removeprefix("hf:"))
    if os.sep not in text and (WEIGHTS / text / "config.json").exists():
        return WEIGHTS / text
    if Path(text).exists():
        return Path(text)
    bundled = ", ".join(bundled_models()) or "none"
    raise ModelError(f"{text!r} is neither a bundled model ({bundled}) nor a model directory or an ONNX file")


def read_input(path: Path, onnx: OnnxInput | None = None) -> Preset:
    """What a model takes, without reading its weights.

    Args:
        path: a model directory or an ONNX file.
        onnx: how an ONNX file takes a picture, where it does not say so itself.

    Raises:
        ModelError: the model does not say, or is damaged.
        ValueError: `onnx` was given for a model directory.
    """
    if onnx_file.is_onnx(path, onnx):
        return onnx_file.read(path, onnx).preset
    return read_config(path / "config.json").input()


def _download(repository: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, allow_patterns=["*.json", "*.safetensors", "*.txt", "README.md"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(f"hf:{repository} could not be downloaded: {error}") from error
