"""Labelled pairs with their scores, and their division by people."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from eval.index import PairIndex
from eval.protocols.sampling import shuffled
from facecore.verification.metrics import Bools


@dataclass(frozen=True)
class KnownPairs:
    """Pairs whose answer is known.

    Attributes:
        names: of the photos.
        left: (P,) place of the first photo of each pair in `names`.
        right: (P,) of the second.
        same: (P,) whether they show one person.
        scores: (P,) float64, -inf for pairs that failed.
    """

    names: list[str]
    left: npt.NDArray[np.integer[Any]]
    right: npt.NDArray[np.integer[Any]]
    same: Bools
    scores: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, chosen: Bools) -> "KnownPairs":
        """The pairs where `chosen` (P,) is True."""
        left, right = self.left[chosen], self.right[chosen]
        return replace(self, left=left, right=right, same=self.same[chosen], scores=self.scores[chosen])

    @property
    def scored(self) -> Bools:
        """Which pairs have a score."""
        found: Bools = np.isfinite(self.scores)
        return found

    @property
    def photos(self) -> int:
        """Photos in any of the pairs."""
        return int(np.unique(np.concatenate([self.left, self.right])).size)

    def counts(self) -> dict[str, int]:
        """For the record of a calibration."""
        genuine = int(self.same.sum())
        failed = int((~self.scored).sum())
        return {"genuine": genuine, "impostors": len(self) - genuine, "failed_pairs": failed, "images": self.photos}


def known_pairs(index: PairIndex, scores: npt.NDArray[np.float64], name: str) -> KnownPairs:
    """The labelled pairs of a list.

    Args:
        index: the list.
        scores: (P,), NaN for pairs that failed.
        name: of the list, for the error.

    Raises:
        ValueError: the list has no labels.
    """
    if index.label is None or not (index.label >= 0).any():
        raise ValueError(f"{name}: no pair has a label, and without knowing the answers nothing can be calibrated")
    every = KnownPairs(
        index.names, index.left, index.right, index.label == 1, np.where(np.isnan(scores), -np.inf, scores)
    )
    return every.take(index.label >= 0)


def person_of_each(pairs: KnownPairs) -> list[str]:
    """Who is on each photo: the folder it lies in, if genuine pairs lie in one folder and impostor pairs in two.

    Otherwise photos that genuine pairs link, directly or by way of others, are of one person, who is called by the
    first name among them. Two sets of photos of one person which no genuine pair links are then taken as two people.
    """
    folders = [name.replace("\\", "/").rpartition("/")[0] for name in pairs.names]
    codes = np.unique(folders, return_inverse=True)[1]
    together = codes[pairs.left] == codes[pairs.right]
    if np.array_equal(together, pairs.same) and together.any() and not together.all():
        return folders
    count = len(pairs.names)
    links = (np.ones(int(pairs.same.sum())), (pairs.left[pairs.same], pairs.right[pairs.same]))
    group = connected_components(coo_array(links, shape=(count, count)), directed=False)[1]
    first: dict[int, str] = {}
    for code, name in zip(group.tolist(), pairs.names, strict=True):
        first[code] = min(name, first.get(code, name))
    return [first[code] for code in group.tolist()]


def check_share(share: float) -> None:
    """Refuse what is no share of people.

    Raises:
        ValueError: it is out of range.
    """
    if not 0 < share < 1:
        raise ValueError(f"--holdout {share}: a share of the people lies between 0 and 1, both excluded")


def split_people(pairs: KnownPairs, share: float, seed: int) -> tuple[KnownPairs, KnownPairs]:
    """Pairs for the fit and pairs for the evidence, of different people; pairs with one person in either are left out.

    Args:
        pairs: all of them.
        share: of the people whose pairs are evidence, between 0 and 1.
        seed: another one sets others aside.

    Raises:
        ValueError: the share is out of range.
    """
    check_share(share)
    person = person_of_each(pairs)
    people = sorted(set(person))
    order = shuffled(people, seed, "holdout")
    aside = {people[place] for place in order[: round(share * len(people))]}
    is_aside = np.array([name in aside for name in person], np.bool_)
    left, right = is_aside[pairs.left], is_aside[pairs.right]
    return pairs.take(~left & ~right), pairs.take(left & right)
