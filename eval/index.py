"""A pair list as numbers: which two of the distinct photos each pair has, and what the list says of it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from facecore.verification.pairs import PairSource


@dataclass(frozen=True)
class PairIndex:
    """The pairs of a list, in its order, in a few bytes each.

    Attributes:
        names: the distinct names, in the order in which they first appear.
        left: (P,) int32, place of the first name of each pair in `names`.
        right: (P,) int32, of the second.
        label: (P,) int8, 1 for genuine, 0 for impostor, -1 where the list does not say; None where it has no labels.
        fold: (P,) int32, a number for each fold, -1 where there is none; None where the list has no folds.
    """

    names: list[str]
    left: np.ndarray
    right: np.ndarray
    label: np.ndarray | None
    fold: np.ndarray | None

    def __len__(self) -> int:
        return len(self.left)

    def counts(self) -> np.ndarray:
        """The number of pairs in which each name appears: int64 (len(names),)."""
        counts = np.bincount(self.left, minlength=len(self.names))
        both = self.right[self.left != self.right]
        return counts + np.bincount(both, minlength=len(self.names))


def read_index(source: PairSource) -> PairIndex:
    """Go through a list once.

    Raises:
        PairListError: a line cannot be read.
    """
    place: dict[str, int] = {}
    folds: dict[str, int] = {}
    columns: dict[str, list[np.ndarray]] = {"left": [], "right": [], "label": [], "fold": []}
    with tqdm(total=source.lines, desc="reading the list", unit="line", unit_scale=True, delay=2) as bar:
        for table in source.tables():
            for side in ("left", "right"):
                codes, names = pd.factorize(table[side])
                places = np.array([place.setdefault(str(name), len(place)) for name in names], np.int32)
                columns[side].append(places[codes])
            if "label" in table:
                columns["label"].append(table["label"].astype("Int8").fillna(-1).to_numpy(np.int8))
            if "fold" in table:
                codes, values = pd.factorize(table["fold"].astype("str").replace("", None))
                numbers = np.array([folds.setdefault(str(value), len(folds)) for value in values] + [-1], np.int32)
                columns["fold"].append(numbers[codes])  # a missing value has the code -1: the last number
            bar.update(len(table))
    arrays = {name: np.concatenate(parts) if parts else None for name, parts in columns.items()}
    left, right = arrays["left"], arrays["right"]
    assert left is not None  # a list without pairs is an error
    assert right is not None
    return PairIndex(list(place), left, right, arrays["label"], arrays["fold"])
