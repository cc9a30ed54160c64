"""Folders of images, listed fast and held small: a tree with a folder for each person, or any tree of photos.

380,000 names as Python strings take about 50 MB, and every worker process that touches them copies them; here they are
one block of bytes with offsets.
"""

import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facecore.data.foldercache import Listing, load_listing, save_listing
from facecore.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic")
"""Endings, in any case, by which a file counts as an image. Files that begin with a dot never do."""

_SHOWN = 5  # names in a message


@dataclass(frozen=True, eq=False)
class FaceFolder:
    """The images of a folder, by name; nothing is decoded.

    Attributes:
        root: the folder.
        classes: names of the classes, sorted; empty where there are no labels.
        labels: (N,) int64, the place of each image's class in `classes`; -1 where unlabelled.
        blob: the names one after another, as the file system encodes them.
        offsets: (N + 1,) int64, where each name begins and ends in `blob`.
    """

    root: Path
    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    blob: bytes
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, row: int) -> str:
        """Path of an image relative to `root`, with forward slashes."""
        if not -len(self) <= row < len(self):
            raise IndexError(f"image {row} of {len(self)}")
        row %= len(self)
        return os.fsdecode(self.blob[self.offsets[row] : self.offsets[row + 1]])

    def path(self, row: int) -> Path:
        """Path of an image."""
        return self.root / self.name(row)


def scan_folder(root: str | Path, classes: Sequence[str] | None = None, cache: str | Path | None = None) -> FaceFolder:
    """The images of a tree that has a folder for each class right under `root`, as torchvision's ImageFolder reads it.

    Images may lie at any depth below the folder of their class. What is hidden (begins with a dot) is passed over, and
    so are images right in `root`. Classes are sorted by name, images by class and then by path.

    Args:
        root: the folder.
        classes: label by these, as for validation; classes without images are fine then. None: by the folders found.
        cache: file outside `root` that keeps the listing; it is used when no directory of the tree has changed since.
            A file that is damaged, or is of another folder, is written anew.

    Raises:
        DataError: there is no such folder or no image, a class is empty, there is only one, two folders look like two
            spellings of one class, or a folder is of no class in `classes`.
        OSError: a folder below may not be read.
    """
    root = _existing(root)
    listing = None if cache is None else load_listing(Path(cache), root)
    if listing is None:
        listing = _list_classes(root)
        if cache is not None:
            save_listing(Path(cache), root, listing)
    check_spellings(root, listing.classes)
    if not len(listing.labels):
        raise DataError(f"{root}: {_no_images(root, listing.classes)}")
    if classes is not None:
        labels = _places(root, listing, tuple(classes))[listing.labels]
        return FaceFolder(root, tuple(classes), labels, listing.blob, listing.offsets)
    _check_filled(root, listing)
    if len(listing.classes) < 2:
        raise DataError(
            f"{root}: has one class only, {listing.classes[0]!r}; a classifier needs two or more, each a folder of "
            "images"
        )
    return FaceFolder(root, listing.classes, listing.labels, listing.blob, listing.offsets)


def find_photos(root: str | Path) -> FaceFolder:
    """All images of a tree, at any depth, without labels; sorted by path.

    Raises:
        DataError: there is no such folder, or no image in it.
        OSError: a folder below may not be read.
    """
    root = _existing(root)
    names = sorted(_walk(root, b"", [], ()))
    if not names:
        raise DataError(f"{root}: holds no image ({', '.join(SUFFIXES)})")
    blob, offsets = pack(names)
    return FaceFolder(root, (), np.full(len(names), -1, np.int64), blob, offsets)


def pack(names: Sequence[bytes]) -> tuple[bytes, NDArray[np.int64]]:
    """Names one after another, and (N + 1,) int64 offsets of where each begins and ends."""
    offsets = np.zeros(len(names) + 1, np.int64)
    np.cumsum([len(name) for name in names], out=offsets[1:])
    return b"".join(names), offsets


def spelling(name: str) -> str:
    """What two spellings of one name have in common: case, Unicode form and spaces around it do not count."""
    folded = unicodedata.normalize("NFC", name).strip().casefold()
    return unicodedata.normalize("NFC", folded)


def check_spellings(root: Path, classes: Sequence[str]) -> None:
    """Make sure that no two folders look like two spellings of one class.

    Raises:
        DataError: two do; the message names them.
    """
    seen: dict[str, str] = {}
    for name in classes:
        other = seen.setdefault(spelling(name), name)
        if other != name:
            raise DataError(
                f"{root}: the folders {other!r} and {name!r} look like two spellings of one class: put their images "
                "into one folder, or give one of them another name"
            )


def _existing(root: str | Path) -> Path:
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: {'is not a folder' if root.exists() else 'there is no such folder'}")
    return root


def _list_classes(root: Path) -> Listing:
    """Go through the folders of all classes."""
    visited: list[tuple[str, int]] = []
    state = os.stat(root)
    visited.append((".", state.st_mtime_ns))
    with os.scandir(root) as entries:
        classes = sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    names: list[bytes] = []
    counts: list[int] = []
    above = ((state.st_dev, state.st_ino),)
    with tqdm(classes, desc=f"scanning {root.name}", unit="class", delay=1, mininterval=0.5) as bar:
        for name in bar:
            found = sorted(_walk(root / name, os.fsencode(name) + b"/", visited, above, name))
            names += found
            counts.append(len(found))
    blob, offsets = pack(names)
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), np.array(counts, np.int64))
    return Listing(tuple(classes), labels, blob, offsets, tuple(visited))


def _walk(
    folder: Path, prefix: bytes, visited: list[tuple[str, int]], above: tuple[tuple[int, int], ...], name: str = "."
) -> Iterator[bytes]:
    """Names of the images in a folder and below, each behind `prefix`.

    Args:
        folder: where to look.
        prefix: what stands before each name: the folder's path relative to the root, with a slash at its end.
        visited: takes the path (relative to the root) and mtime_ns of each directory, taken before it is read.
        above: device and number of the directories around it, so that a link to one of them is not followed for ever.
        name: the folder's path relative to the root.
    """
    state = os.stat(folder)
    key = (state.st_dev, state.st_ino)
    if key in above:
        return
    visited.append((name, state.st_mtime_ns))
    folders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            # The type comes with the directory: no file is looked at. A link that leads nowhere counts as an image
            # by its name, so that whoever opens it says so.
            if entry.is_dir():
                folders.append(entry.name)
            elif entry.name.lower().endswith(SUFFIXES):
                yield prefix + os.fsencode(entry.name)
    for inner in folders:
        yield from _walk(folder / inner, prefix + os.fsencode(inner) + b"/", visited, (*above, key), f"{name}/{inner}")


def _check_filled(root: Path, listing: Listing) -> None:
    counts = np.bincount(listing.labels, minlength=len(listing.classes))
    empty = [name for name, count in zip(listing.classes, counts, strict=True) if not count]
    if empty:
        are = "class has" if len(empty) == 1 else "classes have"
        raise DataError(f"{root}: the {are} no image: {_some(empty)}; delete the empty folder or fill it")


def _places(root: Path, listing: Listing, classes: tuple[str, ...]) -> NDArray[np.int64]:
    """For each class found its place in `classes`."""
    places = {name: place for place, name in enumerate(classes)}
    unknown = [name for name in listing.classes if name not in places]
    if unknown:
        near = {spelling(name): name for name in classes}.get(spelling(unknown[0]))
        hint = f" ({unknown[0]!r} may be meant as {near!r})" if near else ""
        are = "class is" if len(unknown) == 1 else "classes are"
        raise DataError(
            f"{root}: the {are} not among those of the training folder: {_some(unknown)}{hint}; remove the folder, or "
            "train with images of it too"
        )
    return np.array([places[name] for name in listing.classes], np.int64)


def _no_images(root: Path, classes: Sequence[str]) -> str:
    if classes:
        return f"no folder in it holds an image ({', '.join(SUFFIXES)}): {_some(classes)}"
    loose = any(name.lower().endswith(SUFFIXES) for name in os.listdir(root))
    advice = "a folder for each class is needed, as ann/1.jpg, ben/1.jpg"
    return f"its images lie right in it; {advice}" if loose else f"holds no folders of images; {advice}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(repr(name) for name in names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
