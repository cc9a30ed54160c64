"""A recognizer in words: small, comparable, and ready to be sent to another process, which builds its own from it."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from facecore.onnx_file import OnnxInput
from facecore.preparer import Align, Preparer
from facecore.pretrained import DEFAULT_MODEL, find_model, read_input

if TYPE_CHECKING:
    from facecore.recognizer import FaceRecognizer


@dataclass(frozen=True)
class RecognizerSpec:
    """What a `FaceRecognizer` is made from.

    Attributes:
        model: a bundled name, a model directory, "hf:org/repo", or an ONNX file.
        align: "auto", "fast" or "none".
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "fp32", "bf16", "fp16" or "auto".
        backend: what runs the network, see `facecore.backends`.
        detector_backend: what runs the face detector, see `facecore.faces.network`.
        onnx: how an ONNX file takes its input, where the file does not say so itself.
        flip: whether the mirror image of each face counts with it.
    """

    model: str = DEFAULT_MODEL
    align: Align = "auto"
    device: str = "auto"
    precision: str = "fp32"
    backend: str = "auto"
    detector_backend: str = "auto"
    onnx: OnnxInput | None = None
    flip: bool = False

    def resolved(self) -> "RecognizerSpec":
        """The same with the model downloaded, for processes on this machine: so that not each of them asks the Hub.

        Raises:
            ModelError: there is no such model.
        """
        return replace(self, model=str(find_model(self.model))) if self.model.startswith("hf:") else self

    def make(self) -> "FaceRecognizer":
        """The recognizer.

        Raises:
            ModelError: there is no such model, or it cannot be used.
            ValueError: an argument is not known, or the device is not there.
        """
        from facecore.recognizer import FaceRecognizer  # brings PyTorch

        return FaceRecognizer.from_pretrained(
            self.model,
            align=self.align,
            device=self.device,
            precision=self.precision,
            backend=self.backend,
            detector_backend=self.detector_backend,
            onnx=self.onnx,
            flip=self.flip,
        )

    def make_preparer(self) -> Preparer:
        """The part that reads photos and cuts out faces alone: no weights are read and PyTorch is not imported.

        Raises:
            ModelError: there is no such model, or it does not say what it takes.
            ValueError: an argument is not known.
        """
        preset = read_input(find_model(self.model), self.onnx)
        return Preparer(preset, align=self.align, detector_backend=self.detector_backend)
