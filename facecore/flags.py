"""Flags that several command lines have in common, so that they mean and say the same everywhere."""

import argparse
from typing import TYPE_CHECKING

from facecore.faces.network import BACKENDS as DETECTOR_BACKENDS
from facecore.onnx_file import CHANNELS, LAYOUTS, OnnxInput
from facecore.preparer import ALIGNS
from facecore.pretrained import DEFAULT_MODEL
from facecore.spec import RecognizerSpec

if TYPE_CHECKING:
    from facecore.recognizer import FaceRecognizer

BACKENDS = ("auto", "torch", "compile", "onnx", "openvino")  # not taken from facecore.backends, which brings PyTorch


def add_model_flags(p: argparse.ArgumentParser) -> None:
    """`--model`, `--device`, `--backend`, `--debug`, and those for ONNX files."""
    p.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME",
                   help="a bundled model, a model directory, an ONNX file of an embedding network, or hf:org/repo "
                   f"(default {DEFAULT_MODEL})")  # fmt: skip
    p.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default auto)")
    p.add_argument("--backend", choices=BACKENDS, default="auto",
                   help="what runs the network: auto is the fastest that needs nothing more; torch is the reference; "
                   "compile needs a C++ compiler; onnx and openvino need pip install onnx onnxruntime onnxscript or "
                   "onnx onnxscript openvino (default auto)")  # fmt: skip
    p.add_argument("--flip", action="store_true",
                   help="let the mirror image of each face count with it: somewhat more accurate, but the network "
                   "takes twice as long; needs a calibration of its own, calibration-flip.json")  # fmt: skip
    p.add_argument("--detector-backend", choices=DETECTOR_BACKENDS, default="auto",
                   help="what runs the face detector; openvino and openvino-bf16 are faster and need "
                   "pip install openvino (default auto)")  # fmt: skip
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")
    add_onnx_flags(p)


def add_onnx_flags(p: argparse.ArgumentParser) -> None:
    """The flags that say how the network in an ONNX file takes a picture."""
    onnx = p.add_argument_group("ONNX files", "how the network takes a picture; files that facecore.export wrote say "
                                "it themselves; what is given here wins. The calibration of net.onnx is "
                                "looked for in net.calibration.json.")  # fmt: skip
    onnx.add_argument("--onnx-size", type=int, metavar="N", help="height and width in pixels, as 112")
    onnx.add_argument("--onnx-mean", type=float, nargs="+", metavar="V",
                      help="subtracted from pixel values 0..255, as 127.5, or three: red, green, blue")  # fmt: skip
    onnx.add_argument("--onnx-std", type=float, nargs="+", metavar="V", help="divided by, as 127.5")
    onnx.add_argument("--onnx-channels", choices=CHANNELS, help="order of the colours")
    onnx.add_argument("--onnx-layout", choices=LAYOUTS, help="order of the axes (default: by the input's shape)")
    onnx.add_argument("--onnx-output", metavar="NAME", help="the embedding, where there are several outputs")


def add_align_flag(p: argparse.ArgumentParser) -> None:
    """`--align`."""
    p.add_argument("--align", choices=ALIGNS, default="auto",
                   help="auto does what the model was trained for; fast looks at each face once instead of twice; "
                   "none takes the photos as they are (default auto)")  # fmt: skip


def add_decision_flags(p: argparse.ArgumentParser) -> None:
    """`--far` and `--threshold`."""
    p.add_argument("--far", type=float, metavar="F", help="decide by the threshold at this false accept rate alone")
    p.add_argument("--threshold", type=float, metavar="T", help="decide by this score alone")


def spec_from(a: argparse.Namespace) -> RecognizerSpec:
    """What recognizer the flags ask for. `--align` and `--precision` are read where the command has them.

    Raises:
        ValueError: the flags for ONNX files are out of range.
    """
    return RecognizerSpec(
        model=a.model,
        align=getattr(a, "align", "auto"),
        device=a.device,
        precision=getattr(a, "precision", "fp32"),
        backend=a.backend,
        detector_backend=a.detector_backend,
        onnx=onnx_from(a),
        flip=a.flip,
    )


def onnx_from(a: argparse.Namespace) -> OnnxInput | None:
    """What the flags of `add_onnx_flags` say; None where none was given.

    Raises:
        ValueError: one is out of range.
    """
    onnx = OnnxInput(
        size=a.onnx_size,
        mean=tuple(a.onnx_mean) if a.onnx_mean else None,
        std=tuple(a.onnx_std) if a.onnx_std else None,
        channels=a.onnx_channels,
        layout=a.onnx_layout,
        output=a.onnx_output,
    )
    return None if onnx == OnnxInput() else onnx


def recognizer_from(a: argparse.Namespace) -> "FaceRecognizer":
    """The recognizer that the flags ask for.

    Raises:
        ModelError: there is no such model, or it cannot be used.
        ValueError: a flag is out of range, or the device is not there.
    """
    return spec_from(a).make()
