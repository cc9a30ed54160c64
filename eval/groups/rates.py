"""False match rates of strangers within groups and across them, with intervals that know of shared photos.

Every two of N photos are a pair, so that one photo stands in N - 1 of them: intervals are those of
`facecore.verification.dependence` (Fogliato, Patil and Perona 2024), not Wilson's on the count of pairs.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecore.verification.dependence import dependent_interval
from facecore.verification.metrics import FEW

LOOSER_SHARE = 1e-2
"""Share of all pairs whose scores stand in where a group has hardly a false match: how these depend on each other."""


@dataclass(frozen=True)
class GroupRate:
    """How often strangers of two groups, or of one, are accepted.

    Attributes:
        by: what names the groups, for example "race".
        left: a group.
        right: the other group, or the same.
        photos: of both groups together.
        pairs: impostor pairs, one photo of either group in each.
        false_matches: those whose score reaches the threshold.
        fmr: their share, 0..1.
        low: lower end of its 95 % interval.
        high: upper end.
        effective_pairs: the number of independent pairs that would make the rate equally sure.
    """

    by: str
    left: str
    right: str
    photos: int
    pairs: int
    false_matches: int
    fmr: float
    low: float
    high: float
    effective_pairs: float

    @property
    def within(self) -> bool:
        """Whether both photos are of one group."""
        return self.left == self.right

    @property
    def few(self) -> bool:
        """Whether the rate rests on so few false matches that it is shaky."""
        return self.false_matches < FEW

    def to_dict(self) -> dict[str, Any]:
        """All attributes, and `kind` (within or across) and `few`."""
        return {**asdict(self), "kind": "within" if self.within else "across", "few": self.few}


@dataclass(frozen=True)
class Differential:
    """How far the rates within groups lie apart.

    Attributes:
        ratio: the largest over the geometric mean, as NIST IR 8429 compares groups; None where fewer than
            two groups can take part.
        worst: the group with the largest rate.
        left_out: groups with fewer than 10 false matches, which cannot take part.
    """

    ratio: float | None
    worst: str | None
    left_out: tuple[str, ...]


def group_rates(
    by: str, embeddings: NDArray[np.float32], groups: NDArray[np.str_], threshold: float, level: float = 0.95
) -> list[GroupRate]:
    """The rate within each group and across each two groups, sorted by name or age, those within first.

    Args:
        by: what names the groups.
        embeddings: (N, D), of length one, each of another person.
        groups: (N,), the group of each; empty where unknown, which leaves it out.
        threshold: a pair is accepted where its cosine is at least this.
        level: of the intervals.

    Raises:
        ValueError: shapes that differ, or no two photos with a group.
    """
    if embeddings.ndim != 2 or groups.shape != embeddings.shape[:1]:
        raise ValueError(f"{groups.shape} labels do not belong to embeddings of shape {embeddings.shape}")
    known = np.flatnonzero(groups != "")
    if len(known) < 2:
        raise ValueError(f"by {by}: fewer than two photos have a label")
    names, codes = np.unique(groups[known], return_inverse=True)
    left, right = np.triu_indices(len(known), 1)
    rows = embeddings[known].astype(np.float32)
    scores = (rows @ rows.T)[left, right]
    looser = float(np.quantile(scores, 1 - LOOSER_SHARE))
    low, high = np.minimum(codes[left], codes[right]), np.maximum(codes[left], codes[right])
    kind = low * len(names) + high
    order = np.argsort(kind, kind="stable")
    starts = np.flatnonzero(np.diff(kind[order], prepend=-1))
    rates = []
    for chosen in np.split(order, starts[1:]):
        ends = names[low[chosen[0]]], names[high[chosen[0]]]
        at = scores[chosen]
        interval = dependent_interval(at >= threshold, left[chosen], right[chosen], level, at >= min(looser, threshold))
        photos = int(np.isin(groups[known], ends).sum())
        counts = (len(chosen), int(np.count_nonzero(at >= threshold)))
        figures = (interval.rate, interval.low, interval.high, interval.effective_pairs)
        rates.append(GroupRate(by, str(ends[0]), str(ends[1]), photos, *counts, *figures))
    return sorted(rates, key=lambda rate: (not rate.within, _place(rate.left), _place(rate.right)))


def _place(name: str) -> tuple[float, str]:
    """By which names are sorted: ages by their first number, "more than 70" after "60-69", all else by the alphabet."""
    number = re.search(r"\d+", name)
    return (float(number.group()) if number else 0.0), name


def differential(rates: Sequence[GroupRate]) -> Differential:
    """How far the rates within the groups of one kind lie apart."""
    within = [rate for rate in rates if rate.within]
    taking_part = [rate for rate in within if not rate.few]
    left_out = tuple(rate.left for rate in within if rate.few)
    if len(taking_part) < 2:
        return Differential(None, None, left_out)
    worst = max(taking_part, key=lambda rate: rate.fmr)
    mean = math.exp(sum(math.log(rate.fmr) for rate in taking_part) / len(taking_part))
    return Differential(worst.fmr / mean, worst.left, left_out)
