"""Networks by name. Each has two forward methods: `forward` (class logits) and `embed` (the embedding)."""

from collections.abc import Callable, Mapping
from typing import Any

from facecore.errors import ModelError
from facecore.models.alexnet import AlexNet
from facecore.models.base import EmbeddingNetwork
from facecore.models.resnet import ResNet, resnet18, resnet34
from facecore.models.student import Student

__all__ = ["MODELS", "AlexNet", "EmbeddingNetwork", "ResNet", "Student", "build", "resnet18", "resnet34"]

MODELS: dict[str, Callable[..., EmbeddingNetwork]] = {
    "resnet18": resnet18,
    "resnet34": resnet34,
    "alexnet": AlexNet,
    "student": Student,
}


def build(name: str, arguments: Mapping[str, Any]) -> EmbeddingNetwork:
    """The network called `name`, with fresh weights.

    Raises:
        ModelError: the name is not in the registry, or the network does not take these arguments.
    """
    if name not in MODELS:
        raise ModelError(f"architecture {name!r} is not known: use one of {', '.join(MODELS)}")
    try:
        return MODELS[name](**arguments)
    except (TypeError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"architecture {name!r} cannot be built with {dict(arguments)}: {error}") from error
