"""The second stage of the pipeline on a Ray cluster: the network. Here PyTorch is loaded, and Ray is not needed."""

import math
import platform
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from eval.engines.base import Work
from facecore.errors import ModelError
from facecore.recognizer import FaceRecognizer


class Encode:
    """Runs the network over crops.

    Args:
        work: what to do.
        identity: that of the recognizer which the run was started with, see `identity`.
    """

    def __init__(self, work: Work, identity: dict[str, str]) -> None:
        self.work = work
        self.identity = identity
        self.encode: Callable[[Sequence[np.ndarray]], np.ndarray] | None = None

    def __call__(self, ready: pa.Table) -> pa.Table:
        """Rows of `READY` -> rows of `EMBEDDED`.

        Raises:
            ModelError: this machine's model is another, or there is none.
        """
        if self.encode is None:  # here, where an error reaches the user, and not where the actor is made
            self.encode = self._load()
        crops = [crop for crop in ready["crop"].to_pylist() if crop is not None]
        rows = iter(self.encode([_picture(crop) for crop in crops])) if crops else iter(())
        known = ready["crop"].is_valid().to_pylist()
        embeddings = [np.asarray(next(rows), "<f4").tobytes() if has else None for has in known]
        return ready.drop_columns("crop").append_column("embedding", pa.array(embeddings, pa.binary()))

    def _load(self) -> Callable[[Sequence[np.ndarray]], np.ndarray]:
        recognizer = self.work.spec.make()
        here = identity(recognizer)
        other = [f"{key} {here[key]} instead of {value}" for key, value in self.identity.items() if here[key] != value]
        if other:
            raise ModelError(
                f"{platform.node()} has {'; '.join(other)}: install the same facecore and models everywhere"
            )
        return lambda crops: recognizer.encode(crops, self.work.batch_size)


def identity(recognizer: FaceRecognizer) -> dict[str, str]:
    """What must be the same on all machines for embeddings to be comparable."""
    return {
        "model": recognizer.model.digest,
        "preparation": recognizer.preparer.version,
        "backend": recognizer.backend.version,
    }


def _picture(crop: bytes) -> np.ndarray:
    side = math.isqrt(len(crop) // 3)
    return np.frombuffer(crop, np.uint8).reshape(side, side, 3)
