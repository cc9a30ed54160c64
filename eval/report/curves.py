"""The curves of the report as lists of points, few enough to draw and to keep in report.json."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eval.report.sample import Doubles, Sample
from facecore.verification.metrics import roc

POINTS = 400
BINS = 60


@dataclass(frozen=True)
class Histogram:
    """Counts of scores in bins of equal width; `unlabelled` counts pairs without a label."""

    edges: Doubles
    genuine: npt.NDArray[np.int64]
    impostor: npt.NDArray[np.int64]
    unlabelled: npt.NDArray[np.int64]

    def to_dict(self) -> dict[str, Any]:
        """Lists."""
        return {name: value.tolist() for name, value in vars(self).items()}


@dataclass(frozen=True)
class ErrorCurves:
    """Rates at thresholds, all float64 (M,), thresholds falling in the sample's direction.

    Attributes:
        thresholds: accept where score >= threshold; the first may be +inf.
        far: share of impostor pairs accepted, rising.
        frr: share of genuine pairs rejected, falling; failed pairs among them.
        accuracy: share of all pairs that are right; a failed pair is an error.
    """

    thresholds: Doubles
    far: Doubles
    frr: Doubles
    accuracy: Doubles

    def to_dict(self, sign: int) -> dict[str, Any]:
        """Lists, without the first point where its threshold is infinite."""
        finite = np.isfinite(self.thresholds)
        lists = {name: value[finite].tolist() for name, value in vars(self).items()}
        return {**lists, "thresholds": (sign * self.thresholds[finite]).tolist()}


def histogram(scores: Doubles, same: npt.NDArray[np.object_]) -> Histogram | None:
    """Histograms of the scores as given in the table, None where no pair has one.

    Args:
        scores: (N,), NaN or infinite for failed pairs.
        same: (N,) True, False, or None for a pair without a label.
    """
    finite = np.isfinite(scores)
    if not finite.any():
        return None
    scores, same = scores[finite], same[finite]
    low, high = float(scores.min()), float(scores.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    kinds = (np.equal(same, True), np.equal(same, False), np.array([label is None for label in same]))
    genuine, impostor, unlabelled = (np.histogram(scores[kind.astype(bool)], edges)[0] for kind in kinds)
    return Histogram(edges, genuine, impostor, unlabelled)


def error_curves(sample: Sample) -> ErrorCurves | None:
    """The rates at thresholds, None where one kind of pair is absent or none has a score."""
    if not sample.genuine or not sample.impostors or not sample.scored.any():
        return None
    curve = roc(sample.scores, sample.same)
    keep = curve.thresholds > -np.inf  # below the lowest score nothing more is accepted: a failed pair never is
    far, frr, thresholds = curve.far[keep], 1 - curve.tar[keep], curve.thresholds[keep]
    scored = sample.take(sample.scored)
    rejected_right = scored.impostors - far * sample.impostors  # failed impostor pairs are errors too
    accuracy = ((1 - frr) * sample.genuine + rejected_right) / sample.same.size
    places = _thinned(far, frr, thresholds, sample)
    return ErrorCurves(thresholds[places], far[places], frr[places], accuracy[places])


def _thinned(far: Doubles, frr: Doubles, thresholds: Doubles, sample: Sample) -> npt.NDArray[np.intp]:
    """Places of points that draw the same curve: evenly spread along log FAR, log FRR and the threshold."""
    if far.size <= POINTS:
        return np.arange(far.size)
    places = [np.array([0, far.size - 1])]
    for rates, total in ((far, sample.impostors), (frr[::-1], sample.genuine)):
        grid = np.geomspace(1 / total, 1, POINTS // 4)
        found = np.searchsorted(rates, grid).clip(0, far.size - 1)
        places.append(found if rates is far else far.size - 1 - found)
    finite = thresholds[1:]  # the first is +inf
    grid = np.linspace(finite[-1], finite[0], POINTS // 2)
    places.append((far.size - 1 - np.searchsorted(finite[::-1], grid)).clip(1, far.size - 1))
    return np.unique(np.concatenate(places))
