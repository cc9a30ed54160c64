"""From a network to ONNX, the format that other runtimes read."""

import importlib.util
import json
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facecore.errors import FacecoreError
from facecore.models import EmbeddingNetwork
from facecore.models.folding import folded
from facecore.onnx_file import INSTALL, PREFIX

INPUT, OUTPUT = "image", "embedding"
OPSET = 18  # what torch.onnx writes without converting


class _Embedding(nn.Module):
    """The way of a network to its embedding, which is what gets exported."""

    def __init__(self, network: EmbeddingNetwork, unit: bool) -> None:
        super().__init__()
        self.network = network
        self.unit = unit

    def forward(self, image: Tensor) -> Tensor:
        embedding = self.network.embed(image)
        return F.normalize(embedding) if self.unit else embedding


def to_onnx(
    network: EmbeddingNetwork,
    size: int,
    *,
    unit: bool = False,
    metadata: Mapping[str, Any] | None = None,
    text: str = "",
) -> bytes:
    """The content of an ONNX file that takes `image` (N, 3, size, size) float32 and gives `embedding` (N, D) float32.

    Args:
        network: stays as it is.
        size: of the image in pixels.
        unit: whether embeddings are brought to length one.
        metadata: values that JSON can hold, written under "facecore." and their key.
        text: the file's description.

    Raises:
        FacecoreError: the packages onnx and onnxscript are missing.
    """
    if missing := [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]:
        raise FacecoreError(f"writing ONNX needs the package {missing[0]}, which is missing: {INSTALL}")
    module = _Embedding(folded(network), unit).eval()
    example = torch.zeros(2, 3, size, size)  # a batch of one would be taken for a constant
    program = torch.onnx.export(
        module, (example,), dynamo=True, opset_version=OPSET, input_names=[INPUT], output_names=[OUTPUT],
        dynamic_shapes={"image": {0: torch.export.Dim("batch")}}, verbose=False,
    )  # fmt: skip
    assert program is not None
    model = program.model_proto
    model.producer_name, model.doc_string = "facecore", text
    # The exporter notes for each node which line of which source file it came from: nobody else's business.
    for noted in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        del noted.metadata_props[:]
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=PREFIX + key, value=json.dumps(value, ensure_ascii=False))
    content: bytes = model.SerializeToString()
    return content
