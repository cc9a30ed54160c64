"""The network in an ONNX file, in the form that every other network here has."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facecore.errors import ModelError
from facecore.models import EmbeddingNetwork
from facecore.onnx_file import OnnxFile
from facecore.runtimes import Runtime, any_runtime

Array = NDArray[np.float32]


class OnnxNetwork(EmbeddingNetwork):
    """A network that ONNX Runtime runs, or OpenVINO where that alone is installed. It cannot be trained.

    Args:
        file: as `facecore.onnx_file.read` gives it.

    Raises:
        FacecoreError: neither package is installed.
        ModelError: the network cannot be loaded, or gives something other than one vector for each image.
    """

    def __init__(self, file: OnnxFile) -> None:
        super().__init__()
        self.file = file
        self.runtime: Runtime = any_runtime(file.path, file.output, torch.get_num_threads())
        size = file.preset.size
        # A file need not say how wide its output is, and what it says need not be true.
        self.embedding_dim = run_file(self.runtime, file, np.zeros((1, 3, size, size), np.float32)).shape[1]

    def embed(self, x: Tensor) -> Tensor:
        """The embedding, (N, 3, H, W) float -> (N, embedding_dim) float32 on the CPU."""
        return torch.from_numpy(run_file(self.runtime, self.file, x.float().cpu().numpy()))

    def forward(self, x: Tensor) -> Tensor:
        """The same as `embed`: what else the file may hold is not looked at."""
        return self.embed(x)


def run_file(runtime: Runtime, file: OnnxFile, batch: Array) -> Array:
    """Embeddings by a network whose file may want another order of axes or fixed batches.

    Args:
        runtime: with the network.
        file: what the network takes.
        batch: (N, 3, S, S) float32.

    Returns:
        (N, D) float32.

    Raises:
        ModelError: the network cannot be run, or does not give one vector for each image.
    """
    images = np.ascontiguousarray(batch if file.layout == "nchw" else batch.transpose(0, 2, 3, 1))
    if file.batch is None:
        return _vectors(runtime.run(images), len(images), file)
    rows = []
    for start in range(0, len(images), file.batch):
        part = images[start : start + file.batch]
        padding = np.zeros((file.batch - len(part), *part.shape[1:]), np.float32)
        rows.append(_vectors(runtime.run(np.concatenate([part, padding])), file.batch, file)[: len(part)])
    return np.concatenate(rows)


def _vectors(output: Array, count: int, file: OnnxFile) -> Array:
    if output.ndim < 2 or len(output) != count or output.size != count * output.shape[1]:
        raise ModelError(
            f"{file.path}: must give one vector for each image, but gave an array {output.shape} for {count}"
        )
    return output.reshape(count, -1)
