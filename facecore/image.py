"""A photo in any form becomes an RGB array, or an ImageError that says what is wrong with it.

Upright by its EXIF tag, transparency on white, every colour mode and depth brought to three channels of eight bits.
Global settings of Pillow are never touched, since they belong to the program around us.
"""

import importlib
import io
import os
import re
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError, features

from facecore.errors import ImageError

Pixels: TypeAlias = NDArray[np.uint8]
Photo: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[Any]

MAX_PIXELS = 64_000_000
MAX_BYTES = (
    1 << 30
)  # of a file object, which might never end; 64 million pixels of 16 bits with alpha fit in half of it
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")  # the MPO of phones is opened as JPEG
READABLE = "JPEG, PNG, WebP, BMP, TIFF, GIF or HEIC"

# What the decoders of Pillow and pillow-heif raise on damaged files, which is nearly everything: their parsers trust
# the file. They are caught around calls of those packages only.
_DECODER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    Image.DecompressionBombError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    struct.error,
    zlib.error,
)

# EXIF 2.3, tag 0x0112: the transposition that brings the stored rows upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def load(photo: Photo, *, name: str | None = None) -> Pixels:
    """The photo as an array.

    The same photo by path, bytes, file object, Pillow image or array gives the same array, bit by bit.

    Args:
        photo: a path to a file, the bytes of one, a binary file object (read from where it stands, left open), a
            Pillow image, or a uint8 array: RGB (H, W, 3), grey (H, W) or RGBA (H, W, 4). An RGB array comes back
            without being copied where it is contiguous and writable.
        name: what to call the photo in an error; by default its path, or "the bytes given" and the like.

    Returns:
        uint8 (H, W, 3), RGB, contiguous and writable.

    Raises:
        ImageError: no usable photo of 1 to MAX_PIXELS pixels can be had from it; the message says why.
    """
    name = photo_name(photo) if name is None else name
    if isinstance(photo, np.ndarray):
        return _from_array(photo, name)
    if isinstance(photo, Image.Image):
        return _decode(photo, name)
    if isinstance(photo, str | os.PathLike):
        return _from_path(photo, name)
    if isinstance(photo, bytes | bytearray | memoryview):
        return _from_file(io.BytesIO(photo), name)
    if hasattr(photo, "read"):
        return _from_file(io.BytesIO(_read(photo, name)), name)
    raise ImageError(
        f"{name}: not a photo but {type(photo).__name__}; give a path, bytes, a binary file object, a Pillow image "
        "or a uint8 array (H, W, 3)"
    )


def photo_name(photo: object) -> str:
    """What to call a photo in a sentence: its path where it has one, otherwise "the bytes given" and the like."""
    if isinstance(photo, np.ndarray):
        return "the array given"
    if isinstance(photo, bytes | bytearray | memoryview):
        return "the bytes given"
    kind = "the image given" if isinstance(photo, Image.Image) else "the file object given"
    if not isinstance(photo, str | os.PathLike):
        photo = getattr(photo, "filename", None) or getattr(photo, "name", None)
        if not isinstance(photo, str | os.PathLike):
            return kind if photo is None else "the value given"
    # A name may hold line ends, or bytes that are no text and that print() would refuse.
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in os.fsdecode(photo)) or "the empty path given"


def _from_array(array: NDArray[Any], name: str) -> Pixels:
    if array.dtype != np.uint8:
        advice = "multiply by 255 and convert to uint8" if array.dtype.kind == "f" else "convert it to uint8"
        kind = "floats" if array.dtype.kind == "f" else str(array.dtype)
        raise ImageError(f"{name}: an array of uint8 is needed, not {kind}: {advice}")
    grey, colour = array.ndim == 2, array.ndim == 3 and array.shape[2] in (3, 4)
    if not (grey or colour):
        advice = " (channels come last: transpose it)" if array.ndim == 3 and array.shape[0] in (1, 3, 4) else ""
        raise ImageError(f"{name}: shape (H, W, 3), (H, W) or (H, W, 4) is needed, not {array.shape}{advice}")
    _check_size(array.shape[1], array.shape[0], name)
    if grey:
        return _grey_to_rgb(array)
    if array.shape[2] == 4:
        return _decode(Image.fromarray(np.ascontiguousarray(array)), name)
    return np.require(array, np.uint8, ["C", "W"])


def _from_path(path: str | os.PathLike[str], name: str) -> Pixels:
    """The regular file at `path`. Pipes and devices are not opened, since reading them might never end."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise ImageError(f"{name}: is a folder; give the path of one photo")
        if not stat.S_ISREG(mode):
            raise ImageError(f"{name}: is not a regular file but a device, pipe or socket")
        with Path(path).open("rb") as file:
            return _from_file(file, name)
    except (FileNotFoundError, NotADirectoryError):
        web = "; web addresses are not opened, save the photo first" if "://" in name else ""
        raise ImageError(f"{name}: there is no such file{web}") from None
    except PermissionError:
        raise ImageError(f"{name}: may not be read (permission denied)") from None
    except (OSError, ValueError) as error:
        raise ImageError(f"{name}: cannot be opened ({_reason(error)})") from error


def _read(file: BinaryIO, name: str) -> bytes:
    """Everything from where the file object stands to its end."""
    try:
        data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise ImageError(f"{name}: cannot be read ({_reason(error)})") from error
    if not isinstance(data, bytes | bytearray):
        raise ImageError(f"{name}: gives {type(data).__name__}, not bytes: open it in binary mode ('rb')")
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name}: holds more than {MAX_BYTES >> 20} MiB; a photo is expected")
    return bytes(data)


def _from_file(file: BinaryIO, name: str) -> Pixels:
    try:
        head = file.read(1024)
        file.seek(0)
    except OSError as error:
        raise ImageError(f"{name}: cannot be read ({_reason(error)})") from error
    if not head:
        raise ImageError(f"{name}: is empty (0 bytes)")
    brand = _container_brand(head)
    if brand == "HEIC" or (brand == "AVIF" and not _pillow_reads_avif()):
        return _decode_heif(file, name, brand)
    try:
        with _quiet(), Image.open(file, formats=("AVIF",) if brand == "AVIF" else FORMATS) as image:
            return _decode(image, name)
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: {_what_else(head)}; save the photo as JPEG or PNG") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{name}: has more than {MAX_PIXELS // 1_000_000} million pixels; make it smaller") from error
    except _DECODER_ERRORS as error:
        raise ImageError(f"{name}: is damaged or incomplete ({_reason(error)})") from error


def _decode_heif(file: BinaryIO, name: str, brand: str) -> Pixels:
    """A photo of the HEIF family, read without registering a plugin in Pillow, which would change it for everybody."""
    try:
        pillow_heif = importlib.import_module("pillow_heif")
    except ImportError as error:
        raise ImageError(
            f"{name}: is a {brand} photo, and the package that reads these is missing: pip install pillow-heif"
        ) from error
    try:
        heif = pillow_heif.open_heif(file, convert_hdr_to_8bit=True)
        width, height = heif.size
        _check_size(width, height, name)
        image = heif.to_pillow()
    except _DECODER_ERRORS as error:
        raise ImageError(f"{name}: is damaged or incomplete ({_reason(error)})") from error
    return _decode(image, name)


def _decode(image: Image.Image, name: str) -> Pixels:
    """Pixels of an opened Pillow image, upright and in three channels."""
    _check_size(image.width, image.height, name)
    try:
        with _quiet():
            image.load()
            return _to_rgb(_upright(image))
    except _DECODER_ERRORS as error:
        raise ImageError(f"{name}: is damaged or incomplete ({_reason(error)})") from error


def _check_size(width: int, height: int, name: str) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"{name}: has no pixels ({width} x {height})")
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{name}: has {width * height / 1e6:.1f} million pixels ({width} x {height}); at most "
            f"{MAX_PIXELS // 1_000_000} million are read: make it smaller"
        )


def _upright(image: Image.Image) -> Image.Image:
    """The image turned by its EXIF tag; left as it is where the tag or all of the EXIF block cannot be read."""
    orientation = None
    with suppress(*_DECODER_ERRORS):
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Pixels:
    if image.mode.startswith(("I", "F")):
        return _grey_to_rgb(_to_eight_bits(np.asarray(image)))
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("LA", "PA", "RGBA", "RGBa") or (
        "transparency" in image.info and image.mode in ("1", "L", "P", "RGB")
    ):
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    return np.array(image.convert("RGB"))


def _to_eight_bits(values: NDArray[Any]) -> Pixels:
    """Grey values (H, W) of more than eight bits, or floats, brought to 0..255.

    16-bit files are divided by 257. For 32-bit integers and floats, where files say nothing of the range, the smallest
    of the usual ranges that holds all values is taken: for floats 0..1 first, with room for what overshoots 1.
    """
    floats = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if values.dtype.itemsize == 2:
        white = 65535.0
    else:
        brightest = float(floats.max())
        ranges = ((2.0, 1.0), (255.0, 255.0), (65535.0, 65535.0))[0 if values.dtype.kind == "f" else 1 :]
        white = next((white for limit, white in ranges if brightest <= limit), brightest)
    scaled: Pixels = np.clip(np.rint(floats * (255 / white)), 0, 255).astype(np.uint8)
    return scaled


def _grey_to_rgb(grey: Pixels) -> Pixels:
    return np.repeat(grey[:, :, None], 3, axis=2)


def _container_brand(head: bytes) -> str:
    """HEIC, AVIF or nothing, as the file type box says (ISO 14496-12, section 4.3)."""
    if head[4:8] != b"ftyp":
        return ""
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12]} | {head[i : i + 4] for i in range(16, length - 3, 4)}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIC" if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"} else ""


def _pillow_reads_avif() -> bool:
    with _quiet():  # a Pillow that has never heard of AVIF warns about the question
        return bool(features.check("avif"))


def _what_else(head: bytes) -> str:
    """What a file that is no photo seems to be."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml")) and b"<svg" in text:
        return "is an SVG drawing, not a photo"
    if text.startswith((b"<!doctype html", b"<html")):
        return "is a web page, not a photo"
    if text.startswith(b"%pdf"):
        return "is a PDF document, not a photo"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "is damaged or incomplete"
    if head[4:8] == b"ftyp" or head.startswith((b"\x1aE\xdf\xa3", b"RIFF")):
        return "is a video or sound, not a photo"
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")):
        return "is damaged or incomplete"
    if b"\0" not in head:
        return "is a text file or something unknown, not a photo"
    return f"is not a photo in a format that is read ({READABLE})"


def _reason(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "not enough memory"
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return text.splitlines()[0][:200]


_quiet_lock = threading.Lock()
_quiet_users = 0
_QUIET = r"PIL\.(?#silenced while facecore reads a photo)"  # a pattern that no filter of the host equals


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence warnings of Pillow's own modules while a photo is read.

    warnings.catch_warnings() will not do: threads that overlap inside it leave the filters of the whole process in the
    state of whoever entered last. One filter is put in by the first thread to come and taken out by the last to go.
    """
    global _quiet_users
    with _quiet_lock:
        if _quiet_users == 0:
            warnings.filterwarnings("ignore", module=_QUIET)
        _quiet_users += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_users -= 1
            if _quiet_users == 0:
                with suppress(ValueError):  # the host has put filters of its own in place meanwhile
                    # A list, though typeshed promises no more than a sequence.
                    cast("list[object]", warnings.filters).remove(("ignore", None, Warning, re.compile(_QUIET), 0))
