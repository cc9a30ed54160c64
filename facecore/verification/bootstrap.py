"""Intervals of any figure, and of the difference of two models, by drawing the people (or photos) again.

A replicate draws as many people as there are, with replacement. A pair between two people counts as often as the
product of how often both were drawn, a pair of two photos of one person as often as that person (vertex bootstrap:
Snijders and Borgatti 1999, "Non-parametric standard errors and tests for network statistics"; for face verification
Fogliato, Patil and Perona 2024, arXiv 2306.01198; where a person meets a copy of himself there is no impostor pair,
and none is made up).

Products let what belongs to one bundle of pairs (all those between the same two people) vary three times as much as it
should: pairs that share nobody would get intervals 1.7 times too wide (Owen 2007, "The pigeonhole bootstrap", on the
factor of three). Therefore bundles are drawn too, as if they were independent, and their variance is taken off twice,
down to the variance without any dependence. The interval is then Wilson's, with the effective number
figure (1 - figure) / variance, where the figure lies between 0 and 1 (the source recommends it over percentiles where
errors are rare), and a normal one otherwise, both widened for few people (`dependence.caution`).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from facecore.verification.dependence import Codes, Graph, caution, fewest_independent, graph, rate_interval
from facecore.verification.intervals import wilson_at
from facecore.verification.metrics import FEW, Bools, Floats
from facecore.verification.weighted import FIGURES, UNBOUNDED, Calibrate, WeightedFigures, split_name

__all__ = ["FIGURES", "Difference", "Interval", "paired_bootstrap", "vertex_bootstrap"]

Float64s = npt.NDArray[np.float64]

MOST_PAIRS = 2_000_000
"""Over more pairs no replicates are drawn: only the rates at a threshold, which need none, get an interval."""
WORK = 20_000_000
"""Pairs times replicates: a few seconds on one core. Fewer replicates are drawn where this would be exceeded: the
variance that they are for is known to 10 % from 200 of them, and to 20 % from 50."""
FEWEST_REPLICATES = 40
"""Fewer replicates than this are never drawn, and half of it must be usable."""
NOTHING = 1e-18
"""A variance under this comes from rounding: the figure did not vary."""


@dataclass(frozen=True)
class Interval:
    """An interval of a figure.

    Attributes:
        low: lower end.
        high: upper end.
        replicates: the number it rests on; 0 for rates at a threshold, whose variance is computed.
        dropped: replicates that held only one kind of pair and were left out.
    """

    low: float
    high: float
    replicates: int
    dropped: int

    def to_dict(self) -> dict[str, Any]:
        """All figures, as JSON takes them."""
        return asdict(self)


@dataclass(frozen=True)
class Difference:
    """A figure of two models on the same pairs.

    Attributes:
        a: the figure of the first.
        b: of the second.
        difference: b - a.
        low: lower end of the interval of the difference.
        high: its upper end.
        p_value: two-sided: how often a difference at least this large would come about between two models that are
            equally good (Student's t with the bootstrap's variance); under 1 - level where the interval leaves out 0.
        replicates: the number it rests on.
        dropped: replicates that held only one kind of pair and were left out.
    """

    a: float
    b: float
    difference: float
    low: float
    high: float
    p_value: float
    replicates: int
    dropped: int

    def to_dict(self) -> dict[str, Any]:
        """All figures, as JSON takes them."""
        return asdict(self)


def vertex_bootstrap(
    scores: Floats,
    same: Bools,
    left: Codes,
    right: Codes,
    figures: Sequence[str],
    *,
    replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    llr: Calibrate | None = None,
) -> dict[str, Interval]:
    """The interval of each figure.

    Args:
        scores: float (N,), -inf for failed pairs.
        same: bool (N,), True for genuine pairs.
        left: int (N,), codes of the people on the left, or of the photos where people are not known.
        right: int (N,), those on the right.
        figures: names as in `FIGURES`.
        replicates: to draw, at least `FEWEST_REPLICATES`; reduced for many pairs (see `WORK`).
        seed: of the draws.
        level: confidence.
        llr: scores, float64 (M,), to natural log-likelihood ratios, (M,); needed for "cllr".

    Returns:
        Name to interval. A figure that has none is missing: d' and Cllr where it could not vary or too few replicates
        could be used, and all but "frr@", "far@" and "accuracy@" for over `MOST_PAIRS` pairs.

    Raises:
        ValueError: as `metrics.roc`, `dependence.graph`, `weighted.split_name`; too few replicates; "cllr" without
            `llr`; or a level outside (0, 1).
    """
    pairs = _graph(scores, left, right, replicates)
    same = np.asarray(same)
    found = {
        name: _rate(np.asarray(scores, np.float64), same, pairs, *split_name(name), level)
        for name in figures
        if split_name(name)[0] in ("frr", "far", "accuracy")
    }
    drawn = [name for name in figures if name not in found]
    weighted = WeightedFigures(scores, same, drawn, llr)  # also refuses what is no set of scores
    if drawn and pairs.left.size <= MOST_PAIRS:
        values, worths = weighted(np.ones(same.size)).tolist(), _worths(drawn, same, pairs)
        runs = _replicate(pairs, [weighted.order], lambda weights: weighted(weights[0]), replicates, seed)
        rows = zip(drawn, values, runs.variances.tolist(), runs.means.tolist(), worths, strict=True)
        for name, value, variance, mean, worth in rows:
            ends = _ends(name, value, variance, mean, worth, level)
            if ends is not None:
                found[name] = Interval(*ends, runs.replicates, runs.dropped)
    return {name: found[name] for name in figures if name in found}


def paired_bootstrap(
    scores_a: Floats,
    scores_b: Floats,
    same: Bools,
    left: Codes,
    right: Codes,
    figures: Sequence[str],
    *,
    figures_b: Sequence[str] | None = None,
    replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    llr_a: Calibrate | None = None,
    llr_b: Calibrate | None = None,
) -> dict[str, Difference]:
    """How two models differ on the same pairs: the figures of both in every replicate come from the same people.

    Args:
        scores_a: float (N,), of the first model.
        scores_b: float (N,), of the second for the same pairs.
        same: bool (N,).
        left: int (N,), as in `vertex_bootstrap`.
        right: int (N,), likewise.
        figures: names as in `FIGURES`.
        figures_b: the second model's names, in the same order, where they differ: its own threshold in "frr@0.3".
        replicates: to draw; reduced for many pairs.
        seed: of the draws.
        level: confidence.
        llr_a: the first model's scores to natural log-likelihood ratios; needed for "cllr".
        llr_b: the second's.

    Returns:
        Name in `figures` to difference; figures that have none are missing (as in `vertex_bootstrap`; none can be had
        for over `MOST_PAIRS` pairs).

    Raises:
        ValueError: as `vertex_bootstrap`; or names for b of another number or kind.
    """
    names_b = figures if figures_b is None else figures_b
    if [split_name(name)[0] for name in figures] != [split_name(name)[0] for name in names_b]:
        raise ValueError(f"the figures of both models must be of the same kinds: {list(figures)} and {list(names_b)}")
    pairs = _graph(scores_a, left, right, replicates)
    a, b = WeightedFigures(scores_a, same, figures, llr_a), WeightedFigures(scores_b, same, names_b, llr_b)
    if not figures or pairs.left.size > MOST_PAIRS:
        return {}
    ones = np.ones(pairs.left.size)
    values = zip(figures, a(ones).tolist(), b(ones).tolist(), strict=True)
    runs = _replicate(pairs, [a.order, b.order], lambda weights: b(weights[1]) - a(weights[0]), replicates, seed)
    worths = _worths(figures, np.asarray(same), pairs)
    found = {}
    for (name, value_a, value_b), variance, worth in zip(values, runs.variances.tolist(), worths, strict=True):
        difference = value_b - value_a
        ends = _difference_ends(name, difference, variance, worth, level)
        if ends is not None:
            p_value = _p_value(difference, variance, worth)
            found[name] = Difference(value_a, value_b, difference, *ends, p_value, runs.replicates, runs.dropped)
    return found


@dataclass(frozen=True)
class _Runs:
    variances: Float64s  # (F,), NaN where too few replicates could be used
    means: Float64s  # (F,), likewise
    replicates: int
    dropped: int


def _graph(scores: Floats, left: Codes, right: Codes, replicates: int) -> Graph:
    pairs = graph(left, right)
    if np.shape(scores) != pairs.left.shape:
        raise ValueError(f"scores of shape {np.shape(scores)} need as many codes, not {pairs.left.size}")
    if replicates < FEWEST_REPLICATES:
        raise ValueError(f"{replicates} replicates tell no variance: at least {FEWEST_REPLICATES} are needed")
    return pairs


def _replicate(
    pairs: Graph,
    orders: Sequence[npt.NDArray[np.intp]],
    figures: Callable[[list[Float64s]], Float64s],
    replicates: int,
    seed: int,
) -> _Runs:
    """The variances of figures, given weights of the pairs in each of the orders."""
    random = np.random.default_rng(seed)
    count = min(replicates, max(FEWEST_REPLICATES, WORK // pairs.left.size))
    # A place after the last holds a weight of 1: the second end of a loop, and the bundle of a pair that is not drawn.
    right = np.where(pairs.loop, pairs.points, pairs.right)
    ends = [(pairs.left[order], right[order]) for order in orders]
    by_people = [figures([m[x] * m[y] for x, y in ends]) for m in _multiplicities(random, pairs.points, count)]
    variances, means, used = _moments(by_people)
    if not pairs.loop.all():
        between, bundle = np.unique(pairs.bundle[~pairs.loop], return_inverse=True)
        place = np.full(pairs.left.size, between.size)
        place[~pairs.loop] = bundle
        places = [place[order] for order in orders]
        draws = _multiplicities(random, between.size, max(FEWEST_REPLICATES, count // 2))
        alone, _, _ = _moments([figures([m[place] for place in places]) for m in draws])
        variances = np.maximum(variances - 2 * alone, alone)
    return _Runs(variances, means, used, count - used)


def _multiplicities(random: np.random.Generator, points: int, count: int) -> Iterator[Float64s]:
    for _ in range(count):
        yield np.append(np.bincount(random.integers(points, size=points), minlength=points), 1).astype(np.float64)


def _moments(values: list[Float64s]) -> tuple[Float64s, Float64s, int]:
    """The variance and the mean of each figure, and how many replicates have all of them."""
    table = np.array(values)
    whole = table[~np.isnan(table).any(axis=1)]
    if len(whole) < FEWEST_REPLICATES // 2:
        return np.full(table.shape[1], np.nan), np.full(table.shape[1], np.nan), len(whole)
    return whole.var(axis=0, ddof=1), whole.mean(axis=0), len(whole)


def _worths(names: Sequence[str], same: Bools, pairs: Graph) -> list[float]:
    """What the pairs behind each figure are worth at least; the rarer kind decides where both take part."""
    kinds = [same, ~same, same | ~same]
    genuine, impostor, every = (fewest_independent(pairs.part(kind)) for kind in kinds)
    known = {"tar": genuine, "frr": genuine, "far": impostor, "accuracy": every}
    return [known.get(split_name(name)[0], min(genuine, impostor)) for name in names]


def _ends(
    name: str, value: float, variance: float, mean: float, worth: float, level: float
) -> tuple[float, float] | None:
    if math.isnan(value) or (name in UNBOUNDED and not variance > NOTHING):
        return None
    if name not in UNBOUNDED:
        low, high = _bounded(value, variance, worth, level)
        if name == "min_cllr" and mean < value:
            # Its map is fitted to the very pairs it is judged on, and a replicate's to fewer: what that makes the
            # replicates too low by, the figure itself is too low by. Tests show the need: 75 % coverage without.
            high = _bounded(min(1.0, 2 * value - mean), variance, worth, level)[1]
        return low, high
    half = _half(variance, worth, level)
    if name == "cllr":  # a cost is over 0, and its distribution leans to the right: the interval of its logarithm
        return value * math.exp(-half / value), value * math.exp(half / value)
    return value - half, value + half


def _bounded(value: float, variance: float, worth: float, level: float) -> tuple[float, float]:
    known = variance > NOTHING and 0 < value < 1
    return wilson_at(value, value * (1 - value) / (variance * caution(worth, level)) if known else worth, level)


def _difference_ends(
    name: str, difference: float, variance: float, worth: float, level: float
) -> tuple[float, float] | None:
    if math.isnan(difference) or (name in UNBOUNDED and not variance > NOTHING):
        return None
    # Where neither model varies, each may still be off by what so few pairs cannot show.
    half = _half(variance, worth, level) if variance > NOTHING else wilson_at(0.0, worth, level)[1]
    bound = math.inf if name in UNBOUNDED else 1.0
    return max(-bound, difference - half), min(bound, difference + half)


def _p_value(difference: float, variance: float, worth: float) -> float:
    if not variance > NOTHING:
        return 1.0
    freedom = max(worth - 1, 1.0)  # as in `caution`
    return float(2 * stdtr(freedom, -abs(difference) / math.sqrt(variance * (freedom + 1) / freedom)))


def _half(variance: float, worth: float, level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2) * math.sqrt(variance * caution(worth, level))


def _rate(scores: Float64s, same: Bools, pairs: Graph, kind: str, threshold: float, level: float) -> Interval:
    """The interval of a rate at a fixed threshold, from the computed variance."""
    accepted = (scores >= threshold) & (scores > -np.inf)
    if kind == "accuracy":
        result = rate_interval((accepted != same) | (scores == -np.inf), pairs, level)
        return Interval(1 - result.high, 1 - result.low, 0, 0)
    chosen = same if kind == "frr" else ~same
    towards = scores[chosen] if kind == "far" else -scores[chosen]  # rising with the danger of an error
    errors = accepted[chosen] if kind == "far" else ~accepted[chosen]
    looser = None
    if towards.size >= FEW:
        looser = towards >= np.partition(towards, -FEW)[-FEW]
    result = rate_interval(errors, pairs.part(chosen), level, looser)
    return Interval(result.low, result.high, 0, 0)
