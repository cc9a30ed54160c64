"""The protocol folder of Celebrities in Frontal-Profile in the Wild (Sengupta et al. 2016; layout in its own readme).

    Pair_list_F.txt              1 ../Data/Images/001/frontal/01.jpg     number and photo, frontal
    Pair_list_P.txt              1 ../Data/Images/001/profile/01.jpg     the same, profile
    Split/FF/01/same.txt         1,4                                     genuine: frontal 1 and frontal 4
    Split/FP/01/diff.txt         5,97                                    impostor: frontal 5 and profile 97

Ten folds 01 to 10 each, with 350 genuine and 350 impostor pairs in the published protocol. Photos are named relative to
the protocol folder there, and relative to the folder above it, the data set's, here: Data/Images/001/frontal/01.jpg.
"""

import os
import posixpath
import re
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from facecore.errors import PairListError
from facecore.verification.listfile import ListFile
from facecore.verification.listtext import read_list

FOLDS = 10

_PHOTO = re.compile(r"[ \t]*(\d{1,9})[ \t]+(\S.*?)[ \t]*", re.ASCII)
_PAIR = re.compile(r"[ \t]*(\d{1,9})[ \t]*,[ \t]*(\d{1,9})[ \t]*", re.ASCII)


def read_cfp(folder: str | os.PathLike[str], protocol: Literal["FF", "FP"]) -> pd.DataFrame:
    """Read one of the two protocols.

    Args:
        folder: the protocol folder, or the data set's folder with `Protocol` in it.
        protocol: "FF" for frontal with frontal, "FP" for frontal with profile.

    Returns:
        Columns left, right (text, relative to `cfp_root(folder)`), label (nullable boolean) and fold (from 1): fold by
        fold, genuine pairs first. In FF some pairs of the published protocol stand there once more the other way round;
        they are kept.

    Raises:
        PairListError: a file is missing or empty, a line is not of its form, a number stands for no photo, a photo or a
            number is listed twice, a pair stands there twice, as both genuine and impostor, or of a photo with itself.
        ValueError: `protocol` is neither.
    """
    if protocol not in ("FF", "FP"):
        raise ValueError(f"protocol {protocol!r} is not known: use FF or FP")
    place = _protocol_folder(folder)
    frontal = _photos(place / "Pair_list_F.txt")
    right = frontal if protocol == "FF" else _photos(place / "Pair_list_P.txt")
    seen: dict[tuple[str, str], bool] = {}
    folds: list[int] = []
    for fold in range(1, FOLDS + 1):
        for name, label in (("same.txt", True), ("diff.txt", False)):
            before = len(seen)
            _add_pairs(read_list(place / "Split" / protocol / f"{fold:02d}" / name), frontal, right, label, seen)
            folds += [fold] * (len(seen) - before)
    table = pd.DataFrame(list(seen), columns=["left", "right"])
    table["label"] = pd.array(list(seen.values()), dtype="boolean")
    table["fold"] = np.array(folds)
    return table


def cfp_root(folder: str | os.PathLike[str]) -> Path:
    """The folder to which the names of `read_cfp` are relative: the one that holds the protocol folder."""
    return _protocol_folder(folder).absolute().parent


def cfp_candidates(path: str) -> list[str]:
    """Where `Data/Images/001/frontal/01.jpg` may lie under an image root, the likeliest first.

    The root may be the data set's folder, its Data, or Data/Images; crops are often kept in a folder of the last kind.
    """
    parts = path.split("/")
    kept = [path]
    for name in ("Data", "Images"):
        if parts[0] != name or len(parts) < 2:
            break
        parts = parts[1:]
        kept.append("/".join(parts))
    return kept


def _protocol_folder(folder: str | os.PathLike[str]) -> Path:
    place = Path(folder)
    inner = place / "Protocol"
    for found in (place, inner):
        if (found / "Pair_list_F.txt").is_file():
            return found
    raise PairListError(f"{place}: no CFP protocol here: there is no Pair_list_F.txt in it, nor in its folder Protocol")


def _photos(path: Path) -> dict[int, str]:
    """The photo of each number."""
    file = read_list(path)
    photos: dict[int, str] = {}
    paths: set[str] = set()
    for record, line in enumerate(file.records):
        found = _PHOTO.fullmatch(line)
        if found is None:
            raise file.error(record, "a number and a photo's name are needed")
        number, photo = int(found[1]), _below_root(found[2])
        if photo is None:
            raise file.error(record, "the photo lies outside the folder above the protocol folder")
        if number in photos:
            raise file.error(record, f"the number {number} was given to another photo already")
        if photo in paths:
            raise file.error(record, "the photo was listed already, under another number")
        photos[number] = photo
        paths.add(photo)
    return photos


def _below_root(path: str) -> str | None:
    """A name relative to the protocol folder, relative to the folder above it; None where it leads out of that."""
    name = posixpath.normpath(posixpath.join("Protocol", path.replace("\\", "/")))
    return None if name.startswith(("/", "..")) or name == "." else name


def _add_pairs(
    file: ListFile, left: dict[int, str], right: dict[int, str], label: bool, seen: dict[tuple[str, str], bool]
) -> None:
    for record, line in enumerate(file.records):
        found = _PAIR.fullmatch(line)
        if found is None:
            raise file.error(record, "two numbers are needed, parted by a comma")
        for number, photos, name in ((found[1], left, "F"), (found[2], right, "F" if left is right else "P")):
            if int(number) not in photos:
                raise file.error(record, f"Pair_list_{name}.txt has no photo with the number {number}")
        pair = left[int(found[1])], right[int(found[2])]
        if pair[0] == pair[1]:
            raise file.error(record, "a pair of a photo with itself")
        if pair in seen:
            raise file.error(record, "the pair stands in this protocol already")
        if seen.get(pair[::-1], label) != label:
            raise file.error(record, "the pair stands in this protocol already, with the other label")
        seen[pair] = label
