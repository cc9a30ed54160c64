import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from facecore import onnx_file
from facecore.errors import ModelError
from facecore.onnx_file import OnnxInput
from tests.facecore.onnx_models import DOUBLE, needs_onnx, write_means

pytestmark = needs_onnx

ARCFACE = OnnxInput(mean=(127.5,), std=(127.5,), channels="rgb")


def _described(path: Path, **values: object) -> Path:
    """The file with metadata as facecore.export writes it."""
    import onnx

    said = {"preset": "aligned", "size": 64, "mean": [127.5] * 3, "std": [127.5] * 3, "channels": "rgb"}
    model = onnx.load(path)
    for key, value in {**said, "alignment": 1, **values}.items():
        model.metadata_props.add(key=f"facecore.{key}", value=value if key == "broken" else json.dumps(value))
    onnx.save(model, path)
    return path


def test_a_file_from_elsewhere_is_told_how_pictures_are_prepared(tmp_path: Path) -> None:
    file = onnx_file.read(write_means(tmp_path / "net.onnx"), ARCFACE)
    assert (file.preset.size, file.preset.mean, file.preset.std) == (64, (0.5,) * 3, (0.5,) * 3)
    assert file.preset.needs_alignment
    assert (file.layout, file.input, file.output, file.batch) == ("nchw", "image", "mean", None)
    assert file.metadata == {}


def test_what_is_not_said_is_asked_for(tmp_path: Path) -> None:
    path = write_means(tmp_path / "net.onnx", ("batch", 3, "height", "width"))
    with pytest.raises(ModelError, match="--onnx-size --onnx-mean --onnx-std --onnx-channels .*ArcFace"):
        onnx_file.read(path)
    with pytest.raises(ModelError, match="give --onnx-size "):
        onnx_file.read(path, ARCFACE)


def test_a_file_of_ours_says_it_itself_and_flags_win(tmp_path: Path) -> None:
    path = _described(write_means(tmp_path / "net.onnx"))
    assert onnx_file.read(path).preset == onnx_file.read(path, ARCFACE).preset
    changed = onnx_file.read(path, OnnxInput(mean=(0.0, 25.5, 51.0), channels="bgr"))
    assert changed.preset.mean == pytest.approx((0, 0.1, 0.2))
    assert changed.preset.std == (0.5,) * 3
    assert changed.preset.channels == "bgr"
    whole = _described(write_means(tmp_path / "whole.onnx"), preset="reference", alignment=None)
    assert not onnx_file.read(whole).preset.needs_alignment
    assert onnx_file.read(whole).alignment is None


def test_the_digest_holds_file_data_and_preprocessing(tmp_path: Path) -> None:
    path = write_means(tmp_path / "net.onnx", external=True)
    bgr = OnnxInput(mean=(127.5,), std=(127.5,), channels="bgr")
    first = onnx_file.read(path, ARCFACE).digest
    assert onnx_file.read(path, ARCFACE).digest == first
    digests = {first, onnx_file.read(path, bgr).digest}
    (tmp_path / "net.onnx.data").write_bytes(b"\1" * (tmp_path / "net.onnx.data").stat().st_size)
    digests.add(onnx_file.read(path, ARCFACE).digest)
    digests.add(onnx_file.read(write_means(path, outputs=2), replace(ARCFACE, output="mean")).digest)
    assert len(digests) == 4


def test_the_layout_is_seen_from_the_shape(tmp_path: Path) -> None:
    last = write_means(tmp_path / "last.onnx", (1, 64, 64, 3), axes=(1, 2))
    file = onnx_file.read(last, ARCFACE)
    assert (file.layout, file.batch, file.preset.size) == ("nhwc", 1, 64)
    free = write_means(tmp_path / "free.onnx", ("a", "b", "c", "d"), axes=(1, 2))
    wanted = replace(ARCFACE, layout="nhwc", size=80)
    assert onnx_file.read(free, wanted).layout == "nhwc"


def test_an_output_can_be_named(tmp_path: Path) -> None:
    path = write_means(tmp_path / "net.onnx", outputs=2)
    assert onnx_file.read(path, replace(ARCFACE, output="more1")).output == "more1"
    with pytest.raises(ModelError, match=r"no output 'other', but these: mean \[any x 3\], more1 \[any x 3\]"):
        onnx_file.read(path, replace(ARCFACE, output="other"))


def _outside(path: Path) -> None:
    import onnx

    write_means(path, external=True)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for pair in tensor.external_data:
            if pair.key == "location":
                pair.value = "../secret.data"
    onnx.save(model, path)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda p: p.write_bytes(b"hello, this is a text and no network"), "no ONNX file"),
        (lambda p: p.write_bytes(b""), "no ONNX file"),
        (lambda p: p.write_bytes(write_means(p).read_bytes()[:-40]), "no ONNX file, or damaged"),
        (
            lambda p: write_means(p, external=True).with_name("net.onnx.data").unlink(),
            "net.onnx.data, which is missing",
        ),
        (_outside, "outside its own folder"),
        (lambda p: write_means(p, inputs=2), r"2 inputs: image \[any x 3 x 64 x 64\], mask1 \[1\]"),
        (lambda p: write_means(p, outputs=2), r"2 outputs: mean .*more1 .*--onnx-output"),
        (lambda p: write_means(p, kind=DOUBLE), "'image' must be float32"),
        (lambda p: write_means(p, (1, 3, 64)), "must be images"),
        (lambda p: write_means(p, (1, 1, 64, 64)), "NCHW it has 1 channels"),
        (lambda p: write_means(p, (1, 3, 64, 48)), "square"),
        (lambda p: write_means(p, (1, 3, 32, 32)), "too small"),
        (lambda p: _described(write_means(p), mean=None), "facecore.mean is missing"),
        (lambda p: _described(write_means(p), broken="{"), "metadata .* damaged"),
        (lambda p: None, "cannot be read"),
    ],
)
def test_what_is_no_embedding_network_is_a_model_error(
    tmp_path: Path, write: Callable[[Path], object], words: str
) -> None:
    path = tmp_path / "net.onnx"
    write(path)
    with pytest.raises(ModelError, match=rf"(?s)net\.onnx.*{words}"):
        onnx_file.read(path, ARCFACE)


def test_another_size_than_the_files_is_refused(tmp_path: Path) -> None:
    path = write_means(tmp_path / "net.onnx")
    with pytest.raises(ModelError, match="takes 64 px, not 112"):
        onnx_file.read(path, replace(ARCFACE, size=112))
