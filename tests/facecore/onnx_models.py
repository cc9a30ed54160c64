"""Small ONNX files for tests: a network whose embedding is the mean of each channel."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import pytest

Shape = Sequence[int | str]
FLOAT, DOUBLE = 1, 11  # onnx.TensorProto.DataType

needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime", "onnxscript")),
    reason="needs the extra onnx",
)
needs_openvino = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="needs the extra openvino")


def write_means(
    path: Path,
    shape: Shape = ("batch", 3, 64, 64),
    *,
    axes: tuple[int, int] = (2, 3),
    keep: bool = False,
    inputs: int = 1,
    outputs: int = 1,
    kind: int = FLOAT,
    width: int = 3,
    external: bool = False,
) -> Path:
    """Write a file that gives the mean of its input over `axes`, (N, 3) or with `keep` (N, 3, 1, 1)."""
    import onnx
    from onnx import helper

    names = ["mean", *(f"more{i}" for i in range(1, outputs))]
    nodes = [
        helper.make_node("Add", ["image", "zero"], ["sum"]),
        helper.make_node("ReduceMean", ["sum", "axes"], ["mean"], keepdims=int(keep)),
        *(helper.make_node("Identity", ["mean"], [name]) for name in names[1:]),
    ]
    zero = onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(helper.make_tensor("zero", kind, [1], [0])), "zero")
    graph = helper.make_graph(
        nodes,
        "means",
        [
            helper.make_tensor_value_info("image", kind, shape),
            *(helper.make_tensor_value_info(f"mask{i}", kind, [1]) for i in range(1, inputs)),
        ],
        [helper.make_tensor_value_info(name, kind, [shape[0], width, *([1, 1] if keep else [])]) for name in names],
        [helper.make_tensor("axes", onnx.TensorProto.INT64, [2], axes), zero],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path, save_as_external_data=external, location=f"{path.name}.data", size_threshold=0)
    return path
