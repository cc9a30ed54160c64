"""Where models come from: bundled with the package, a directory, or the Hugging Face Hub when asked for by name."""

import os
from pathlib import Path

from facecore.errors import ModelError

WEIGHTS = Path(__file__).parent / "weights"
DEFAULT_MODEL = "resnet18"


def find_model(name: str | os.PathLike[str]) -> Path:
    """The directory of a model: a bundled name, a path, or "hf:org/repo", which is downloaded.

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
    bundled = ", ".join(sorted(path.parent.name for path in WEIGHTS.glob("*/config.json"))) or "none"
    raise ModelError(f"{text!r} is neither a bundled model ({bundled}) nor a model directory")


def _download(repository: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, allow_patterns=["*.json", "*.safetensors", "*.txt", "README.md"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(f"hf:{repository} could not be downloaded: {error}") from error
