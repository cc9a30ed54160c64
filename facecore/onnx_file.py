"""An ONNX file of an embedding network: what it takes and gives, read without running it and without PyTorch.

Files that `facecore.export` wrote say in their metadata how a picture has to be prepared. Files from elsewhere do not,
so it must be said for them: networks of the ArcFace family take 112 px, mean 127.5, standard deviation 127.5, RGB.

Their crops were solved against ArcFace's template of five points. Those that `facecore.faces.align` makes are solved
against the mean landmarks of CenterFace, placed in that same frame, since a detector's points differ from those that
the template was drawn for: the face lies in the crop where such networks expect it.
"""

import hashlib
import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from facecore.errors import ModelError
from facecore.faces.align import ALIGNMENT_VERSION
from facecore.files import sha256
from facecore.transforms import Channels, Preset, preset

if TYPE_CHECKING:
    import onnx

Layout = Literal["nchw", "nhwc"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
CHANNELS: tuple[Channels, ...] = get_args(Channels)
PREFIX = "facecore."  # of the keys that facecore.export writes, each with a JSON value
INSTALL = "pip install onnx onnxruntime onnxscript"


@dataclass(frozen=True)
class OnnxInput:
    """How the network in an ONNX file takes a picture; None is what the file itself says.

    Attributes:
        size: height and width in pixels.
        mean: subtracted from pixel values 0..255: one number, or one for each of red, green and blue.
        std: divided by, likewise.
        channels: "rgb" or "bgr".
        layout: "nchw" or "nhwc"; by default what the shape of the input says.
        output: name of the embedding, where the network has several outputs.
    """

    size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    channels: Channels | None = None
    layout: Layout | None = None
    output: str | None = None

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            values = getattr(self, name)
            if values is not None and len(values) not in (1, 3):
                raise ValueError(f"onnx {name} takes one number or three (red, green, blue), not {len(values)}")
        if self.std is not None and min(self.std) <= 0:
            raise ValueError(f"onnx std must be over 0, not {min(self.std)}: pixel values are divided by it")
        if self.channels not in (None, *CHANNELS):
            raise ValueError(f"onnx channels {self.channels!r} are not known: use {' or '.join(CHANNELS)}")
        if self.layout not in (None, *LAYOUTS):
            raise ValueError(f"onnx layout {self.layout!r} is not known: use {' or '.join(LAYOUTS)}")


@dataclass(frozen=True)
class OnnxFile:
    """What is known of the network in a file.

    Attributes:
        path: of the file.
        preset: how a picture is brought to its input.
        layout: the order of the input's axes.
        input: name of its input.
        output: name of its embedding.
        batch: how many pictures it takes at once; None where any number.
        alignment: version of the alignment that it is used with; None for whole photos.
        metadata: what facecore.export wrote into it; empty for files from elsewhere.
        digest: SHA-256 of the file, the data files beside it and the preprocessing.
    """

    path: Path
    preset: Preset
    layout: Layout
    input: str
    output: str
    batch: int | None
    alignment: int | None
    metadata: Mapping[str, Any]
    digest: str


def is_onnx(path: Path, options: OnnxInput | None) -> bool:
    """Whether a model is an ONNX file rather than a directory.

    Raises:
        ValueError: it is none, and yet it is said how it takes a picture.
    """
    if path.suffix == ".onnx" and not path.is_dir():
        return True
    if options is not None:
        raise ValueError(
            f"{path} is no ONNX file (.onnx): only for one can be said how it takes a picture (--onnx-...)"
        )
    return False


def read(path: Path, options: OnnxInput | None = None) -> OnnxFile:
    """Look at a file.

    Args:
        path: of the file.
        options: how it takes a picture; what is given here wins over what the file says.

    Raises:
        ModelError: the package onnx is missing, or the file is no ONNX file, is incomplete, is no embedding network of
            one image and one vector, or does not say how pictures are prepared and `options` does not either.
    """
    options = options or OnnxInput()
    model = _parse(path)
    data = _data_files(path, model.graph.initializer)
    given = _the_input(path, model.graph)
    layout, batch, side = _shape(path, given, options.layout)
    metadata = _metadata(path, model.metadata_props)
    chosen = _preset(path, metadata, options, side)
    output = _the_output(path, model.graph, options.output)
    alignment = metadata["alignment"] if metadata else ALIGNMENT_VERSION
    how = json.dumps([vars(chosen), layout, output], default=str)
    digest = hashlib.sha256((sha256(path, *data) + how).encode()).hexdigest()
    return OnnxFile(path, chosen, layout, given.name, output, batch, alignment, metadata, digest)


def _parse(path: Path) -> "onnx.ModelProto":
    try:
        import onnx

        protobuf = importlib.import_module("google.protobuf.message")  # comes with onnx, without types
    except ImportError as error:
        raise ModelError(f"{path}: ONNX files are read by the package onnx, which is missing: {INSTALL}") from error
    try:
        model = onnx.load(path, load_external_data=False)
    except protobuf.DecodeError as error:
        raise ModelError(f"{path}: is no ONNX file, or damaged or not whole: {error}") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not model.graph.node:
        raise ModelError(f"{path}: is no ONNX file: it holds no network")
    return model


def _data_files(path: Path, tensors: "Sequence[onnx.TensorProto]") -> list[Path]:
    """The files beside the ONNX file that hold its larger tensors."""
    names = {pair.value for tensor in tensors for pair in tensor.external_data if pair.key == "location"}
    files = [path.parent / name for name in sorted(names)]
    for file in files:
        if not file.resolve().is_relative_to(path.parent.resolve()):
            raise ModelError(f"{path}: its weights should be in {file.name!r} outside its own folder, which is refused")
        if not file.is_file():
            raise ModelError(f"{path}: its weights are in another file, {file.name}, which is missing beside it")
    return files


def _dims(value: "onnx.ValueInfoProto") -> list[int | None]:
    """Shape of an input or output, None for axes of any length."""
    return [dim.dim_value or None for dim in value.type.tensor_type.shape.dim]


def _described(values: "Sequence[onnx.ValueInfoProto]") -> str:
    shapes = [(value.name, [str(dim or "any") for dim in _dims(value)]) for value in values]
    return ", ".join(f"{name} [{' x '.join(shape)}]" for name, shape in shapes) or "none"


def _the_input(path: Path, graph: "onnx.GraphProto") -> "onnx.ValueInfoProto":
    constants = {tensor.name for tensor in graph.initializer}  # listed as inputs too up to version 3 of the format
    inputs: list[onnx.ValueInfoProto] = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise ModelError(
            f"{path}: an embedding network takes one image, this one has {len(inputs)} inputs: {_described(inputs)}"
        )
    kind = inputs[0].type.tensor_type.elem_type
    if kind != 1:  # onnx.TensorProto.FLOAT
        raise ModelError(f"{path}: input {inputs[0].name!r} must be float32, its ONNX element type is {kind}")
    return inputs[0]


def _the_output(path: Path, graph: "onnx.GraphProto", wanted: str | None) -> str:
    outputs: list[onnx.ValueInfoProto] = list(graph.output)
    named = [value for value in outputs if value.name == wanted] if wanted else outputs
    if wanted and not named:
        raise ModelError(f"{path}: has no output {wanted!r}, but these: {_described(outputs)}")
    if len(named) != 1:
        raise ModelError(
            f"{path}: an embedding network gives one vector, this one has {len(named)} outputs: {_described(named)}; "
            "name the embedding (--onnx-output)"
        )
    shape = _dims(named[0])
    if shape and (len(shape) < 2 or any(dim not in (None, 1) for dim in shape[2:])):
        raise ModelError(
            f"{path}: the output must be one vector for each image (N x D), not {_described(named)}: "
            "this is no embedding network"
        )
    name: str = named[0].name
    return name


def _shape(path: Path, value: "onnx.ValueInfoProto", wanted: Layout | None) -> tuple[Layout, int | None, int | None]:
    """Layout of the input, the batch size if it is fixed, and the side of the image if it is fixed."""
    dims = _dims(value)
    wrong = f"{path}: the input must be images (N x 3 x H x W or N x H x W x 3), not {_described([value])}"
    if len(dims) != 4:
        raise ModelError(wrong)
    layout: Layout = wanted or ("nhwc" if dims[3] == 3 and dims[1] != 3 else "nchw")
    channels, height, width = (dims[1], *dims[2:]) if layout == "nchw" else (dims[3], *dims[1:3])
    if channels not in (None, 3):
        raise ModelError(f"{wrong}; as {layout.upper()} it has {channels} channels")
    if height and width and height != width:
        raise ModelError(f"{path}: the input must be square, not {_described([value])}")
    return layout, dims[0], height or width


def _metadata(path: Path, pairs: "Sequence[onnx.StringStringEntryProto]") -> dict[str, Any]:
    try:
        metadata = {
            pair.key.removeprefix(PREFIX): json.loads(pair.value) for pair in pairs if pair.key.startswith(PREFIX)
        }
    except ValueError as error:
        raise ModelError(f"{path}: the metadata that facecore.export wrote is damaged: {error}") from error
    kinds: dict[str, Any] = {
        "preset": str,
        "size": int,
        "mean": list,
        "std": list,
        "channels": str,
        "alignment": int | None,
    }
    for key, kind in kinds.items() if metadata else ():
        if not isinstance(metadata.get(key), kind):
            raise ModelError(f"{path}: the metadata {PREFIX}{key} is missing or wrong: {metadata.get(key)!r}")
    return metadata


def _preset(path: Path, metadata: Mapping[str, Any], options: OnnxInput, side: int | None) -> Preset:
    size = options.size or side or metadata.get("size")
    mean = options.mean or metadata.get("mean")
    std = options.std or metadata.get("std")
    channels = options.channels or metadata.get("channels")
    if size is None or mean is None or std is None or channels is None:
        flags = {"--onnx-size": size, "--onnx-mean": mean, "--onnx-std": std, "--onnx-channels": channels}
        missing = " ".join(flag for flag, value in flags.items() if value is None)
        raise ModelError(
            f"{path}: the file does not say how a picture has to be prepared for it: give {missing} "
            "(networks of the ArcFace family: --onnx-size 112 --onnx-mean 127.5 --onnx-std 127.5 --onnx-channels rgb)"
        )
    if side is not None and size != side:
        raise ModelError(f"{path}: takes {side} px, not {size} (--onnx-size)")
    try:
        base = preset(metadata.get("preset", "aligned"), size)
    except ValueError as error:
        raise ModelError(f"{path}: {error}") from error
    return Preset(base.name, base.size, base.resize, _shares(mean), _shares(std), channels)


def _shares(values: Sequence[float]) -> tuple[float, float, float]:
    """One or three numbers in units of pixel values as three in units of 0..1."""
    red, green, blue = values if len(values) == 3 else (values[0],) * 3
    return red / 255, green / 255, blue / 255
