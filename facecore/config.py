"""config.json of a model directory: what the network is and what it takes. Read without PyTorch."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from facecore.errors import ModelError
from facecore.transforms import Preset, preset

FORMAT_VERSION = 1


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


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file of a model directory holds.

    Raises:
        ModelError: there is no such file, or it holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path}: this file is missing from the model directory") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: must hold a JSON object, not {type(content).__name__}")
    return content


def read_config(path: Path) -> ModelConfig:
    """What a config.json says.

    Raises:
        ModelError: the file is missing, damaged or of a version that is not known.
    """
    content = read_json(path)
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
