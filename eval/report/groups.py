"""The same figures for each group of pairs."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from eval.report.figure import FigureSet
from eval.report.figures import make_figures
from eval.report.sample import Sample
from facecore.verification.metrics import FEW, Bools

GATHERED = ("within groups", "across groups")
MOST_GROUPS = 60
REPLICATES = 300


@dataclass(frozen=True)
class Group:
    """A group of pairs and its figures; "within" and "across" gather the pairs of other groups."""

    name: str
    figures: FigureSet

    @property
    def gathers(self) -> bool:
        """Whether its pairs are those of other groups."""
        return self.name in GATHERED

    @property
    def false_matches(self) -> int:
        """Impostor pairs accepted at the threshold."""
        return round((self.figures.get("far").value or 0) * self.figures.impostors)


@dataclass(frozen=True)
class Spread:
    """How far false match rates lie apart.

    Attributes:
        ratio: the largest over the geometric mean; None where fewer than two groups can take part.
        groups: those with at least 10 false matches, which take part.
        note: in words.
    """

    ratio: float | None
    groups: tuple[str, ...]
    note: str

    def to_dict(self) -> dict[str, Any]:
        """All attributes."""
        return {"ratio": self.ratio, "groups": list(self.groups), "note": self.note}


def group_pairs(table: pd.DataFrame, sample: Sample, by: tuple[str, ...]) -> list[tuple[str, Bools]]:
    """Names of groups and the pairs of the sample that belong to each.

    Args:
        table: that the sample was taken from.
        sample: labelled pairs.
        by: one column: a group is a value; two columns, of the left and the right photo: a group is an unordered pair
            of values, and "within groups" and "across groups" gather those of equal and of different values.

    Raises:
        ValueError: there is no such column, or it has too many values to be one of groups.
    """
    for column in by:
        if column not in table:
            raise ValueError(f"--by {column}: there is no such column; there are: {', '.join(map(str, table))[:500]}")
    part = table.iloc[sample.rows]
    values = pd.concat([_text(part[column]) for column in by], ignore_index=True)
    codes, names = pd.factorize(values, sort=True)
    sides = codes.reshape(len(by), -1)
    low, high = sides.min(axis=0), sides.max(axis=0)
    found, place = np.unique(low * len(names) + high, return_inverse=True)
    if len(found) > MOST_GROUPS:
        raise ValueError(f"--by {' '.join(by)}: {len(found)} groups are more than a report can show ({MOST_GROUPS})")
    if len(by) == 1:
        return [(str(names[code % len(names)]), place == i) for i, code in enumerate(found)]
    pairs = [(f"{names[code // len(names)]} × {names[code % len(names)]}", place == i) for i, code in enumerate(found)]
    within = low == high
    return [*pairs, *((name, mask) for name, mask in zip(GATHERED, (within, ~within), strict=True) if mask.any())]


def make_groups(
    table: pd.DataFrame, sample: Sample, by: tuple[str, ...], threshold: float | None, sign: int, seed: int = 0
) -> list[Group]:
    """Every figure for each group; arguments as `group_pairs` and `make_figures`."""
    return [
        Group(name, make_figures(sample.take(mask), threshold, sign=sign, replicates=REPLICATES, seed=seed))
        for name, mask in group_pairs(table, sample, by)
    ]


def false_match_spread(groups: list[Group]) -> Spread:
    """The largest false match rate over the geometric mean of all, as NIST IR 8429 compares groups."""
    part = [group for group in groups if group.false_matches >= FEW and not group.gathers]
    names = tuple(group.name for group in part)
    if len(part) < 2:
        return Spread(None, names, f"No ratio of false match rates: fewer than two groups have {FEW} false matches")
    rates = [float(group.figures.get("far").value or 0) for group in part]
    mean = math.exp(sum(map(math.log, rates)) / len(rates))
    largest = part[int(np.argmax(rates))].name
    note = f"over the {len(part)} groups with at least {FEW} false matches; the largest is that of {largest}"
    return Spread(max(rates) / mean, names, note)


def _text(values: "pd.Series[Any]") -> "pd.Series[Any]":
    text = values.astype("string").fillna("").str.strip()
    return text.mask(text == "", "(empty)").astype(object)
