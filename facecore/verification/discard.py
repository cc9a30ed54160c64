"""Error against discard: how the error rates fall when the pairs of the worst quality are left out.

If a measure of quality is worth anything, the pairs that it calls bad hold more than their share of the errors: the
curve falls. Discarding at random leaves the rates where they are, so a level curve is that of a useless measure.

Source: Grother and Tabassi 2007, "Performance of biometric quality measures", IEEE TPAMI 29(4), pp. 531-543 ("error
versus reject"); Schlett et al. 2023, arXiv 2303.13294 ("error versus discard"), on steps and interpolation.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facecore.verification.intervals import wilson

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]

SHARES = tuple(step / 20 for step in range(11))
"""The shares usually looked at: 0 to one half, in steps of 5 %."""


@dataclass(frozen=True)
class DiscardPoint:
    """The errors among the pairs that are left.

    Attributes:
        share: the share of pairs that was to be left out, 0 to 1.
        discarded: pairs left out: at most that share, since pairs of equal quality stay or go together.
        lowest_quality: of the pairs that are left; None where a pair without a quality is among them.
        genuine: genuine pairs that are left.
        false_non_matches: those of them under the threshold, failed pairs included.
        impostors: impostor pairs that are left.
        false_matches: those of them at or above the threshold.
    """

    share: float
    discarded: int
    lowest_quality: float | None
    genuine: int
    false_non_matches: int
    impostors: int
    false_matches: int

    @property
    def fnmr(self) -> float | None:
        """The false non-match rate; None where no genuine pair is left."""
        return self.false_non_matches / self.genuine if self.genuine else None

    @property
    def fmr(self) -> float | None:
        """The false match rate; None where no impostor pair is left."""
        return self.false_matches / self.impostors if self.impostors else None

    @property
    def fnmr_interval(self) -> tuple[float, float] | None:
        """The 95 % Wilson interval of `fnmr`; it takes pairs as independent."""
        return wilson(self.false_non_matches, self.genuine) if self.genuine else None

    @property
    def fmr_interval(self) -> tuple[float, float] | None:
        """The 95 % Wilson interval of `fmr`; it takes pairs as independent."""
        return wilson(self.false_matches, self.impostors) if self.impostors else None

    def to_dict(self) -> dict[str, Any]:
        """Counts, rates and intervals, as JSON takes them."""
        rates: dict[str, Any] = {"fnmr": self.fnmr, "fmr": self.fmr}
        for name, interval in (("fnmr_interval", self.fnmr_interval), ("fmr_interval", self.fmr_interval)):
            rates[name] = list(interval) if interval else None
        return {**asdict(self), **rates}


@dataclass(frozen=True)
class DiscardCurve:
    """Error rates at one threshold, against the share of pairs left out.

    Attributes:
        threshold: a pair is accepted where score >= threshold.
        pairs: number of pairs before any is left out.
        without_quality: those whose quality is not known; they are left out first.
        points: one for each share asked for, in that order.
    """

    threshold: float
    pairs: int
    without_quality: int
    points: tuple[DiscardPoint, ...]

    def to_dict(self) -> dict[str, Any]:
        """The whole curve, as JSON takes it."""
        return {
            "threshold": self.threshold,
            "pairs": self.pairs,
            "without_quality": self.without_quality,
            "points": [point.to_dict() for point in self.points],
        }


def discard_curve(
    scores: Floats, same: Bools, quality: Floats, threshold: float, shares: Sequence[float] = SHARES
) -> DiscardCurve:
    """FNMR and FMR at a fixed threshold with the pairs of the worst quality left out.

    The share counts pairs of both kinds together, as somebody does who refuses photos without knowing whom they show.
    Where genuine and impostor pairs come from photos of different quality, give one kind alone: the curve of Grother
    and Tabassi is that of the genuine pairs. One kind may be absent; its rate is None then.

    Args:
        scores: float (N,), finite, or -inf for failed pairs, which are accepted at no threshold.
        same: bool (N,), True for genuine pairs.
        quality: float (N,), higher is better; of a pair usually the lower one of its two photos,
            `np.minimum(left, right)`. NaN where it is not known, as for photos without a face: worse than any number.
        threshold: accept where score >= threshold; finite.
        shares: shares of pairs to leave out, each 0 <= share < 1, in any order.

    Returns:
        One point for each share, at which at most floor(share * N) pairs are left out, never some of those that share
        one quality.

    Raises:
        ValueError: shapes or types are wrong, there are no pairs, a score is NaN or +inf, the threshold is not finite,
            or a share is outside [0, 1).
    """
    values, same, levels = _checked(scores, same, quality)
    if not math.isfinite(threshold):
        raise ValueError(f"a threshold must be a finite number, not {threshold}")
    accepted = values >= threshold
    unknown = np.isnan(levels)
    ranked = np.where(unknown, -np.inf, levels)
    order = np.argsort(ranked)
    ranked = ranked[order]
    starts = np.concatenate(([0], np.flatnonzero(ranked[1:] != ranked[:-1]) + 1))  # where each distinct quality begins
    before = {
        name: np.concatenate(([0], np.cumsum(kind[order], dtype=np.int64)))
        for name, kind in (
            ("genuine", same),
            ("false_non_matches", same & ~accepted),
            ("impostors", ~same),
            ("false_matches", ~same & accepted),
        )
    }
    points = []
    for share in shares:
        if not 0 <= share < 1:
            raise ValueError(f"a share of pairs to leave out is at least 0 and under 1, not {share}")
        budget = math.floor(share * values.size * (1 + 1e-12))  # 0.29 * 100 is 28.999999999999996
        cut = int(starts[np.searchsorted(starts, budget, side="right") - 1])
        lowest = float(ranked[cut])
        left = {name: int(counts[-1] - counts[cut]) for name, counts in before.items()}
        points.append(DiscardPoint(float(share), cut, lowest if math.isfinite(lowest) else None, **left))
    return DiscardCurve(float(threshold), values.size, int(unknown.sum()), tuple(points))


def _checked(
    scores: Floats, same: Bools, quality: Floats
) -> tuple[npt.NDArray[np.float64], Bools, npt.NDArray[np.float64]]:
    values, same, levels = np.asarray(scores, np.float64), np.asarray(same), np.asarray(quality, np.float64)
    if values.ndim != 1 or same.shape != values.shape or levels.shape != values.shape:
        raise ValueError(
            "scores, `same` and quality must be one-dimensional and equally long, "
            f"not of shapes {values.shape}, {same.shape} and {levels.shape}"
        )
    if same.dtype != np.bool_:
        raise ValueError(f"`same` must be an array of booleans, not of {same.dtype}")
    if not values.size:
        raise ValueError("an error rate needs pairs, and there are none")
    if not (values < np.inf).all():
        raise ValueError("scores must be finite, or -inf for failed pairs: NaN or +inf is among them")
    if np.isinf(levels).any():
        raise ValueError("a quality must be a finite number, or NaN where it is not known")
    return values, same, levels
