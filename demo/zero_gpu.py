"""A GPU that a Hugging Face Space lends for the length of a call (ZeroGPU); nothing happens anywhere else."""

import importlib
import importlib.util
import os
from collections.abc import Callable, Mapping
from typing import Any

from facecore.backends import Backend
from facecore.recognizer import FaceRecognizer

SECONDS = 30
"""How long a call may hold the GPU at most; a batch of faces takes a fraction of one."""


def offered(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a Space with ZeroGPU and the package that asks for the GPU is there."""
    asked = environment.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true", "yes")
    return asked and importlib.util.find_spec("spaces") is not None


class LentGpu:
    """A backend that runs each batch in a process to which the Space lends its GPU.

    The network alone is sent there: photos are read and searched by threads, and those do not live on in another
    process.

    Args:
        backend: what runs the network there.
        lend: makes of a function one that holds the GPU while it runs.
    """

    def __init__(self, backend: Backend, lend: Callable[..., Any]) -> None:
        self.name = backend.name
        self.version = backend.version
        self.embed = lend(duration=SECONDS)(lambda batch: backend.embed(batch))


def use(recognizer: FaceRecognizer, environment: Mapping[str, str] = os.environ) -> None:
    """Let the recognizer's network run on the GPU that is offered, if one is."""
    if offered(environment):
        recognizer.backend = LentGpu(recognizer.backend, importlib.import_module("spaces").GPU)
