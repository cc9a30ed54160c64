"""A zip of photos from a stranger, unpacked into a folder: no path leaves it, and nothing grows without bound.

Refused as a whole, before anything is written: names that lead out of the folder (`..`, absolute paths, drive letters,
with slashes or backslashes), names that Windows keeps for devices, links and other special files, entries nested too
deep, passwords, unusual ways of packing, and more entries, photos or bytes than the limits allow, by what the zip
itself declares. While photos are written their bytes are counted once more, since a zip may declare what it likes.
What is not called like a photo (other zips among it) is not unpacked, but counted.
"""

import io
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from demo.pair_list import text
from facecore.files import FULL

PHOTO_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".avif",
)  # fmt: skip
BLOCK = 1 << 16
DIRECTORY = 4_000_000
"""Bytes of a zip's table of contents, which `zipfile` reads at once and turns into objects of many times its size."""

_DRIVE = re.compile("[A-Za-z]:")
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LONGEST_PART, _LONGEST_NAME = 255, 1000  # bytes

# What `zipfile` and zlib raise on damaged files; RuntimeError, and NotImplementedError with it, also on those that ask
# for a password or for a method that Python does not know.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, IndexError, OverflowError, RuntimeError,
)  # fmt: skip


class ZipError(Exception):
    """A zip that is not unpacked; the message says why, for people."""


@dataclass(frozen=True)
class Limits:
    """What a zip may hold.

    Attributes:
        packed: bytes of the zip.
        entries: files and folders of any kind.
        photos: of them.
        photo: bytes of one photo; larger ones are left out and counted.
        total: bytes of all photos together.
        depth: folders within each other.
    """

    packed: int = 200_000_000
    entries: int = 10_000
    photos: int = 2_000
    photo: int = 20_000_000
    total: int = 1_000_000_000
    depth: int = 8


@dataclass(frozen=True)
class Unpacked:
    """What became of a zip.

    Attributes:
        photos: that were written.
        ignored: entries that are not called like photos.
        large: photos that were left out because of their size.
    """

    photos: int
    ignored: int
    large: int


def unpack(archive: Path, folder: Path, limits: Limits, go_on: Callable[[], None]) -> Unpacked:
    """Unpack the photos of a zip.

    Args:
        archive: the zip.
        folder: is there, and empty; nothing is written anywhere else.
        limits: what it may hold.
        go_on: called before each photo; what it raises ends the work.

    Raises:
        ZipError: it is not unpacked, or not to the end.
        OSError: the disk is full.
    """
    if archive.stat().st_size > limits.packed:
        raise ZipError(text.zip_too_large(archive.stat().st_size, limits.packed))
    with _SmallReads(io.FileIO(archive)) as file:
        try:
            with zipfile.ZipFile(file) as opened:
                return _unpack(opened, folder, limits, go_on)
        except _DAMAGED as error:
            raise ZipError(text.zip_damaged()) from error
        except OSError as error:
            if error.errno in FULL:
                raise
            raise ZipError(text.zip_damaged()) from error  # a place beyond the end of the file, or of all files


def entry_path(info: zipfile.ZipInfo, depth: int) -> PurePosixPath:
    """The place of an entry within the folder.

    Args:
        info: of the entry.
        depth: folders within each other that are allowed.

    Raises:
        ZipError: the entry is not what a zip of photos has.
    """
    name = info.orig_filename.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    kind = stat.S_IFMT(info.external_attr >> 16)
    if name.startswith("/") or _DRIVE.match(name) or any(part.strip(" .") == "" for part in parts) or not parts:
        raise ZipError(text.zip_leads_out(info.orig_filename))
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise ZipError(text.zip_odd_name(info.orig_filename))
    if any(_DEVICE.fullmatch(part.split(".")[0].strip()) for part in parts):
        raise ZipError(text.zip_device(info.orig_filename))
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ZipError(text.zip_link(info.orig_filename))
    if len(parts) - 1 > depth:
        raise ZipError(text.zip_too_deep(info.orig_filename, depth))
    sizes = [len(os.fsencode(part)) for part in parts]
    if max(sizes) > _LONGEST_PART or sum(sizes) > _LONGEST_NAME:
        raise ZipError(text.zip_long_name(info.orig_filename))
    return PurePosixPath(*parts)


class _SmallReads(io.BufferedReader):
    """A file that gives no more than `DIRECTORY` bytes at once, so that a table of contents cannot fill the memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        """As a file does; a request for too much is refused."""
        if size is None or size < 0:
            size = max(0, os.fstat(self.fileno()).st_size - self.tell())
        if size > DIRECTORY:
            raise ZipError(text.zip_many_entries())
        return super().read(size)


def _unpack(opened: zipfile.ZipFile, folder: Path, limits: Limits, go_on: Callable[[], None]) -> Unpacked:
    entries = opened.infolist()
    if len(entries) > limits.entries:
        raise ZipError(text.zip_too_many_entries(len(entries), limits.entries))
    wanted: list[tuple[zipfile.ZipInfo, PurePosixPath]] = []
    ignored = large = 0
    for info in entries:
        path = entry_path(info, limits.depth)  # of all of them: one that leads out makes the whole zip suspect
        if info.is_dir() or info.orig_filename.endswith("\\"):
            continue
        if not _is_photo(path):
            ignored += 1
        elif info.file_size > limits.photo:
            large += 1
        else:
            wanted.append((info, path))
    _check(wanted, limits, bool(large))
    total = 0
    for info, path in wanted:
        go_on()
        total += _write(opened, info, _target(folder, path), limits.total - total, limits)
    return Unpacked(len(wanted), ignored, large)


def _check(wanted: Sequence[tuple[zipfile.ZipInfo, PurePosixPath]], limits: Limits, some_large: bool) -> None:
    if not wanted:
        raise ZipError(text.zip_all_large(limits.photo) if some_large else text.zip_no_photos())
    if len(wanted) > limits.photos:
        raise ZipError(text.zip_too_many_photos(len(wanted), limits.photos))
    if sum(info.file_size for info, _ in wanted) > limits.total:
        raise ZipError(text.zip_bomb(limits.total))
    for info, _ in wanted:
        if info.flag_bits & 1:
            raise ZipError(text.zip_password())
        if info.compress_type not in _PACKED:
            raise ZipError(text.zip_unusual())


def _is_photo(path: PurePosixPath) -> bool:
    # Beside photos, macOS packs files of the same name that hold its own notes.
    return path.suffix.lower() in PHOTO_SUFFIXES and "__MACOSX" not in path.parts and not path.name.startswith("._")


def _target(folder: Path, path: PurePosixPath) -> Path:
    """Where a photo goes; `entry_path` has seen to it that this is in the folder, and here it is seen to again."""
    target = folder.joinpath(*path.parts)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ZipError(text.zip_twice(str(path))) from None
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise ZipError(text.zip_leads_out(str(path)))
    return target


def _write(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, left: int, limits: Limits) -> int:
    """Write one photo; returns its bytes."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(target, flags, 0o600)
    except FileExistsError:
        raise ZipError(text.zip_twice(info.filename)) from None
    written = 0
    with os.fdopen(handle, "wb") as out, opened.open(info) as packed:
        while block := packed.read(BLOCK):
            written += len(block)
            if written > min(left, limits.photo):
                raise ZipError(text.zip_bomb(limits.total))
            out.write(block)
    return written
