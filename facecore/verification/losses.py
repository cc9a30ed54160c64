"""How good scores are as evidence, and probabilities as probabilities.

A log-likelihood ratio is the natural logarithm of "how many times more likely is this score for two photos of one
person than for photos of two". At prior 0.5 it is the log-odds of the probability.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

from facecore.verification.intervals import wilson
from facecore.verification.metrics import Bools, Floats

Float64s = npt.NDArray[np.float64]

ROUNDING = 1e-9
"""Scores that differ by less than this share of the largest differ by rounding alone."""


@dataclass(frozen=True)
class Reliability:
    """Probabilities against what came true, in bins of equal width.

    Attributes:
        edges: float64 (B + 1,), from 0 to 1; a bin holds its lower edge, the last also 1.
        mean_probability: float64 (B,), NaN for an empty bin; so are `share_same`, `low` and `high`.
        share_same: float64 (B,), the share of genuine pairs.
        counts: int64 (B,), pairs in the bin, unweighted.
        low: float64 (B,), lower end of the interval of `share_same`, which takes pairs as independent.
        high: float64 (B,), its upper end.
        calibration_error: the mean of |mean_probability - share_same|, each bin with its weight (the expected
            calibration error of Naeini, Cooper and Hauskrecht 2015).
    """

    edges: Float64s
    mean_probability: Float64s
    share_same: Float64s
    counts: npt.NDArray[np.int64]
    low: Float64s
    high: Float64s
    calibration_error: float

    def to_dict(self) -> dict[str, Any]:
        """All figures, as JSON takes them: None for NaN."""
        columns = {name: getattr(self, name) for name in ("mean_probability", "share_same", "low", "high")}
        return {
            "edges": self.edges.tolist(),
            **{name: [None if math.isnan(v) else v for v in column.tolist()] for name, column in columns.items()},
            "counts": self.counts.tolist(),
            "calibration_error": self.calibration_error,
        }


def d_prime(genuine: Floats, impostor: Floats) -> float:
    """The distance between the mean scores of both kinds, in units of their root mean square standard deviation.

    Source: Daugman 2000, "Biometric decision landscapes", equation of d'; sample standard deviations (n - 1).

    Args:
        genuine: float (G,), finite, at least two.
        impostor: float (I,), finite, at least two.

    Raises:
        ValueError: too few scores, a score that is not finite, or no spread in either kind.
    """
    kinds = [np.asarray(scores, np.float64) for scores in (genuine, impostor)]
    if any(scores.ndim != 1 or scores.size < 2 or not np.isfinite(scores).all() for scores in kinds):
        raise ValueError("d' needs at least two finite scores of each kind of pair")
    spread = math.sqrt((kinds[0].var(ddof=1) + kinds[1].var(ddof=1)) / 2)
    if spread <= ROUNDING * max(np.abs(scores).max() for scores in kinds):
        raise ValueError("d' needs scores that differ: within each kind of pair all are equal")
    return float((kinds[0].mean() - kinds[1].mean()) / spread)


def cllr(genuine_llr: Floats, impostor_llr: Floats) -> float:
    """The cost of log-likelihood ratios in bits: 0 for perfect ones, 1 for those that say nothing (all 0).

    Source: Brümmer and du Preez 2006, "Application-independent evaluation of speaker detection", equation of C_llr.

    Args:
        genuine_llr: float (G,), natural logarithms; +inf and -inf are allowed, -inf makes the cost infinite.
        impostor_llr: float (I,), likewise.

    Raises:
        ValueError: one kind is absent, or a NaN is among the values.
    """
    genuine, impostor = np.asarray(genuine_llr, np.float64), np.asarray(impostor_llr, np.float64)
    for values in (genuine, impostor):
        if values.ndim != 1 or not values.size or np.isnan(values).any():
            raise ValueError("Cllr needs log-likelihood ratios of both kinds of pairs, none of them NaN")
    return float(bits(genuine).mean() + bits(-impostor).mean()) / 2


def bits(llr: Float64s) -> Float64s:
    """The cost log2(1 + exp(-llr)) of each log-likelihood ratio of a genuine pair (negate those of impostors)."""
    costs: Float64s = np.logaddexp(0, -llr) / math.log(2)
    return costs


def min_cllr(scores: Floats, same: Bools) -> float:
    """Cllr after the best rising map from scores to likelihood ratios: what calibration cannot mend.

    The map comes from pooling adjacent violators; equal scores get one ratio. Pools of one kind alone, as at both ends,
    get an infinite ratio, and cost nothing. Source: Brümmer and du Preez 2006, section on discrimination and
    calibration loss.

    Args:
        scores: float (N,), finite.
        same: bool (N,).

    Raises:
        ValueError: a score is not finite, shapes differ, or one kind of pair is absent.
    """
    values, same = np.asarray(scores, np.float64), np.asarray(same)
    if values.ndim != 1 or same.shape != values.shape or same.dtype != np.bool_ or not np.isfinite(values).all():
        raise ValueError("the minimum of Cllr needs one finite score and one boolean for each pair")
    if not same.any() or same.all():
        raise ValueError(f"both kinds of pairs are needed, and all {values.size} are of one kind")
    distinct, place = np.unique(values, return_inverse=True)
    genuine = np.bincount(place[same], minlength=distinct.size)
    impostor = np.bincount(place[~same], minlength=distinct.size)
    return pooled_cllr(genuine / genuine.sum(), impostor / impostor.sum())


def pooled_cllr(genuine: Float64s, impostor: Float64s) -> float:
    """`min_cllr` from the share of either kind of pair at each distinct score.

    Args:
        genuine: float64 (M,), in order of rising score, sum 1; places where both shares are 0 do no harm.
        impostor: float64 (M,), likewise.
    """
    weight = genuine + impostor
    held = weight > 0
    genuine, impostor, weight = genuine[held], impostor[held], weight[held]
    starts = isotonic_regression(genuine / weight, weights=weight).blocks[:-1]
    genuine, impostor = np.add.reduceat(genuine, starts), np.add.reduceat(impostor, starts)
    pools = [(share[share > 0], (genuine + impostor)[share > 0]) for share in (genuine, impostor)]
    return float(sum((share * np.log2(both / share)).sum() for share, both in pools) / 2)


def reliability(
    probabilities: Floats, same: Bools, bins: int = 10, balanced: bool = True, level: float = 0.95
) -> Reliability:
    """Of the pairs that were given probability p, the share that is genuine.

    Args:
        probabilities: float (N,), 0 to 1; leave failed pairs out.
        same: bool (N,).
        bins: of equal width.
        balanced: each kind of pair has half of the weight, as probabilities at prior 0.5 promise; otherwise each pair
            counts once.
        level: confidence of the intervals: Wilson's, of the unweighted share, carried over by its odds.

    Raises:
        ValueError: a probability outside [0, 1] or NaN, shapes differ, no pair, or, balanced, one kind is absent.
    """
    values, same = np.asarray(probabilities, np.float64), np.asarray(same)
    if values.ndim != 1 or same.shape != values.shape or same.dtype != np.bool_ or not values.size:
        raise ValueError("reliability needs one probability and one boolean for each pair, and at least one pair")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("probabilities lie from 0 to 1, and one of these does not")
    if bins < 1:
        raise ValueError(f"at least one bin is needed, not {bins}")
    if balanced and (not same.any() or same.all()):
        raise ValueError(f"both kinds of pairs are needed, and all {values.size} are of one kind")
    odds = (~same).sum() / same.sum() if balanced else 1.0  # weight of a genuine pair, that of an impostor being 1
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    weights = np.where(same, odds, 1.0)
    total = np.bincount(place, weights, bins)
    counts = np.bincount(place, minlength=bins)
    genuine = np.bincount(place[same], minlength=bins)
    with np.errstate(invalid="ignore"):  # empty bins become NaN
        mean = np.bincount(place, weights * values, bins) / total
        share = genuine * odds / total
    ends = [wilson(int(g), int(n), level) if n else (math.nan, math.nan) for g, n in zip(genuine, counts, strict=True)]
    low, high = (odds * end / (odds * end + 1 - end) for end in np.array(ends).T)
    error = float(np.nansum(np.abs(mean - share) * total) / total.sum())
    return Reliability(edges, mean, share, counts.astype(np.int64), low, high, error)
