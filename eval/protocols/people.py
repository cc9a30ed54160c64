"""A folder of people: which photos there are, and whose they are."""

import os
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from eval.embed import SUFFIXES
from facecore.errors import DataError

_NUMBERED = re.compile(r"(.+)_\d{4}", re.ASCII)


@dataclass(frozen=True)
class People:
    """Photos and whose they are.

    Attributes:
        root: the folder.
        names: of the photos, relative to it and with slashes, sorted.
        codes: (N,) int64, the person on each photo: a place in `people`.
        people: names of the people, sorted.
    """

    root: Path
    names: tuple[str, ...]
    codes: npt.NDArray[np.int64]
    people: tuple[str, ...]

    @property
    def files(self) -> list[Path]:
        """The photos' paths."""
        return [self.root / name for name in self.names]

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """(P,) photos of each person."""
        return np.bincount(self.codes, minlength=len(self.people)).astype(np.int64)


def read_people(root: Path) -> People:
    """The folder of an ImageFolder: each folder in it is a person, whose photos lie in it or below it.

    Files beside the folders, files that are no photos, and whatever begins with a full stop are passed over.

    Raises:
        DataError: there is no such folder, or there are not two people in it, one of them with two photos.
    """
    found = {}
    for folder in _listed(root):
        if not folder.is_dir():
            continue
        for place, folders, files in os.walk(folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in files:
                if _is_photo(name):
                    found[(Path(place) / name).relative_to(root).as_posix()] = folder.name
    return _people(root, found, "a folder for each person, with photos in it")


def read_lfw_people(root: Path) -> People:
    """The photos of LFW, whose people are the folders they lie in, or else what stands before _0001 in their names.

    Raises:
        DataError: as `read_people`.
    """
    entries = _listed(root)
    if any(entry.is_dir() and any(_is_photo(name) for name in os.listdir(entry)) for entry in entries):
        return read_people(root)
    flat = {entry.name: _NUMBERED.fullmatch(entry.stem) for entry in entries if _is_photo(entry.name)}
    found = {name: person[1] for name, person in flat.items() if person}
    return _people(root, found, "LFW's photos, as Name/Name_0001.jpg or as Name_0001.jpg")


def _listed(root: Path) -> list[Path]:
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder")
    return [entry for entry in root.iterdir() if not entry.name.startswith(".")]


def _is_photo(name: str) -> bool:
    return posixpath.splitext(name)[1].lower() in SUFFIXES and not name.startswith(".")


def _people(root: Path, found: dict[str, str], wanted: str) -> People:
    names = sorted(found)
    try:
        "\n".join(names).encode()
    except UnicodeEncodeError:
        bad = next(name for name in names if not name.isascii() and os.fsencode(name).decode(errors="replace") != name)
        raise DataError(f"{root}: the file name {bad!r} is no Unicode text: rename it") from None
    codes, people = pd.factorize(np.array([found[name] for name in names], object), sort=True)
    if len(people) < 2 or len(people) == len(names):
        shown = f"{len(names):,} photos of {len(people):,} people"
        raise DataError(
            f"{root}: {shown}: pairs of both kinds need two people, and two photos of one of them. Expected is {wanted}"
        )
    return People(root, tuple(names), codes.astype(np.int64), tuple(str(person) for person in people))
