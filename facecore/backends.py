"""What runs the network: PyTorch, ONNX Runtime or OpenVINO behind one call.

| name | what it is | needs |
| --- | --- | --- |
| auto | PyTorch with BatchNorm folded into the convolutions and channels last; ONNX Runtime for an ONNX file | - |
| torch | PyTorch as the network is written, the reference that all others are held against | - |
| compile | torch.compile over what auto runs; takes a minute to start and again for each batch size | a C++ compiler |
| onnx | ONNX Runtime on the CPU | the extra `onnx` |
| openvino | OpenVINO on the CPU; with precision "bf16" or "auto" in bfloat16 where the processor has it | `openvino` |

All agree with `torch` to 1e-6 in cosine in float32 and to 1e-4 in bfloat16 (bundled model). The last two run a network
from a model directory by way of ONNX, whose making takes some seconds: `python -m facecore.export` does it once.
"""

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facecore.checkpoint import Model
from facecore.device import pick_device, pick_precision
from facecore.errors import FacecoreError
from facecore.models import EmbeddingNetwork
from facecore.models.folding import folded
from facecore.onnx_graph import OUTPUT, to_onnx
from facecore.onnx_network import OnnxNetwork, run_file
from facecore.runtimes import OnnxRuntime, OpenVino, Runtime

Array = NDArray[np.float32]
BackendName = Literal["auto", "torch", "compile", "onnx", "openvino"]
BACKENDS: tuple[BackendName, ...] = get_args(BackendName)


class Backend(Protocol):
    """Runs one network. Safe to call from several threads.

    For batches of one size the embedding of a face does not depend on the others in the batch, to the last bit.
    """

    @property
    def name(self) -> str:
        """The name by which it is asked for."""

    @property
    def version(self) -> str:
        """Names everything that may change the last bits of an embedding, as part of a cache key."""

    def embed(self, batch: Array) -> Array:
        """Embeddings as the network gives them: (N, 3, S, S) float32 normalised -> (N, D) float32."""


class TorchBackend:
    """PyTorch on any device. Works on a copy of the network.

    Args:
        network: in evaluation mode.
        name: "torch" runs it as it is written, "auto" faster, "compile" through torch.compile.
        device: where it runs.
        precision: the type for autocast, None for plain float32.
    """

    def __init__(
        self, network: EmbeddingNetwork, name: str, device: torch.device, precision: torch.dtype | None
    ) -> None:
        self.name = name
        self._device = device
        self._precision = precision
        copied = copy.deepcopy(network) if name == "torch" else folded(network)
        self._memory = torch.contiguous_format if name == "torch" else torch.channels_last
        self._network = _lowered(copied, None if name == "torch" else precision)
        self._network.to(device).to(memory_format=self._memory)
        self._embed: Callable[[Tensor], Tensor] = self._network.embed
        if name == "compile":
            self._embed = torch.compile(self._network.embed, dynamic=False)
        kind = "float32" if precision is None else str(precision).removeprefix("torch.")
        self.version = f"torch-{torch.__version__}-{name}-{device.type}-{kind}"

    def embed(self, batch: Array) -> Array:
        """See `Backend`.

        Raises:
            FacecoreError: torch.compile finds no C++ compiler, or fails otherwise.
        """
        images = torch.from_numpy(batch).to(self._device, memory_format=self._memory)
        with torch.inference_mode(), torch.autocast(self._device.type, self._precision, self._precision is not None):
            return self._run(images).float().cpu().numpy()

    def _run(self, images: Tensor) -> Tensor:
        if self.name != "compile":
            return self._embed(images)
        import torch._dynamo.exc
        import torch._inductor.exc

        try:
            return self._embed(images)
        except (torch._dynamo.exc.TorchDynamoException, torch._inductor.exc.InductorError) as error:
            raise FacecoreError(
                f"torch.compile cannot compile the network here ({str(error).strip().splitlines()[0][:200]}); it needs "
                "a C++ compiler (Debian: apt-get install g++) and Python's headers: or use --backend auto"
            ) from error


class RuntimeBackend:
    """ONNX Runtime or OpenVINO, on the CPU.

    Args:
        name: the name by which it was asked for.
        version: see `Backend`.
        embed: (N, 3, S, S) float32 -> (N, D) float32.
    """

    def __init__(self, name: str, version: str, embed: Callable[[Array], Array]) -> None:
        self.name = name
        self.version = version
        self._embed = embed

    def embed(self, batch: Array) -> Array:
        """See `Backend`.

        Raises:
            ModelError: the network cannot be run.
        """
        return self._embed(np.ascontiguousarray(batch))


class MirrorBackend:
    """Runs a network on each face and on its mirror image: twice the work, and a somewhat better embedding.

    The two embeddings, each of length one, are added. People do not change when they are mirrored, so that what is
    different between the two is error, which the sum has less of.

    Args:
        backend: runs the network.
    """

    def __init__(self, backend: Backend) -> None:
        self.name = backend.name
        self.version = f"{backend.version}-flip"
        self._backend = backend

    def embed(self, batch: Array) -> Array:
        """See `Backend`; the embeddings are the sums of two of length one."""
        mirrored = np.ascontiguousarray(batch[..., ::-1])
        return unit(self._backend.embed(batch)) + unit(self._backend.embed(mirrored))


def make_backend(name: str, model: Model, *, device: str = "auto", precision: str = "fp32") -> Backend:
    """What runs a model's network.

    Args:
        name: one of `BACKENDS`.
        model: its network stays as it is. Where `flip` is set, its mirror image counts with each face.
        device: see `facecore.device.pick_device`; ONNX Runtime and OpenVINO run on the CPU.
        precision: see `facecore.device.pick_precision`.

    Raises:
        ValueError: an argument is not known, or does not go together with the others.
        FacecoreError: a package is missing.
    """
    if name not in BACKENDS:
        raise ValueError(f"backend {name!r} is not known: use {', '.join(BACKENDS)}")
    backend = _plain(name, model, device, precision)
    return MirrorBackend(backend) if model.flip else backend


def unit(rows: Array) -> Array:
    """Rows of length one: (N, D) float32. As torch.nn.functional.normalize: a vector of zeros stays one."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    brought: Array = rows / np.maximum(lengths, np.float32(1e-12))
    return brought


def _plain(name: str, model: Model, device: str, precision: str) -> Backend:
    """What runs the network on faces as they are."""
    network = model.network
    if isinstance(network, OnnxNetwork) and name in ("torch", "compile"):
        raise ValueError(f"{model.directory} is an ONNX file, which --backend {name} cannot run: use onnx or openvino")
    if name in ("auto", "torch", "compile") and not isinstance(network, OnnxNetwork):
        where = pick_device(device)
        return TorchBackend(network, name, where, pick_precision(precision, where))
    if device not in ("auto", "cpu"):
        raise ValueError(f"--device {device} does not go with ONNX Runtime and OpenVINO here: they run on the CPU")
    return _on_runtime(name, network, model.input.size, precision)


def _on_runtime(name: str, network: EmbeddingNetwork, size: int, precision: str) -> RuntimeBackend:
    bf16 = _bf16(name, precision)
    threads = torch.get_num_threads()

    def load(source: Path | bytes, output: str) -> Runtime:
        if name == "openvino":
            return OpenVino(source, output, threads, bf16)
        return OnnxRuntime(source, output, threads)

    kind = "bfloat16" if bf16 else "float32"
    if isinstance(network, OnnxNetwork):
        runtime = network.runtime if name == "auto" else load(network.file.path, network.file.output)
        return RuntimeBackend(name, f"{runtime.version}-{kind}", partial(run_file, runtime, network.file))
    runtime = load(to_onnx(network, size), OUTPUT)
    return RuntimeBackend(name, f"{runtime.version}-torch-{torch.__version__}-{kind}", runtime.run)


def _bf16(name: str, precision: str) -> bool:
    """Whether a runtime is to compute in bfloat16."""
    cpu = torch.device("cpu")
    wanted = pick_precision(precision, cpu)
    if name == "openvino" and wanted != torch.float16:
        return wanted is not None
    if wanted is None or precision == "auto":
        return False
    raise ValueError(f"--precision {precision} does not go with --backend {name}: use fp32")


def _lowered(network: EmbeddingNetwork, precision: torch.dtype | None) -> EmbeddingNetwork:
    """The network with the weights of its convolutions in the type that autocast would bring them to in each pass."""
    if precision is not None:
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.to(precision)
    return network
