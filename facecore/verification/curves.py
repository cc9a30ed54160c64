"""Error rates along the threshold: the DET curve, rates at one threshold, TAR at a budget of false accepts.

Scores, `same` and failed pairs (-inf) are as in `metrics`.
"""

import math
import operator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facecore.verification.metrics import Bools, Floats, TarAtFar, roc, tar_at_far


@dataclass(frozen=True)
class Det:
    """The detection error tradeoff, one point per distinct score, from accepting nothing to accepting all.

    Source: Martin, Doddington, Kamm, Ordowski and Przybocki 1997, "The DET curve in assessment of detection task
    performance". It is drawn on axes of normal deviates (`scipy.stats.norm.ppf` of both rates).

    Attributes:
        far: float64 (M,), rising from 0 to 1.
        frr: float64 (M,), falling from 1 to 0.
        thresholds: float64 (M,), falling; the first is +inf. Point i accepts scores >= thresholds[i].
    """

    far: npt.NDArray[np.float64]
    frr: npt.NDArray[np.float64]
    thresholds: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rate:
    """A share that was counted: `count` of `total` pairs."""

    count: int
    total: int

    @property
    def value(self) -> float:
        """The share itself, 0 to 1."""
        return self.count / self.total

    def to_dict(self) -> dict[str, Any]:
        """The counts and the share, as JSON takes them."""
        return {**asdict(self), "value": self.value}


def det(scores: Floats, same: Bools) -> Det:
    """FAR and FRR at every threshold; equal scores are accepted together.

    Where pairs have failed, the last point (threshold -inf) accepts them too: it belongs to the mathematics of the
    curve and can be reached by no threshold.

    Raises:
        ValueError: as `metrics.roc`.
    """
    curve = roc(scores, same)
    return Det(curve.far, 1 - curve.tar, curve.thresholds)


def tar_at_budget(scores: Floats, same: Bools, false_accepts: int) -> TarAtFar:
    """TAR at the smallest threshold that accepts at most `false_accepts` impostor pairs.

    `target` of the answer is the budget's share of the impostor pairs. Where impostors share the score at the limit all
    of them are rejected, and the FAR reached stays under the target.

    Raises:
        ValueError: as `metrics.roc`, the budget is negative, or so large that every impostor pair could be accepted.
        TypeError: the budget is not a whole number.
    """
    budget, impostors = operator.index(false_accepts), int(np.count_nonzero(~np.asarray(same, np.bool_)))
    if not 0 <= budget < impostors:
        raise ValueError(f"{budget} false accepts are no budget for {impostors} impostor pairs: it must be under that")
    return tar_at_far(scores, same, budget / impostors)


def frr_at(scores: Floats, same: Bools, threshold: float) -> Rate:
    """The share of genuine pairs that one threshold rejects; a failed pair (-inf) is always rejected.

    Raises:
        ValueError: a score or the threshold is NaN, a score is +inf, shapes differ, or no pair is genuine.
    """
    genuine = _of_kind(scores, same, True)
    return Rate(int(genuine.size - np.count_nonzero(_accepted(genuine, threshold))), genuine.size)


def far_at(scores: Floats, same: Bools, threshold: float) -> Rate:
    """The share of impostor pairs that one threshold accepts; a failed pair (-inf) never is.

    Raises:
        ValueError: as `frr_at`, of impostor pairs.
    """
    impostor = _of_kind(scores, same, False)
    return Rate(int(np.count_nonzero(_accepted(impostor, threshold))), impostor.size)


def _of_kind(scores: Floats, same: Bools, kind: bool) -> npt.NDArray[np.float64]:
    values, same = np.asarray(scores, np.float64), np.asarray(same)
    if values.ndim != 1 or same.shape != values.shape or same.dtype != np.bool_:
        raise ValueError(f"scores of shape {values.shape} need as many booleans, not {same.dtype} of {same.shape}")
    if not (values < np.inf).all():
        raise ValueError("scores must be finite, or -inf for failed pairs: NaN or +inf is among them")
    chosen: npt.NDArray[np.float64] = values[same == kind]
    if not chosen.size:
        raise ValueError(f"no {'genuine' if kind else 'impostor'} pair is among the {values.size} pairs")
    return chosen


def _accepted(scores: npt.NDArray[np.float64], threshold: float) -> Bools:
    if math.isnan(threshold):
        raise ValueError("a threshold must be a number, not NaN")
    return (scores >= threshold) & (scores > -np.inf)
