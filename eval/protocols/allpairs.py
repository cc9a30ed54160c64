"""All pairs of many photos: a blocked product of matrices, and what it takes to state TAR at FAR from it.

N photos make N (N - 1) / 2 pairs, 87 million of them in LFW, far too many to keep. Kept are the scores of all genuine
pairs, the highest impostor scores, and a histogram of all impostor scores. So every threshold that accepts few
impostors is exact, and memory does not grow with the number of impostor pairs.

A pair with a photo that has no embedding counts as a non-match, whichever kind it is (see `metrics`).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eval.protocols.tally import BINS, RESOLUTION, Codes, Highest, Scores, Tally, bins, go_through
from facecore.verification.metrics import TarAtFar

FARS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)

EXACT = 4_000_000
"""Impostor scores that are kept, 16 MB: enough for FAR 1e-2 of LFW's 87 million, and for 1e-3 of 4,000 million."""


@dataclass(frozen=True)
class Counts:
    """Accepted pairs at one threshold, exact."""

    threshold: float
    false_accepts: int
    impostors: int
    true_accepts: int
    genuine: int

    def to_dict(self) -> dict[str, Any]:
        """All counts, and the two rates (None where there are no such pairs)."""
        far = self.false_accepts / self.impostors if self.impostors else None
        tar = self.true_accepts / self.genuine if self.genuine else None
        return {**asdict(self), "far": far, "tar": tar}


@dataclass(frozen=True)
class AllPairs:
    """What all pairs of some photos say.

    Attributes:
        photos: their number.
        failed_photos: those without an embedding.
        people: number of distinct codes.
        genuine: pairs of one person, those with a failed photo included.
        impostors: pairs of two people, likewise.
        failed_genuine: genuine pairs with a failed photo.
        failed_impostors: impostor pairs with one.
        genuine_scores: float32 (genuine - failed_genuine,), rising.
        auc: area under the ROC, from the histogram; None where one kind of pair is absent.
        auc_error: the exact area is no further from `auc` than this.
        tar: for each rate that allows a false accept, failed pairs being non-matches.
        tar_scored: the same over the pairs with a score alone.
        exact: the rates whose thresholds are exact; the others are good to `RESOLUTION`.
        at_threshold: at the threshold that was asked about, None without one.
    """

    photos: int
    failed_photos: int
    people: int
    genuine: int
    impostors: int
    failed_genuine: int
    failed_impostors: int
    genuine_scores: Scores
    auc: float | None
    auc_error: float | None
    tar: tuple[TarAtFar, ...]
    tar_scored: tuple[TarAtFar, ...]
    exact: tuple[float, ...]
    at_threshold: Counts | None

    def to_dict(self) -> dict[str, Any]:
        """Everything but the scores, as JSON takes it."""
        content = dict(vars(self))
        del content["genuine_scores"]
        content["tar"] = [{**at.to_dict(), "exact": at.target in self.exact} for at in self.tar]
        content["tar_scored"] = [{**at.to_dict(), "exact": at.target in self.exact} for at in self.tar_scored]
        content["exact"] = list(self.exact)
        content["at_threshold"] = self.at_threshold and self.at_threshold.to_dict()
        return content


def all_pairs(
    matrix: npt.NDArray[np.float32],
    codes: Codes,
    fars: Sequence[float] = FARS,
    threshold: float | None = None,
    keep: int = EXACT,
) -> AllPairs:
    """Compare each of N photos with each other one.

    Memory: the matrix once more, 8 bytes for each genuine pair, 24 bytes for each of `keep` at most, and some 50 MB.

    Args:
        matrix: (N, D) float32, rows of length one; a row of NaN stands for a photo without an embedding.
        codes: (N,) int, equal for photos of one person.
        fars: rates at which TAR is wanted, each at least 0 and under 1. Those that allow no false accept are left out.
        threshold: count what a threshold accepts, as well.
        keep: impostor scores that are kept at most.

    Raises:
        ValueError: shapes do not fit, a rate is out of range, or there are not two photos.
    """
    codes = np.asarray(codes)
    if matrix.ndim != 2 or codes.shape != matrix.shape[:1] or len(matrix) < 2:
        raise ValueError(f"all pairs need two photos and a code for each: shapes {matrix.shape} and {codes.shape}")
    if bad := [far for far in fars if not 0 <= far < 1]:
        raise ValueError(f"a FAR target is at least 0 and under 1, not {bad[0]}")
    scored = np.isfinite(matrix).all(axis=1)
    order = np.flatnonzero(scored)[np.argsort(codes[scored], kind="stable")]
    genuine, impostors = _count(codes)
    scored_genuine, scored_impostors = _count(codes[scored])
    wanted = [far for far in fars if _budget(far, impostors) > 0]
    ranks_needed = [_budget(far, impostors) + 1 for far in wanted]
    highest = Highest(max((rank for rank in ranks_needed if rank <= keep), default=0))
    tally = Tally(highest, np.zeros(BINS, np.int64), threshold)
    genuine_scores = go_through(np.ascontiguousarray(matrix[order], np.float32), codes[order], tally)
    ranks = _Ranks(highest.sorted(), tally.histogram, genuine_scores)
    exact = tuple(far for far in wanted if ranks.knows(_budget(far, impostors)))
    auc, error = _auc(genuine_scores, tally.histogram, genuine - scored_genuine, impostors - scored_impostors)
    return AllPairs(
        photos=len(matrix),
        failed_photos=int((~scored).sum()),
        people=int(np.unique(codes).size),
        genuine=genuine,
        impostors=impostors,
        failed_genuine=genuine - scored_genuine,
        failed_impostors=impostors - scored_impostors,
        genuine_scores=genuine_scores,
        auc=auc,
        auc_error=error,
        tar=tuple(ranks.tar(far, genuine, impostors) for far in wanted if genuine),
        tar_scored=tuple(
            ranks.tar(far, scored_genuine, scored_impostors)
            for far in wanted
            if scored_genuine and _budget(far, scored_impostors) > 0
        ),
        exact=exact,
        at_threshold=None
        if threshold is None
        else Counts(
            threshold, tally.false_accepts, impostors, int(np.count_nonzero(genuine_scores >= threshold)), genuine
        ),
    )


@dataclass(frozen=True)
class _Ranks:
    """Thresholds and the pairs they accept.

    Attributes:
        top: the highest impostor scores, falling.
        histogram: of all impostor scores.
        genuine: scores, rising.
    """

    top: Scores
    histogram: npt.NDArray[np.int64]
    genuine: Scores

    def knows(self, budget: int) -> bool:
        """Whether the score at this rank is held, or is that of a failed pair."""
        return budget < self.top.size or self.top.size == self.histogram.sum()

    def tar(self, far: float, genuine: int, impostors: int) -> TarAtFar:
        """As `metrics.tar_at_far`, for pairs of which some have failed."""
        budget = _budget(far, impostors)
        if self.knows(budget):
            rejected = self.top[budget] if budget < self.top.size else np.float32(-np.inf)
            limit = np.nextafter(rejected, np.float32(np.inf))
            false = int(np.count_nonzero(self.top >= limit))
            true = int(np.count_nonzero(self.genuine >= limit))
            threshold = float(limit)
        else:
            above = np.cumsum(self.histogram[::-1])[::-1]  # scores in this bin and above it
            lowest = int(np.argmax(above <= budget)) if above[-1] <= budget else BINS
            false = int(above[lowest]) if lowest < BINS else 0
            true = int(np.count_nonzero(bins(self.genuine) >= lowest))
            threshold = lowest * RESOLUTION - 1
        return TarAtFar(far, false / impostors, false, impostors, true / genuine, true, genuine, threshold)


def _budget(far: float, impostors: int) -> int:
    """False accepts that a rate allows, as in `metrics.threshold_at_far`."""
    return max(0, min(math.floor(far * impostors * (1 + 1e-12)), impostors - 1))


def _count(codes: Codes) -> tuple[int, int]:
    """Genuine and impostor pairs among photos with these codes."""
    each = np.unique(codes, return_counts=True)[1].astype(np.int64)
    genuine = int((each * (each - 1) // 2).sum())
    return genuine, codes.size * (codes.size - 1) // 2 - genuine


def _auc(
    genuine: Scores, histogram: npt.NDArray[np.int64], failed_genuine: int, failed_impostors: int
) -> tuple[float | None, float | None]:
    """The area, and how far off it can be, since scores in one bin count as ties."""
    all_genuine, all_impostors = genuine.size + failed_genuine, int(histogram.sum()) + failed_impostors
    if not all_genuine or not all_impostors:
        return None, None
    places = bins(genuine)
    below = np.cumsum(histogram) - histogram
    ties = int(histogram[places].sum())
    won = int(below[places].sum()) + genuine.size * failed_impostors
    pairs = all_genuine * all_impostors
    return (won + (ties + failed_genuine * failed_impostors) / 2) / pairs, ties / 2 / pairs
