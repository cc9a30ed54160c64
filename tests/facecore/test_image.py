import builtins
import importlib
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from facecore.errors import ImageError
from facecore.image import load
from tests.facecore.pictures import LOSSLESS, encoded


def test_every_way_of_giving_a_photo_gives_the_same_array(hopper_path: Path) -> None:
    expected = np.array(Image.open(hopper_path).convert("RGB"))
    data = hopper_path.read_bytes()
    with hopper_path.open("rb") as file:
        ways = [
            load(hopper_path),
            load(str(hopper_path)),
            load(data),
            load(file),
            load(io.BytesIO(data)),
            load(Image.open(hopper_path)),
            load(expected),
        ]
        assert not file.closed
    for array in ways:
        np.testing.assert_array_equal(array, expected)
        assert array.dtype == np.uint8
        assert array.flags.c_contiguous
        assert array.flags.writeable


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_are_exact(small: np.ndarray, kind: str) -> None:
    np.testing.assert_array_equal(load(encoded(Image.fromarray(small), kind, **LOSSLESS[kind])), small)


@pytest.mark.parametrize(("kind", "tolerance"), [("JPEG", 4), ("WEBP", 5), ("GIF", 12)])
def test_lossy_formats_are_close(small: np.ndarray, kind: str, tolerance: float) -> None:
    options = {} if kind == "GIF" else {"quality": 95}
    assert np.abs(load(encoded(Image.fromarray(small), kind, **options)).astype(int) - small).mean() < tolerance


def test_first_frame_of_gif_and_mpo_and_tiff(small: np.ndarray) -> None:
    for kind in ("GIF", "MPO", "TIFF"):
        second = Image.fromarray(255 - small)
        data = encoded(Image.fromarray(small), kind, save_all=True, append_images=[second])
        assert np.abs(load(data).astype(int) - small).mean() < 12, kind


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation(small: np.ndarray, orientation: int, kind: str) -> None:
    # EXIF 2.3: where the first row and the first column of what is stored lie in the upright photo.
    stored = {
        1: small,
        2: small[:, ::-1],
        3: small[::-1, ::-1],
        4: small[::-1],
        5: small.transpose(1, 0, 2),
        6: np.rot90(small, 1),
        7: small[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(small, -1),
    }[orientation]
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"quality": 95} if kind == "JPEG" else LOSSLESS[kind]
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif, **options)
    tolerance = 4 if kind == "JPEG" else 0
    for photo in (data, Image.open(io.BytesIO(data))):
        upright = load(photo)
        assert upright.shape == small.shape
        assert np.abs(upright.astype(int) - small).mean() <= tolerance


def test_a_pillow_image_that_was_turned_already_is_not_turned_twice(small: np.ndarray) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    picture = Image.open(io.BytesIO(encoded(Image.fromarray(small), "TIFF", exif=exif)))
    once = load(picture)
    np.testing.assert_array_equal(load(picture), once)
    assert once.shape == (90, 60, 3)


def test_broken_exif_leaves_the_photo_as_stored(small: np.ndarray) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "somebody" * 4
    whole = exif.tobytes()
    for i in range(6, len(whole)):
        broken = whole[:i] + bytes(b ^ 0xFF for b in whole[i : i + 8]) + whole[i + 8 :]
        shape = load(encoded(Image.fromarray(small), "JPEG", exif=broken)).shape
        assert shape in (small.shape, (small.shape[1], small.shape[0], 3))
    assert load(encoded(Image.fromarray(small), "JPEG", exif=b"Exif\0\0nonsense")).shape == small.shape


def test_transparency_lies_on_white(small: np.ndarray) -> None:
    rgba = np.dstack([small, np.full(small.shape[:2], 255, np.uint8)])
    rgba[:20, :, 3] = 0
    rgba[20:40, :, 3] = 128
    expected = np.concatenate([np.full((20, 90, 3), 255.0), small[20:40] * (128 / 255) + 127, small[40:].astype(float)])
    for photo in (rgba, encoded(Image.fromarray(rgba), "PNG"), Image.fromarray(rgba)):
        assert np.abs(load(photo) - expected).max() <= 1.5


@pytest.mark.parametrize("mode", ["LA", "PA", "La", "RGBa"])
def test_rare_transparent_modes(small: np.ndarray, mode: str) -> None:
    rgba = Image.fromarray(np.dstack([np.repeat(small[:, :, :1], 3, 2), np.full(small.shape[:2], 255, np.uint8)]))
    first = {"PA": "P", "La": "LA"}.get(mode)
    picture = (rgba.convert(first) if first else rgba).convert(mode)
    assert np.abs(load(picture).astype(int) - small[:, :, :1]).mean() < 6
    clear = Image.new("LA", (4, 4), (0, 0))
    assert (load(clear) == 255).all()


def test_transparent_palette_grey_and_colour_key(small: np.ndarray) -> None:
    palette = Image.fromarray(small).quantize(16)
    index = np.asarray(palette)
    shown = np.asarray(palette.convert("RGB"))
    expected = np.where((index == index[0, 0])[:, :, None], 255, shown)
    np.testing.assert_array_equal(load(encoded(palette, "PNG", transparency=int(index[0, 0]))), expected)
    # A table of alpha values as bytes makes Pillow warn when such an image becomes RGB.
    table = bytes(0 if i == index[0, 0] else 255 for i in range(16))
    np.testing.assert_array_equal(load(encoded(palette, "PNG", transparency=table)), expected)
    grey = Image.fromarray(small[:, :, 0])
    key = int(small[0, 0, 0])
    expected = np.where(small[:, :, :1] == key, 255, small[:, :, :1]).repeat(3, 2)
    np.testing.assert_array_equal(load(encoded(grey, "PNG", transparency=key)), expected)
    colour = tuple(int(v) for v in small[0, 0])
    expected = np.where((small == colour).all(2, keepdims=True), 255, small)
    np.testing.assert_array_equal(load(encoded(Image.fromarray(small), "PNG", transparency=colour)), expected)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(small: np.ndarray, kind: str) -> None:
    grey = small[:, :, 0]
    sixteen = Image.fromarray(grey.astype(np.uint16) * 257)
    assert sixteen.mode == "I;16"
    for photo in (encoded(sixteen, kind), sixteen, Image.fromarray(grey.astype(np.int32) * 257)):
        np.testing.assert_array_equal(load(photo), np.repeat(grey[:, :, None], 3, 2))
    # Dark 16-bit photos stay dark.
    assert load(encoded(Image.fromarray(np.full((5, 5), 300, np.uint16)), kind)).max() == 1


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_float_tiff(small: np.ndarray, white: float) -> None:
    grey = small[:, :, 0]
    values = (grey / np.float32(255) * np.float32(white)).astype(np.float32)
    values[0, 0], values[0, 1], values[0, 2] = np.nan, np.inf, -5
    result = load(encoded(Image.fromarray(values), "TIFF"))
    np.testing.assert_array_equal(result[1:], np.repeat(grey[1:, :, None], 3, 2))
    assert (result[0, 2] == 0).all()


def test_other_modes(small: np.ndarray) -> None:
    picture = Image.fromarray(small)
    for mode, tolerance in (("CMYK", 1), ("YCbCr", 2), ("HSV", 4), ("P", 25)):
        assert np.abs(load(picture.convert(mode)).astype(int) - small).mean() <= tolerance, mode
    assert np.abs(load(encoded(picture.convert("CMYK"), "JPEG", quality=95)).astype(int) - small).mean() < 5
    assert np.abs(load(encoded(picture.convert("CMYK"), "TIFF")).astype(int) - small).mean() <= 1
    bits = picture.convert("1")
    np.testing.assert_array_equal(load(encoded(bits, "PNG")), np.asarray(bits)[:, :, None].repeat(3, 2) * 255)
    grey = picture.convert("L")
    np.testing.assert_array_equal(load(encoded(grey, "PNG")), np.asarray(grey)[:, :, None].repeat(3, 2))


def test_grey_and_read_only_arrays(small: np.ndarray) -> None:
    np.testing.assert_array_equal(load(small[:, :, 1]), small[:, :, 1:2].repeat(3, 2))
    frozen = small.copy()
    frozen.setflags(write=False)
    assert load(frozen).flags.writeable
    view = load(small[:, ::-1])
    np.testing.assert_array_equal(view, small[:, ::-1])
    assert view.flags.c_contiguous


def heic(small: np.ndarray, **options: object) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(small)).save(buffer, quality=95, **options)
    return buffer.getvalue()


def test_heic_is_read_without_registering_a_plugin(small: np.ndarray) -> None:
    data = heic(small)
    before = dict(Image.OPEN)
    assert np.abs(load(data).astype(int) - small).mean() < 6
    assert dict(Image.OPEN) == before
    for share in (0.1, 0.5, 0.9):
        with pytest.raises(ImageError, match="damaged or incomplete"):
            load(data[: int(len(data) * share)])


def test_heic_orientation(small: np.ndarray) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    upright = load(heic(np.ascontiguousarray(np.rot90(small)), exif=exif.tobytes()))
    assert np.abs(upright.astype(int) - small).mean() < 6


def test_heic_without_the_package_names_it(monkeypatch: pytest.MonkeyPatch, small: np.ndarray) -> None:
    head = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match="HEIC.*pip install pillow-heif"):
        load(head)


def test_importing_does_not_import_pillow_heif(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def watched(name: str, *arguments: object, **keywords: object) -> object:
        assert not name.startswith("pillow_heif")
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", watched)
    specification = importlib.util.find_spec("facecore.image")
    specification.loader.exec_module(importlib.util.module_from_spec(specification))


def test_avif(small: np.ndarray) -> None:
    try:
        data = encoded(Image.fromarray(small), "AVIF", quality=95)
    except KeyError:
        pytest.skip("this Pillow cannot write AVIF")
    assert np.abs(load(data).astype(int) - small).mean() < 6
