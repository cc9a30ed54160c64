"""Write a model's network as ONNX, the format that other runtimes and languages read.

    python -m facecore.export resnet18 --out resnet18.onnx
    python -m facecore.export runs/mine/model --out mine.onnx --raw

The file takes `image`, float32 (N, 3, size, size) for any N: aligned faces, (pixel value - mean) / std, red first. It
gives `embedding`, float32 (N, D), each of length one, so that the product of two embeddings is their score. Its
metadata says all that is needed to prepare a picture and to judge a score: size, mean, std, order of the colours, the
five points that faces are aligned to, detector, thresholds, licence, and from which model it was made. What the scores
mean goes beside it: resnet18.calibration.json. `--model resnet18.onnx` of every command here then does what the model
itself does.

Before the file takes its place it is checked: by ONNX's own checker, and by comparing the embeddings of ONNX Runtime
with those of PyTorch.

Exit code: 0 written; 2 wrong usage, or a model that cannot be read; 3 the file could not be written, or gives other
embeddings than the model.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import ModelCard

import facecore
from facecore import checkpoint
from facecore.backends import TorchBackend
from facecore.checkpoint import Model, calibration_path
from facecore.command_line import DONE, NOT_WRITTEN, run_command
from facecore.errors import ModelError
from facecore.faces.align import TEMPLATE
from facecore.faces.centerface import CenterFace
from facecore.files import atomic_path, sha256, write_text
from facecore.onnx_graph import OUTPUT, to_onnx
from facecore.onnx_network import OnnxNetwork
from facecore.pretrained import find_model
from facecore.runtimes import OnnxRuntime

TOLERANCE = 1e-4  # of the length of an embedding; two float32 runtimes differ by about 1e-6


HOW = """An embedding network for faces, written by facecore.

Input `image`: float32 (N, 3, size, size), any N, channels in the order of facecore.channels, values
(pixel - facecore.mean) / facecore.std with pixels 0..255. With facecore.preset "aligned" the image is a face that was
brought by a similarity transform (Umeyama 1991) from its five landmarks to facecore.landmarks, given for an image of
112 px: image-left eye, image-right eye, nose tip, image-left and image-right mouth corner, as facecore.detector gives
them. With "reference" it is the centre of a whole photo.
Output `embedding`: float32 (N, D). The score of two faces is the cosine of their embeddings; facecore.calibration holds
the thresholds at which it was measured how often strangers pass."""


@dataclass(frozen=True)
class Difference:
    """How far the embeddings of two runtimes lie apart.

    Attributes:
        largest: of the absolute differences of their elements, in units of the embedding's length.
        cosine: the smallest of the same picture's two embeddings.
    """

    largest: float
    cosine: float


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        "python -m facecore.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("model", help="a bundled model, a model directory, or hf:org/repo")
    p.add_argument("--out", type=Path, required=True, metavar="FILE", help="the ONNX file, ending in .onnx")
    p.add_argument("--raw", action="store_true", help="embeddings as the network gives them, not of length one")
    p.add_argument("--tolerance", type=float, default=TOLERANCE, metavar="T",
                   help="largest difference from PyTorch, as a share of an embedding's length "
                   f"(default {TOLERANCE:g})")  # fmt: skip
    p.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_command(parser(), _export, argv)


def _export(a: argparse.Namespace) -> int:
    if a.out.suffix != ".onnx":
        raise ValueError(f"--out {a.out}: the name must end in .onnx, by which it is known as such")
    model = checkpoint.load(find_model(a.model))
    try:
        found = export(model, a.out, raw=a.raw, tolerance=a.tolerance)
    except _DiffersError as error:
        print(f"python -m facecore.export: {error}", file=sys.stderr)
        return NOT_WRITTEN
    print(f"largest difference from PyTorch {found.largest:.1e}, smallest cosine {found.cosine:.7f}")
    beside = [path.name for path in (calibration_path(a.out, flip) for flip in (False, True)) if path.exists()]
    print("wrote " + " and ".join([str(a.out), *beside]))
    return DONE


class _DiffersError(Exception):
    """The file gives other embeddings than the model."""


def export(model: Model, out: Path, *, raw: bool = False, tolerance: float = TOLERANCE) -> Difference:
    """Write a model as an ONNX file with its calibration beside it, if what was written does what the model does.

    Args:
        model: from a model directory.
        out: replaced if it exists.
        raw: whether embeddings are left as the network gives them, instead of being brought to length one.
        tolerance: largest difference from PyTorch, as a share of an embedding's length.

    Raises:
        FacecoreError: a package is missing, or ONNX cannot hold this network.
        OSError: the file cannot be written.
    """
    if isinstance(model.network, OnnxNetwork):
        raise ModelError(f"{model.directory}: is an ONNX file already")
    calibrations = {
        calibration_path(out, flip): calibration_path(model.directory, flip) for flip in (False, True)
    }  # with a mirror image there are others
    for copied, own in calibrations.items():
        if copied.exists() and not own.exists():
            raise ModelError(f"{copied}: belongs to another model, since {model.directory} has none: move it away")
    with atomic_path(out) as temporary:
        content = to_onnx(model.network, model.input.size, unit=not raw, metadata=metadata(model, raw=raw), text=HOW)
        temporary.write_bytes(content)
        found = difference(temporary, model)
        if not found.largest <= tolerance:  # also where it is not a number
            raise _DiffersError(
                f"{out} was not written: ONNX Runtime's embeddings differ from PyTorch's by {found.largest:.1e} of "
                f"their length, which is more than {tolerance:g} (--tolerance)"
            )
    for copied, own in calibrations.items():
        if own.exists():
            write_text(copied, own.read_text(encoding="utf-8"))
    return found


def metadata(model: Model, *, raw: bool = False) -> dict[str, Any]:
    """What the file says about itself, under "facecore." and these keys; `HOW` explains them."""
    preset = model.input
    return {
        "version": facecore.__version__,
        "model": {"name": model.name, "digest": model.digest},
        "license": _licence(model.directory / "README.md"),
        "preset": preset.name,
        "size": preset.size,
        "mean": [255 * value for value in preset.mean],
        "std": [255 * value for value in preset.std],
        "channels": preset.channels,
        "alignment": model.config.alignment,
        "landmarks": TEMPLATE.tolist() if preset.needs_alignment else None,
        "detector": CenterFace().version if preset.needs_alignment else None,
        "embedding": "raw" if raw else "unit",
        "calibration": _thresholds(model),
    }


def _thresholds(model: Model) -> dict[str, Any] | None:
    if model.calibration is None:
        return None
    content = model.calibration.to_dict()
    kept = ("far", "threshold", "interval", "tar")
    return {
        "digest": sha256(model.calibration_path),
        "probability": "1 / (1 + exp(-(scale * score + offset))), at even odds",
        "scale": content["scale"],
        "offset": content["offset"],
        "thresholds": [{key: row.get(key) for key in kept} for row in content["thresholds"]],
    }


def _licence(card: Path) -> str | None:
    """What the model card's front matter says, None where there is no card."""
    if not card.exists():
        return None
    data = ModelCard.load(card, ignore_metadata_errors=True).data.to_dict()
    said = data.get("license_name") if data.get("license") == "other" else data.get("license")
    return None if said is None else str(said)


def difference(path: Path, model: Model) -> Difference:
    """How far ONNX Runtime with the file and PyTorch with the model lie apart, over pictures of noise and of shapes.

    Raises:
        FacecoreError: ONNX Runtime is missing.
        ModelError: the file is not valid, or cannot be run.
    """
    import onnx

    try:
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as error:
        raise ModelError(f"the ONNX file that was written is not valid: {error}") from error
    runtime = OnnxRuntime(path, OUTPUT, torch.get_num_threads())
    reference = TorchBackend(model.network, "torch", torch.device("cpu"), None)
    pictures = _pictures(model.input.size)
    largest, cosine = 0.0, 1.0
    for count in (1, len(pictures)):  # the batch must be free
        batch = model.input.array(pictures[:count])
        ours, theirs = reference.embed(batch), runtime.run(np.ascontiguousarray(batch))
        lengths = np.linalg.norm(ours, axis=1, keepdims=True), np.linalg.norm(theirs, axis=1, keepdims=True)
        largest = max(largest, float(np.abs(ours / lengths[0] - theirs / lengths[1]).max()))
        cosine = min(cosine, float((ours / lengths[0] * theirs / lengths[1]).sum(1).min()))
    return Difference(largest, cosine)


def _pictures(size: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (size, size, 3), np.uint8) for _ in range(2)]
    y, x = np.mgrid[:size, :size] / size
    waves = [127.5 + 127.5 * np.sin(6 * np.stack([a * x, a * y, x + y], -1)) for a in (1, 2, 3)]
    return [*noise, *(wave.astype(np.uint8) for wave in waves)]


if __name__ == "__main__":
    sys.exit(main())
