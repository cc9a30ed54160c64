"""Labeled Faces in the Wild (Huang et al. 2007): the ten folds of View 2, and all pairs of all photos."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.index import PairIndex, read_index
from eval.protocols.everyone import score_everyone
from eval.protocols.outcome import Protocol, open_out, write_outcome
from eval.protocols.people import read_lfw_people
from eval.resolve import Resolver
from eval.run import open_run
from eval.scoring import embed_names
from facecore.command_line import DONE
from facecore.errors import DataError
from facecore.verification.pairs import open_pairs

PHOTOS, PEOPLE, PAIRS, FOLDS = 13_233, 5_749, 6_000, 10
"""All of LFW, and of View 2."""

VIEW_2 = "LFW, View 2"

PHOTO_FOLDERS = ("lfw_funneled", "lfw-deepfunneled", "images_deepfunneled", "lfw")
"""What the folder of photos is called where it lies beside the lists; scikit-learn has the first and the last."""

LISTS = ("pairs.txt", "pairsDevTest.txt")
"""View 2, and the test part of View 1."""


@dataclass(frozen=True)
class LfwPlace:
    """Where the photos are, and the list."""

    images: Path
    pairs: Path


def find_lfw(images: Path | None, pairs: Path | None = None) -> LfwPlace:
    """Find photos and list in any layout in which they are found: see `PHOTO_FOLDERS` and `LISTS`.

    Args:
        images: folder of the photos (Name/Name_0001.jpg, or without the folders), or the folder above it, or a folder
            with lfw_home in it; None for scikit-learn's own place.
        pairs: the list; None looks for it in the folder of the photos and in the two above it.

    Raises:
        DataError: there are no photos or there is no list.
    """
    top = images or _sklearn_home(None)
    if not top.is_dir():
        hint = "give --images, or --download to get them" if images is None else "--download gets them"
        raise DataError(f"{top}: there is no such folder; {hint}")
    if (top / "lfw_home").is_dir():
        top = top / "lfw_home"
    found = _photo_folder(top)
    if pairs is None:
        places = [place / name for name in LISTS for place in dict.fromkeys((found, top, found.parent, top.parent))]
        pairs = next((place for place in places if place.is_file()), None)
        if pairs is None:
            raise DataError(f"{top}: there is no {' or '.join(LISTS)} here: give the list with --pairs")
    return LfwPlace(found, pairs)


def download_lfw(images: Path | None) -> Path:
    """Have scikit-learn fetch LFW, about 200 MB, where it is not there already; returns its folder lfw_home.

    Args:
        images: scikit-learn's data folder; None for its own choice.

    Raises:
        DataError: it cannot be had.
    """
    from sklearn.datasets import fetch_lfw_pairs

    home = _sklearn_home(images)
    print(f"fetching LFW by scikit-learn into {home}", file=sys.stderr)
    try:
        # It also reads all photos for its own purposes: grey and small costs least.
        fetch_lfw_pairs(subset="10_folds", data_home=str(home.parent), funneled=True, color=False, resize=0.2)
    except OSError as error:  # those of the network are such, and those of the disk
        advice = "try again later, or get the photos and pairs.txt by hand and give --images and --pairs"
        raise DataError(f"LFW could not be downloaded ({error}): {advice}") from error
    return home


def run_lfw(a: argparse.Namespace) -> int:
    """What `python -m eval.protocols lfw` does."""
    out = open_out(a)
    place = find_lfw(download_lfw(a.images) if a.download else a.images, a.pairs)
    source = open_pairs(place.pairs, kind="lfw")
    index = read_index(source)
    if _title(index) != VIEW_2:
        print(f"{place.pairs}: {len(index):,} pairs; View 2 has {PAIRS:,} in ten folds", file=sys.stderr)
    people = read_lfw_people(place.images) if a.all_pairs else None
    if people and len(people.names) != PHOTOS:
        found = f"{len(people.names):,} photos of {len(people.people):,} people"
        print(f"{place.images}: {found}; all of LFW has {PHOTOS:,} of {PEOPLE:,}", file=sys.stderr)
    protocol = Protocol("lfw", _title(index), source, place.images)
    extra: dict[str, Any] = {}
    with open_run(a, face="centre") as run:
        if people:
            extra["all_pairs"] = score_everyone(a, run, people, out).to_dict()
        resolver = Resolver(place.images, a.allow_outside, lfw=True)
        write_outcome(a, run, protocol, index, lambda: embed_names(run, index.names, resolver), extra)
    return DONE


def _title(index: PairIndex) -> str:
    if index.fold is None:
        return "LFW, View 1"
    folds = np.unique(index.fold).size
    return VIEW_2 if (folds, len(index)) == (FOLDS, PAIRS) else f"LFW, View 2 in part ({folds} of {FOLDS} folds)"


def _sklearn_home(data_home: Path | None) -> Path:
    from sklearn.datasets import get_data_home

    if data_home is not None and data_home.name == "lfw_home":
        return data_home
    # get_data_home makes the folder it is asked for, which does not matter: that is where the photos will go.
    return (Path(get_data_home()) if data_home is None else data_home) / "lfw_home"


def _photo_folder(top: Path) -> Path:
    for name in PHOTO_FOLDERS:
        if (top / name).is_dir():
            inner = top / name / name  # an archive that was unpacked into a folder of its name
            return inner if inner.is_dir() else top / name
    return top
