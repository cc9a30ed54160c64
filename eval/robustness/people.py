"""Photos of people kept apart: some to damage, all to compare them with."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from facecore.data.parquet import read_pairs, read_shards
from facecore.errors import DataError


@dataclass(frozen=True)
class People:
    """Aligned faces of several people.

    Attributes:
        images: (N, 112, 112, 3) uint8 RGB.
        people: (N,) int64, the person of each.
        names: what to call each face.
        damaged: (K,) int64, the rows that are damaged.
    """

    images: NDArray[np.uint8]
    people: NDArray[np.int64]
    names: tuple[str, ...]
    damaged: NDArray[np.int64]


def read_people(folder: Path, split: str, half: str, photos: int, seed: int = 0) -> People:
    """The labelled faces that one half of val_pairs.parquet names, and a choice among them to damage.

    Args:
        folder: of shards with the column `person`.
        split: of the faces.
        half: "fit" or "test".
        photos: number to damage, of people who have at least two, spread over people as evenly as can be.
        seed: of the choice.

    Raises:
        DataError: the shards or pairs cannot be read, or fewer than two people have two photos.
    """
    pairs = read_pairs(folder, half)
    named = pd.unique(pairs[["left", "right"]].to_numpy().ravel())
    faces = read_shards(folder, [split], people=True)
    rows = np.flatnonzero(np.isin(faces.ids, named) & (faces.labels >= 0))
    people = faces.labels[rows]
    several = np.flatnonzero(np.bincount(people, minlength=len(faces.classes)) >= 2)
    if len(several) < 2:
        raise DataError(f"{folder}: fewer than two people of the split {split!r}, half {half!r}, have two photos")
    # Round by round one more photo of each person, so that nobody counts for much more than others.
    order = pd.DataFrame({"person": people, "drawn": np.random.default_rng(seed).permutation(len(rows))})
    order = order[order["person"].isin(several)].sort_values("drawn")
    order["round"] = order.groupby("person").cumcount()
    damaged = order.sort_values(["round", "drawn"]).index.to_numpy(np.int64)[:photos]
    return People(faces.images[rows], people, tuple(faces.name(int(row)) for row in rows), np.sort(damaged))
