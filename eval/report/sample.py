"""Labelled pairs as arrays, and whose they are."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from facecore.verification.metrics import Bools

Doubles = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

SURE = 5e-7
"""Half of the last of the six decimals that probabilities are written with: 0.000000 and 1.000000 may be this far off,
and are taken as such, since the log-likelihood ratio of 0 and 1 would be infinite."""


@dataclass(frozen=True)
class Sample:
    """Labelled pairs; all arrays have one entry a pair.

    Attributes:
        scores: float64; higher means more alike (distances are negated); -inf for a pair that failed.
        same: bool, True for genuine pairs.
        left: codes of the identities (or photos) that make pairs depend on each other.
        right: the same for the other side.
        rows: places in the table that the sample was taken from.
        probability: float64 in 0..1 at equal priors, NaN for failed pairs; None where there are none.
        fold: codes of folds, -1 for a pair without one; None where there are no folds.
        quality: float64, the lower one of the two photos' qualities, NaN where unknown; None where there are none.
    """

    scores: Doubles
    same: Bools
    left: Codes
    right: Codes
    rows: Codes
    probability: Doubles | None = None
    fold: Codes | None = None
    quality: Doubles | None = None

    def take(self, chosen: Bools) -> "Sample":
        """The pairs where `chosen` (N,) is True."""
        arrays = {name: value[chosen] for name, value in vars(self).items() if value is not None}
        return replace(self, **arrays)

    @property
    def scored(self) -> Bools:
        """Which pairs have a score."""
        found: Bools = np.isfinite(self.scores)
        return found

    @property
    def genuine(self) -> int:
        """Number of genuine pairs."""
        return int(self.same.sum())

    @property
    def impostors(self) -> int:
        """Number of impostor pairs."""
        return int((~self.same).sum())


@dataclass(frozen=True)
class Identities:
    """By what pairs depend on each other.

    Attributes:
        kind: "folder", "image", "column", or "pair" where nothing is known and pairs are taken as independent.
        sentence: for the report.
        left: (N,) codes.
        right: (N,) codes.
        images: (N, 2) codes of the photos themselves, None where the table does not name any.
    """

    kind: str
    sentence: str
    left: Codes
    right: Codes
    images: npt.NDArray[np.intp] | None


def find_identities(table: pd.DataFrame, choice: str | tuple[str, str] = "auto") -> Identities:
    """Say which pairs share a person (or a photo).

    Args:
        table: as `read_scores` gives it.
        choice: "folder": a person is the folder that a photo lies in; "image": each photo by itself; two columns that
            name the persons; "auto": the folder where the labels agree with it, else the photo.

    Raises:
        ValueError: the table has no such columns.
    """
    named = {"left", "right"} <= set(table.columns)
    images = np.column_stack(_codes(table["left"], table["right"])) if named else None
    if isinstance(choice, tuple):
        if missing := [name for name in choice if name not in table]:
            raise ValueError(f"--identity: there is no column {missing[0]!r}; the columns are: {_listed(table)}")
        left, right = _codes(table[choice[0]].astype(str), table[choice[1]].astype(str))
        sentence = f"Identities come from the columns {choice[0]} and {choice[1]}."
        return Identities("column", sentence, left, right, images)
    if images is None:
        if choice != "auto":
            raise ValueError(f"--identity {choice} needs two columns that name the photos; there are: {_listed(table)}")
        each = np.arange(len(table))
        sentence = "The table names no photos, so pairs are taken as independent; if photos or people occur in several "
        return Identities("pair", sentence + "pairs, the intervals are too narrow.", each, each, None)
    folders = _folder_codes(table["left"], table["right"])
    if choice == "folder" or (choice == "auto" and _labels_agree(table, *folders)):
        sentence = "A person is the folder that a photo lies in" + (
            "." if choice == "folder" else ": the labels agree with it in every pair."
        )
        return Identities("folder", sentence, *folders, images)
    sentence = "Each photo stands by itself" + (
        "." if choice == "image" else ", since the folders are not one for each person; if people have several photos, "
        "the intervals are somewhat too narrow (name their columns with --identity LEFT RIGHT)."
    )  # fmt: skip
    return Identities("image", sentence, images[:, 0], images[:, 1], images)


def make_sample(table: pd.DataFrame, identities: Identities, distance: bool = False) -> Sample:
    """The labelled pairs of a table; `distance`: a small score means the same person."""
    rows = np.flatnonzero(table["label"].notna().to_numpy()) if "label" in table else np.empty(0, np.intp)
    part = table.iloc[rows]
    scores = np.array(part["score"], np.float64)
    scores = np.where(np.isnan(scores), -np.inf, -scores if distance else scores)
    quality = None
    if {"left_quality", "right_quality"} <= set(table.columns):
        quality = np.minimum(np.array(part["left_quality"], np.float64), np.array(part["right_quality"], np.float64))
    fold = None
    if "fold" in table and part["fold"].nunique() > 1:
        fold = pd.factorize(part["fold"], sort=True)[0]
    probability = np.array(part["probability"], np.float64) if "probability" in table else None
    if probability is not None and np.isnan(probability[np.isfinite(scores)]).any():
        probability = None  # a model without calibration leaves the column empty
    same = part["label"].to_numpy(bool) if "label" in table else np.empty(0, bool)
    return Sample(scores, same, identities.left[rows], identities.right[rows], rows, probability, fold, quality)


def log_likelihood_ratio(probability: Doubles) -> Doubles:
    """Natural log-likelihood ratios of probabilities at equal priors: their log-odds."""
    p = np.clip(probability, SURE, 1 - SURE)
    ratio: Doubles = np.log(p) - np.log1p(-p)
    return ratio


def _codes(left: "pd.Series[Any]", right: "pd.Series[Any]") -> tuple[Codes, Codes]:
    codes = pd.factorize(pd.concat([left, right], ignore_index=True))[0].astype(np.intp)
    return codes[: len(left)], codes[len(left) :]


def _folder_codes(left: "pd.Series[Any]", right: "pd.Series[Any]") -> tuple[Codes, Codes]:
    codes, names = pd.factorize(pd.concat([left, right], ignore_index=True))
    folders = pd.Series(names).str.replace("\\", "/", regex=False).str.replace(r"/?[^/]*$", "", regex=True)
    codes = pd.factorize(folders)[0].astype(np.intp)[codes]
    return codes[: len(left)], codes[len(left) :]


def _labels_agree(table: pd.DataFrame, left: Codes, right: Codes) -> bool:
    """Whether genuine pairs lie in one folder and impostor pairs in two, more than one folder there being."""
    if "label" not in table:
        return False
    known = table["label"].notna().to_numpy()
    same = table["label"].to_numpy(bool, na_value=False)[known]
    left, right = left[known], right[known]
    return bool(known.any() and np.array_equal(left == right, same) and np.unique(left).size > 1)


def _listed(table: pd.DataFrame) -> str:
    return ", ".join(map(str, table.columns))[:500]
