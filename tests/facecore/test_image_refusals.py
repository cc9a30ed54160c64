"""What `image.load` refuses, and that nothing but ImageError comes out of it."""

import errno
import io
import os
import struct
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
from tests.facecore.pictures import encoded


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
