"""How sure an error rate is when the same people or photos appear in many of the pairs it was counted on.

People or photos are the points of a graph and pairs its edges. Two pairs that share a point err together more often
than two that share none, so a rate over many pairs of few people is less sure than its count suggests. Codes may name
people (better: photos of one person err together too) or photos; a pair whose two codes are equal is a pair of two
photos of one person. Source: Fogliato, Patil and Perona 2024, "Confidence intervals for error rates in 1:1 matching
tasks: critical statistical analysis and recommendations", arXiv 2306.01198.
"""

from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

from facecore.verification.intervals import wilson_at
from facecore.verification.metrics import FEW, Bools

Codes = npt.NDArray[np.integer[Any]]
Ints = npt.NDArray[np.int64]

ENOUGH = 1000
"""Pairs that are worth fewer independent ones than this, and fewer than half of their count, ask for a warning: a false
accept rate under 1e-2 cannot then be told from zero with ten false accepts. Our choice."""


@dataclass(frozen=True)
class Graph:
    """Pairs as edges between people or photos.

    Attributes:
        left: int64 (N,), 0 to points - 1.
        right: int64 (N,), likewise.
        points: number of distinct people or photos.
        bundle: int64 (N,), 0 to bundles - 1: pairs between the same two points share a number.
        bundles: number of distinct pairs of points.
    """

    left: Ints
    right: Ints
    points: int
    bundle: Ints
    bundles: int

    @property
    def loop(self) -> Bools:
        """Bool (N,), whether both ends are the same point."""
        return np.equal(self.left, self.right)

    def part(self, chosen: Bools) -> "Graph":
        """The graph of the pairs where `chosen`, bool (N,), is True."""
        return graph(self.left[chosen], self.right[chosen])


@dataclass(frozen=True)
class DependentInterval:
    """A rate with an interval that knows of shared people or photos.

    Attributes:
        rate: the share of errors.
        low: lower end of its interval.
        high: upper end, never 0.
        effective_pairs: the number of independent pairs that would make the rate equally sure.
        variance: of the rate: rate (1 - rate) / effective_pairs, 0 where there are no errors.
    """

    rate: float
    low: float
    high: float
    effective_pairs: float
    variance: float

    def to_dict(self) -> dict[str, float]:
        """All figures, as JSON takes them."""
        return asdict(self)


@dataclass(frozen=True)
class Carriers:
    """How many people or photos carry a set of pairs.

    Attributes:
        pairs: number of pairs.
        distinct: number of people or photos.
        effective_pairs: the number of independent pairs they are worth at least (see `fewest_independent`).
        busiest_share: the share of the pairs in which the most frequent one of them appears.
        few: whether a reader should be warned (see `ENOUGH`).
    """

    pairs: int
    distinct: int
    effective_pairs: float
    busiest_share: float
    few: bool

    def to_dict(self) -> dict[str, Any]:
        """All figures, as JSON takes them."""
        return asdict(self)


def graph(left: Codes, right: Codes) -> Graph:
    """Number the points and bundles of pairs.

    Args:
        left: int (N,), any codes.
        right: int (N,), codes of the same kind.

    Raises:
        ValueError: no pairs, shapes that differ, or codes that are not whole numbers.
    """
    left, right = np.asarray(left), np.asarray(right)
    if left.ndim != 1 or left.shape != right.shape or not left.size:
        raise ValueError(f"pairs need two codes each and there must be some: shapes {left.shape} and {right.shape}")
    if not (np.issubdtype(left.dtype, np.integer) and np.issubdtype(right.dtype, np.integer)):
        raise ValueError(f"codes of people or photos are whole numbers, not {left.dtype} and {right.dtype}")
    codes, names = pd.factorize(np.concatenate([left, right]))
    ends = codes.astype(np.int64).reshape(2, -1)
    bundle, bundles = pd.factorize(ends.min(axis=0) * len(names) + ends.max(axis=0))
    return Graph(ends[0], ends[1], len(names), bundle.astype(np.int64), len(bundles))


def variance_of_sum(values: npt.NDArray[np.float64], pairs: Graph) -> float:
    """The variance of the sum of `values`, float64 (N,), of mean 0, where pairs with a common point may vary together.

    It is the sum of the products of all two pairs that have a common point (plug-in estimator, section on parametric
    intervals of the source; the same as Fafchamps and Gubert 2007 for dyads). From sums at points, where bundles are
    counted at both ends, it costs O(N). As there, it is never under the variance without dependence between bundles.
    """
    loop = pairs.loop
    at_points = np.bincount(pairs.left, values, pairs.points)
    at_points += np.bincount(pairs.right[~loop], values[~loop], pairs.points)
    in_bundles = np.bincount(pairs.bundle, values, pairs.bundles) ** 2
    between = np.zeros(pairs.bundles, np.bool_)
    between[pairs.bundle] = ~loop
    return float(max((at_points**2).sum() - in_bundles[between].sum(), in_bundles.sum()))


def fewest_independent(pairs: Graph) -> float:
    """The number of independent pairs that these are worth if errors came from the people or photos alone.

    With an effect of variance 1 at each point, of which a pair between two points carries 1/sqrt(2) from either and a
    loop the whole, the mean of N pairs has the variance sum((loops + others / sqrt(2))^2) / N^2 over the points. N
    pairs of 2N people are worth N, all n (n - 1) / 2 pairs of n people n / 2.
    """
    loop = pairs.loop
    weight = np.where(loop, 1.0, 0.5**0.5)
    load = np.bincount(pairs.left, weight, pairs.points)
    load += np.bincount(pairs.right[~loop], weight[~loop], pairs.points)
    return float(pairs.left.size**2 / (load**2).sum())


def caution(worth: float, level: float) -> float:
    """How much wider, squared, an interval must be since its variance too is estimated, from few people or photos.

    Student's t in place of the normal deviate, and n / (n - 1) for the mean that was subtracted, both with
    `fewest_independent` pairs for n (at least 2). This goes beyond the source, whose intervals are too narrow for 20
    people and nearly right for 100; the tests measure both.
    """
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not at {level}")
    freedom = max(worth - 1, 1.0)
    ratio = float(stdtrit(freedom, 0.5 + level / 2)) / NormalDist().inv_cdf(0.5 + level / 2)
    return (freedom + 1) / freedom * ratio**2


def dependent_interval(
    errors: Bools, left: Codes, right: Codes, level: float = 0.95, looser: Bools | None = None
) -> DependentInterval:
    """The share of errors and its interval: Wilson's, on the effective number of pairs.

    That number is rate (1 - rate) / variance, less what `caution` asks for. A variance cannot be had from no errors at
    all. Then the pairs are worth what `looser` says, and without it the fewest that they can be worth
    (`fewest_independent`), which is wide on purpose.

    Args:
        errors: bool (N,), whether a pair was decided wrongly: accepted impostor pairs for FMR or FAR, rejected genuine
            pairs for FNMR or FRR.
        left: int (N,), codes of people or photos.
        right: int (N,), likewise.
        level: confidence.
        looser: bool (N,), errors at a more lenient setting where there are at least `FEW`; how these depend on each
            other stands in where `errors` holds fewer than that.

    Raises:
        ValueError: as `graph`, errors of another shape or type, or a level outside (0, 1).
    """
    return rate_interval(errors, graph(left, right), level, looser)


def rate_interval(errors: Bools, pairs: Graph, level: float = 0.95, looser: Bools | None = None) -> DependentInterval:
    """`dependent_interval` for pairs that have been made a graph already."""
    errors = np.asarray(errors)
    n = pairs.left.size
    if errors.shape != pairs.left.shape or errors.dtype != np.bool_:
        raise ValueError(f"{n} pairs need as many booleans, not {errors.dtype} of shape {errors.shape}")
    rate = float(errors.mean())
    worth = _worth(errors, pairs, level)
    if min(int(errors.sum()), int((~errors).sum())) < FEW and looser is not None:
        stand_in = _worth(np.asarray(looser), pairs, level)
        worth = min((w for w in (worth, stand_in) if w is not None), default=None)
    if worth is None:
        worth = fewest_independent(pairs)
    low, high = wilson_at(rate, worth, level)
    return DependentInterval(rate, low, high, worth, rate * (1 - rate) / worth)


def carriers(left: Codes, right: Codes) -> Carriers:
    """How many people or photos carry the pairs with these codes, int (N,) each.

    Raises:
        ValueError: as `graph`.
    """
    pairs = graph(left, right)
    n = pairs.left.size
    loop = pairs.loop
    appearances = np.bincount(pairs.left, minlength=pairs.points)
    appearances += np.bincount(pairs.right[~loop], minlength=pairs.points)
    worth = fewest_independent(pairs)
    return Carriers(n, pairs.points, worth, float(appearances.max() / n), worth < min(ENOUGH, n / 2))


def warn_few_images(left: Codes, right: Codes, what: str = "images") -> str | None:
    """A sentence for the reader if few images carry the impostor pairs with these codes, otherwise None.

    Args:
        left: int (N,), codes of the impostor pairs alone.
        right: int (N,), likewise.
        what: what the codes name, in the plural.

    Raises:
        ValueError: as `graph`.
    """
    of = carriers(left, right)
    if not of.few:
        return None
    return (
        f"Only {of.distinct:,} {what} carry the {of.pairs:,} impostor pairs, which may be worth as few as "
        f"{of.effective_pairs:,.0f} independent ones: "
        f"false accept rates are less sure than the number of pairs suggests."
    )


def _worth(errors: Bools, pairs: Graph, level: float) -> float | None:
    """The effective number of pairs, or None where the errors cannot tell."""
    rate = float(errors.mean())
    n = errors.size
    variance = variance_of_sum(np.subtract(errors, rate, dtype=np.float64), pairs) / n**2
    if not 0 < rate < 1 or variance <= 1e-12 * rate / n:  # the residuals of one bundle alone add up to rounding errors
        return None
    return min(rate * (1 - rate) / (variance * caution(fewest_independent(pairs), level)), float(n))
