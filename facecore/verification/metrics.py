"""How well scores separate genuine from impostor pairs.

Every function takes `scores`, a float array (N,), and `same`, a bool array (N,), True for genuine pairs, and accepts a
pair where score >= threshold. Scores are finite, or -inf for a pair that could not be scored because no face was found:
such a pair is accepted at no threshold, so rates over all pairs are the generalised ones of NIST's reports (a failure
counts as a non-match), and it is an error where accuracy is counted. Leave those pairs out for figures over scored
pairs alone. NaN and +inf are refused.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]

FEW = 10
"""A rate that rests on fewer false accepts than this is marked as such."""


@dataclass(frozen=True)
class Roc:
    """The receiver operating characteristic, one point per distinct score, from accepting nothing to accepting all.

    Attributes:
        far: float64 (M,), rising from 0 to 1.
        tar: float64 (M,), rising from 0 to 1.
        thresholds: float64 (M,), falling; the first is +inf. Point i accepts scores >= thresholds[i].
    """

    far: npt.NDArray[np.float64]
    tar: npt.NDArray[np.float64]
    thresholds: npt.NDArray[np.float64]


@dataclass(frozen=True)
class FarThreshold:
    """A threshold that keeps to a budget of false accepts.

    Attributes:
        target: the FAR that was asked for.
        far: the FAR reached, at most the target.
        false_accepts: impostor pairs at or above the threshold.
        impostors: number of impostor pairs.
        threshold: accept where score >= threshold.
    """

    target: float
    far: float
    false_accepts: int
    impostors: int
    threshold: float


@dataclass(frozen=True)
class TarAtFar:
    """The share of genuine pairs that is accepted at a FAR.

    Attributes:
        target: the FAR that was asked for.
        far: the FAR reached, at most the target.
        false_accepts: impostor pairs at or above the threshold.
        impostors: number of impostor pairs.
        tar: share of genuine pairs at or above the threshold.
        true_accepts: their number.
        genuine: number of genuine pairs.
        threshold: accept where score >= threshold.
    """

    target: float
    far: float
    false_accepts: int
    impostors: int
    tar: float
    true_accepts: int
    genuine: int
    threshold: float

    @property
    def few(self) -> bool:
        """Whether the threshold rests on so few false accepts that the figure is shaky."""
        return self.false_accepts < FEW

    def to_dict(self) -> dict[str, Any]:
        """All figures and `few`, as JSON takes them."""
        return {**asdict(self), "few": self.few}


@dataclass(frozen=True)
class Accuracy:
    """The best accuracy that one threshold gives, and that threshold."""

    accuracy: float
    threshold: float


@dataclass(frozen=True)
class KFold:
    """Accuracy over folds, each with the threshold that is best on the others.

    Attributes:
        mean: of the folds' accuracies.
        standard_error: of that mean.
        accuracies: one per fold, in the order of the sorted fold names.
        thresholds: the one used for each fold.
    """

    mean: float
    standard_error: float
    accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]


def roc(scores: Floats, same: Bools) -> Roc:
    """FAR and TAR at every threshold; equal scores are accepted together.

    Raises:
        ValueError: shapes or types are wrong, a score is NaN or +inf, or one kind of pair is absent.
    """
    scores, same = _checked(scores, same)
    ends, accepted, true = _cuts(*_descending(scores, same))
    false = accepted - true
    thresholds = np.concatenate(([np.inf], ends))
    return Roc(false / false[-1], true / true[-1], thresholds)


def auc(scores: Floats, same: Bools) -> float:
    """The area under the ROC: how often a genuine pair scores above an impostor pair, a tie counting one half.

    Raises:
        ValueError: as `roc`.
    """
    curve = roc(scores, same)
    return float(np.trapezoid(curve.tar, curve.far))


def eer(scores: Floats, same: Bools) -> float:
    """The equal error rate: where the share of impostors accepted equals the share of genuine pairs rejected.

    Between the two neighbouring points of the ROC that enclose this place, the curve is taken as a straight line (not
    its convex hull, which would give a lower figure). Source of the definition: ISO/IEC 19795-1.

    Raises:
        ValueError: as `roc`.
    """
    curve = roc(scores, same)
    difference = curve.far - (1 - curve.tar)  # from -1 to 1, never falling
    right = int(np.argmax(difference >= 0))
    left = right - 1
    part = -difference[left] / (difference[right] - difference[left])
    return float(curve.far[left] + part * (curve.far[right] - curve.far[left]))


def threshold_at_far(impostor_scores: Floats, far: float) -> FarThreshold:
    """The smallest threshold at which at most floor(far * n) of the n impostor pairs are accepted.

    It lies one floating-point step, of the scores' own type, above the highest impostor score that has to be
    rejected. Where several impostors share that score, all of them are rejected, and the FAR reached stays under the
    target.

    Args:
        impostor_scores: float (n,); -inf for failed pairs, which count in n.
        far: the target, 0 <= far < 1.

    Raises:
        ValueError: no scores, a NaN or +inf among them, or a target outside [0, 1).
    """
    impostor = _checked_scores(impostor_scores)
    if not impostor.size:
        raise ValueError("a threshold at a FAR needs impostor pairs, and there are none")
    if not 0 <= far < 1:
        raise ValueError(f"a FAR target is at least 0 and under 1, not {far}")
    n = impostor.size
    # 0.29 * 100 is 28.999999999999996 in floating point, and 29 is what was meant.
    budget = min(math.floor(far * n * (1 + 1e-12)), n - 1)
    rejected = np.partition(impostor, n - 1 - budget)[n - 1 - budget]
    threshold = np.nextafter(rejected, impostor.dtype.type(np.inf))
    accepts = int(np.count_nonzero(impostor >= threshold))
    return FarThreshold(float(far), accepts / n, accepts, n, float(threshold))


def tar_at_far(scores: Floats, same: Bools, far: float) -> TarAtFar:
    """TAR at the threshold of `threshold_at_far`.

    Raises:
        ValueError: as `roc` and `threshold_at_far`.
    """
    scores, same = _checked(scores, same)
    at = threshold_at_far(scores[~same], far)
    genuine = int(same.sum())
    true = int(np.count_nonzero(scores[same].astype(np.float64) >= at.threshold))
    return TarAtFar(at.target, at.far, at.false_accepts, at.impostors, true / genuine, true, genuine, at.threshold)


def accuracy_at(scores: Floats, same: Bools, threshold: float) -> float:
    """The share of pairs that one threshold gets right; a failed pair (-inf) is an error.

    Raises:
        ValueError: as `roc`, or the threshold is NaN.
    """
    scores, same = _checked(scores, same)
    if math.isnan(threshold):
        raise ValueError("a threshold must be a number, not NaN")
    scores = scores.astype(np.float64)
    return float(np.mean(((scores >= threshold) == same) & (scores > -np.inf)))


def best_accuracy(scores: Floats, same: Bools) -> Accuracy:
    """The highest accuracy that any threshold gives on these very pairs: a figure for choosing, not for reporting.

    The threshold lies midway between the lowest score accepted and the highest rejected; of several that are equally
    good the strictest is taken.

    Raises:
        ValueError: as `roc`, or every pair has failed.
    """
    scores, same = _checked(scores, same)
    finite = scores > -np.inf
    if not finite.any():
        raise ValueError("no pair has a score: every one of them failed")
    ordered, genuine = _descending(scores[finite], same[finite])
    lowest, accepted, true = _cuts(ordered, genuine)
    impostors = genuine.size - int(genuine.sum())
    right = true + impostors - (accepted - true)
    best = int(np.argmax(right))
    return Accuracy(float(right[best] / scores.size), _between(lowest, best))


def k_fold_accuracy(scores: Floats, same: Bools, fold: npt.NDArray[Any]) -> KFold:
    """Accuracy on each fold with the threshold that is best on all others, as LFW's View 2 prescribes.

    Source: Huang, Ramesh, Berg and Learned-Miller 2007, "Labeled Faces in the Wild", section on View 2: mean accuracy
    of the folds, and its standard error, sigma / sqrt(folds) with sigma the folds' sample standard deviation.

    Args:
        scores: float (N,).
        same: bool (N,).
        fold: (N,), any values that can be sorted, one per fold.

    Raises:
        ValueError: as `best_accuracy`, fewer than two folds, or folds of another shape.
    """
    scores, same = _checked(scores, same)
    names, fold = np.unique(np.asarray(fold), return_inverse=True)
    if fold.shape != scores.shape:
        raise ValueError(f"{fold.size} fold numbers for {scores.size} scores")
    if len(names) < 2:
        raise ValueError("accuracy over folds needs at least two folds: the threshold comes from the others")
    order = np.argsort(-scores, kind="stable")  # sorted once: each fold's own sort then finds its work done
    scores, same, fold = scores[order], same[order], fold[order]
    thresholds, accuracies = [], []
    for number in range(len(names)):
        held_out = fold == number
        threshold = best_accuracy(scores[~held_out], same[~held_out]).threshold
        thresholds.append(threshold)
        inside = scores[held_out].astype(np.float64)
        accuracies.append(float(np.mean(((inside >= threshold) == same[held_out]) & (inside > -np.inf))))
    error = float(np.std(accuracies, ddof=1) / math.sqrt(len(names)))
    return KFold(float(np.mean(accuracies)), error, tuple(accuracies), tuple(thresholds))


def _checked_scores(scores: Floats) -> Floats:
    scores = np.asarray(scores)
    if scores.ndim != 1:
        raise ValueError(f"scores must be one-dimensional, not of shape {scores.shape}")
    if scores.dtype not in (np.float32, np.float64):
        scores = scores.astype(np.float64)
    if not (scores < np.inf).all():
        raise ValueError("scores must be finite, or -inf for failed pairs: NaN or +inf is among them")
    return scores


def _checked(scores: Floats, same: Bools) -> tuple[Floats, Bools]:
    scores, same = _checked_scores(scores), np.asarray(same)
    if same.dtype != np.bool_:
        raise ValueError(f"`same` must be an array of booleans, not of {same.dtype}")
    if same.shape != scores.shape:
        raise ValueError(f"`same` has shape {same.shape}, the scores have {scores.shape}")
    for kind, absent in (("genuine", not same.any()), ("impostor", bool(same.all()))):
        if absent:
            raise ValueError(f"no {kind} pair is among the {scores.size} pairs, and this figure needs both kinds")
    return scores, same


def _descending(scores: Floats, same: Bools) -> tuple[Floats, Bools]:
    order = np.argsort(-scores, kind="stable")
    return scores[order], same[order]


def _cuts(scores: Floats, same: Bools) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For descending scores: the distinct scores (M,), and the pairs and genuine pairs at or above each, after a 0."""
    last = np.append(np.flatnonzero(scores[1:] != scores[:-1]), scores.size - 1)
    accepted = np.concatenate(([0], last + 1))
    true = np.concatenate(([0], np.cumsum(same, dtype=np.int64)[last]))
    return scores[last].astype(np.float64), accepted, true


def _between(distinct: npt.NDArray[np.float64], cut: int) -> float:
    """A threshold that accepts the first `cut` of the distinct, descending scores and no more."""
    if cut == 0:
        return float(np.nextafter(distinct[0], np.inf))
    if cut == distinct.size:
        return float(distinct[-1])
    accepted, rejected = distinct[cut - 1], distinct[cut]
    middle = rejected / 2 + accepted / 2
    return float(middle if rejected < middle <= accepted else accepted)
