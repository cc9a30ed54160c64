"""The listing of a large folder, kept in a file: reading 4,000 modification times is faster than 380,000 names.

A directory's modification time changes when an entry comes, goes or is renamed, which is all that a listing holds.
"""

import json
import os
import struct
import time
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facecore.files import atomic_path

_VERSION = 1
_QUIET_NS = 2_000_000_000
"""A directory that changed less than this before it was read may change again without a new time: file systems count
in steps of up to two seconds (FAT). Such a listing is not kept."""

# What NumPy and zipfile raise on a damaged file; zipfile's checksums find what is not found by their parsers.
_DAMAGED = (OSError, ValueError, LookupError, EOFError, RuntimeError, MemoryError, TypeError, struct.error, zlib.error,
            zipfile.BadZipFile)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Listing:
    """What is in a folder of classes.

    Attributes:
        classes: names of the folders right under the root, sorted; some may be empty.
        labels: (N,) int64, the place of each image's class.
        blob: paths of the images relative to the root, one after another.
        offsets: (N + 1,) int64, where each path begins and ends in `blob`.
        directories: path relative to the root and mtime_ns of each directory that was read.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    blob: bytes
    offsets: NDArray[np.int64]
    directories: tuple[tuple[str, int], ...]


def load_listing(cache: Path, root: Path) -> Listing | None:
    """The kept listing of a folder, or None where there is none that is whole, of this folder and up to date."""
    try:
        with cache.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            listing = _listing(arrays, root)
    except _DAMAGED:
        return None
    return listing if listing is not None and _unchanged(root, listing) else None


def save_listing(cache: Path, root: Path, listing: Listing) -> None:
    """Keep a listing, written whole or not at all; not while a directory has just changed."""
    if time.time_ns() - max(mtime for _, mtime in listing.directories) < _QUIET_NS:
        return
    head = json.dumps({"version": _VERSION, "root": _place(root), "classes": listing.classes,
                       "directories": [name for name, _ in listing.directories]})  # fmt: skip
    # A run can do without its cache, for example where the folder is read-only: the next one scans again.
    with suppress(OSError), atomic_path(cache) as path, path.open("wb") as file:
        np.savez(
            file,
            head=np.frombuffer(head.encode(), np.uint8),
            blob=np.frombuffer(listing.blob, np.uint8),
            offsets=listing.offsets,
            labels=listing.labels,
            times=np.array([mtime for _, mtime in listing.directories], np.int64),
        )


def _listing(arrays: Mapping[str, NDArray[np.generic]], root: Path) -> Listing | None:
    head = json.loads(arrays["head"].tobytes())
    if head["version"] != _VERSION or head["root"] != _place(root):
        return None
    labels, offsets = arrays["labels"].astype(np.int64), arrays["offsets"].astype(np.int64)
    blob, times = arrays["blob"].tobytes(), arrays["times"].astype(np.int64)
    classes, directories = tuple(map(str, head["classes"])), list(map(str, head["directories"]))
    whole = (
        offsets.shape == (len(labels) + 1,)
        and offsets[0] == 0
        and offsets[-1] == len(blob)
        and bool((np.diff(offsets) > 0).all())
        and (not len(labels) or (labels.min() >= 0 and labels.max() < len(classes)))
        and len(times) == len(directories)
    )
    if not whole:
        return None
    return Listing(classes, labels, blob, offsets, tuple(zip(directories, times.tolist(), strict=True)))


def _place(root: Path) -> str:
    # As JSON takes it: a name that is no text is written with its bytes escaped.
    return os.fsencode(root.resolve()).decode("utf-8", "backslashreplace")


def _unchanged(root: Path, listing: Listing) -> bool:
    try:
        return all(os.stat(root / name).st_mtime_ns == mtime for name, mtime in listing.directories)
    except OSError:
        return False
