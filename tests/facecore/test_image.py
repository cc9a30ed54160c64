import builtins
import errno
import importlib
import io
import os
import struct
import sys
import threading
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageFile

from facecore import image as image_module
from facecore.errors import ImageError
from facecore.image import MAX_PIXELS, load, photo_name

LOSSLESS = {"PNG": {}, "BMP": {}, "TIFF": {}, "WEBP": {"lossless": True}}


@pytest.fixture(scope="module")
def small(astronaut: np.ndarray) -> np.ndarray:
    """A part of the photo, uint8 (60, 90, 3)."""
    return np.ascontiguousarray(astronaut[80:140, 170:260])


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


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


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((4, 4, 3), np.float32), "floats: multiply by 255 and convert to uint8"),
        (np.zeros((4, 4, 3), np.int64), "int64: convert it to uint8"),
        (np.zeros((4, 4), bool), "bool"),
        (np.zeros((3, 4, 5), np.uint8), "channels come last"),
        (np.zeros((4, 4, 2), np.uint8), r"\(4, 4, 2\)"),
        (np.zeros(7, np.uint8), r"\(7,\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"\(2, 4, 4, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (np.zeros((4, 0), np.uint8), "no pixels"),
        (np.broadcast_to(np.uint8(0), (8001, 8000, 3)), "million pixels"),
    ],
)
def test_arrays_that_are_no_photos(array: np.ndarray, says: str) -> None:
    with pytest.raises(ImageError, match=f"the array given: .*{says}"):
        load(array)


@pytest.mark.parametrize("photo", [None, 5, ["a.jpg"], {"path": "a.jpg"}, object()])
def test_things_that_are_no_photos(photo: object) -> None:
    with pytest.raises(ImageError, match="not a photo but"):
        load(photo)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='5' height='5'/>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x -->\n<svg></svg>", "SVG"),
        (b"\n<!DOCTYPE html><html><img src='a.jpg'></html>", "web page"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(64), "video"),
        (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1f", "video"),
        (b"RIFF\x24\0\0\0AVI LIST", "video"),
        ("Dear Sir, naïve".encode(), "text"),
        (b"P6 2 2 255 " + bytes(12), "format that is read"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\xff\xd8\xff", "damaged"),
        (b"II*\0", "damaged"),
        (b"GIF89a", "damaged"),
        (b"BM", "damaged"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "damaged"),
        (bytes(5000), "format that is read"),
    ],
)
def test_files_that_are_no_photos(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=rf"holiday\.jpg: .*{says}"):
        load(path)
    with pytest.raises(ImageError, match=f"the bytes given: .*{says}"):
        load(content)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_truncated_files(hopper_path: Path, kind: str) -> None:
    data = encoded(Image.open(hopper_path).resize((200, 200)), kind)
    for share in (0.02, 0.3, 0.9):
        with pytest.raises(ImageError, match="the bytes given: .*damaged or incomplete"):
            load(data[: int(len(data) * share)])


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nobody\.jpg: there is no such file"):
        load(tmp_path / "nobody.jpg")
    with pytest.raises(ImageError, match="is a folder"):
        load(tmp_path)
    with pytest.raises(ImageError, match="no such file"):
        load("")
    with pytest.raises(ImageError, match="save the photo first"):
        load("https://example.org/a.jpg")
    with pytest.raises(ImageError, match="cannot be opened"):
        load("a\0b.jpg")
    with pytest.raises(ImageError, match="cannot be opened"):
        load("x" * 5000)
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(ImageError, match="no such file"):
        load(tmp_path / "file" / "a.jpg")


def test_permission_denied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Simulated, since the tests may run as root, whom no permission stops.
    path = tmp_path / "secret.jpg"
    path.write_bytes(b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match=r"secret\.jpg: may not be read"):
        load(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_devices_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", "/dev/zero"):
        with pytest.raises(ImageError, match="not a regular file"):
            load(path)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be large and holds nothing."""
    header = encoded(Image.new("L", (1, 1)), "PNG")
    body = b"IHDR" + struct.pack(">II", width, height) + header[24:29]
    return header[:12] + body + struct.pack(">I", zlib.crc32(body)) + header[33:]


@pytest.mark.parametrize("size", [(8001, 8000), (10_000, 10_000), (100_000, 100_000)])
def test_the_pixel_limit_comes_before_decoding(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="million"):
        load(png_header(*size))
    assert size[0] * size[1] > MAX_PIXELS


def test_the_limit_itself_is_allowed(monkeypatch: pytest.MonkeyPatch, small: np.ndarray) -> None:
    data = encoded(Image.fromarray(small), "PNG")
    monkeypatch.setattr(image_module, "MAX_PIXELS", small.shape[0] * small.shape[1])
    assert load(data).shape == small.shape
    monkeypatch.setattr(image_module, "MAX_PIXELS", small.shape[0] * small.shape[1] - 1)
    for photo in (data, Image.fromarray(small), small):
        with pytest.raises(ImageError, match="million"):
            load(photo)


def test_file_objects_are_read_from_where_they_stand(small: np.ndarray) -> None:
    data = encoded(Image.fromarray(small), "PNG")
    file = io.BytesIO(b"before" + data)
    file.seek(6)
    np.testing.assert_array_equal(load(file), small)
    assert not file.closed
    with pytest.raises(ImageError, match="empty"):
        load(file)


class Endless(io.RawIOBase):
    """A stream that never ends."""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        assert size > 0
        return bytes(size)


def test_file_objects_that_do_not_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="binary mode"):
        load(io.StringIO("text"))
    closed = io.BytesIO(b"x")
    closed.close()
    with pytest.raises(ImageError, match="cannot be read"):
        load(closed)
    with (tmp_path / "w").open("wb") as file, pytest.raises(ImageError, match="cannot be read"):
        load(file)
    monkeypatch.setattr(image_module, "MAX_BYTES", 1000)
    with pytest.raises(ImageError, match="holds more than"):
        load(Endless())


def test_closed_pillow_image(hopper_path: Path) -> None:
    picture = Image.open(hopper_path)
    picture.close()
    with pytest.raises(ImageError, match="hopper"):
        load(picture)


@pytest.mark.parametrize(
    ("photo", "name"),
    [
        ("a.jpg", "a.jpg"),
        (Path("folder/a b.jpg"), str(Path("folder/a b.jpg"))),
        (b"x", "the bytes given"),
        (np.zeros(1), "the array given"),
        (Image.new("L", (1, 1)), "the image given"),
        (io.BytesIO(), "the file object given"),
        ("line\nend.jpg", "line\\nend.jpg"),
        ("Übung 写真.jpg", "Übung 写真.jpg"),
        ("half\udcff.jpg", "half\\udcff.jpg"),
    ],
)
def test_names(photo: object, name: str) -> None:
    assert photo_name(photo) == name
    name.encode()


def test_name_of_a_file_object_and_a_name_of_ones_own(hopper_path: Path) -> None:
    with hopper_path.open("rb") as file:
        assert photo_name(file) == str(hopper_path)
    with pytest.raises(ImageError, match=r"^the left photo: "):
        load(b"nothing", name="the left photo")


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


def odd(error: type[BaseException] | BaseException) -> Callable[..., None]:
    def raise_it(*_: object, **__: object) -> None:
        raise error

    return raise_it


@pytest.mark.parametrize(
    "error",
    [
        SyntaxError("broken PNG file"),
        struct.error("unpack"),
        ValueError,
        OSError(5, "Input/output error"),
        OverflowError,
        MemoryError,
        ZeroDivisionError,
        zlib.error("Error -3"),
        EOFError,
        IndexError("list index"),
        KeyError("x"),
        TypeError,
        AttributeError,
        RuntimeError,
        RecursionError,
        NotImplementedError,
        UserWarning("made an error by the host"),
        Image.DecompressionBombWarning("bomb"),
    ],
)
@pytest.mark.parametrize("where", ["open", "load"])
def test_whatever_a_decoder_raises_becomes_an_image_error(
    monkeypatch: pytest.MonkeyPatch, hopper_path: Path, error: BaseException, where: str
) -> None:
    monkeypatch.setattr(*((Image, "open") if where == "open" else (ImageFile.ImageFile, "load")), odd(error))
    with pytest.raises(ImageError, match=r"grace_hopper\.jpg: .+"):
        load(hopper_path)


def test_an_interrupt_is_let_through(monkeypatch: pytest.MonkeyPatch, hopper_path: Path) -> None:
    monkeypatch.setattr(Image, "open", odd(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        load(hopper_path)


def test_warnings_of_pillow_stay_inside_also_with_threads(small: np.ndarray) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "long enough to lie outside its entry"
    block = exif.tobytes()
    order = "<" if block[6:8] == b"II" else ">"
    entry = struct.pack(order + "HH", ExifTags.Base.Make, 2)
    at = block.index(entry)
    broken = block[: at + 4] + struct.pack(order + "I", 5000) + block[at + 8 :]  # a text longer than the block
    data = encoded(Image.fromarray(small), "JPEG", exif=broken)
    with pytest.warns(UserWarning, match="Truncated File Read"):
        Image.open(io.BytesIO(data)).getexif()
    expected = load(data)
    before = list(warnings.filters)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                np.testing.assert_array_equal(load(data), expected)
        except (ImageError, Warning, AssertionError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert list(warnings.filters) == before


def test_pillow_settings_are_left_alone(small: np.ndarray) -> None:
    settings = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
    load(encoded(Image.fromarray(small), "PNG"))
    with pytest.raises(ImageError):
        load(png_header(20_000, 20_000))
    assert settings == (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_damaged_bytes_give_an_array_or_an_image_error(small: np.ndarray, kind: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    whole = encoded(Image.fromarray(small), kind, **({} if kind in ("GIF", "BMP") else {"exif": exif}))
    rng = np.random.default_rng(20)
    reasons = []
    for _ in range(150):
        data = bytearray(whole)
        # Half of the changes hit the first 200 bytes, where headers lie.
        for _ in range(rng.integers(1, 8)):
            data[rng.integers(0, min(len(data), 200) if rng.random() < 0.5 else len(data))] = rng.integers(0, 256)
        if rng.random() < 0.3:
            del data[rng.integers(1, len(data)) :]
        try:
            array = load(bytes(data))
        except ImageError as error:
            reasons.append(str(error))
        else:
            assert array.dtype == np.uint8
            assert array.ndim == 3
            assert array.shape[2] == 3
    assert reasons
    assert all(reason.startswith("the bytes given: ") for reason in reasons)
