"""From the scores of known pairs to a calibration, and the evidence for it on other pairs."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from facecore.verification.calibration import FARS, SAME_FAR, Calibration, Histograms, Threshold
from facecore.verification.intervals import wilson
from facecore.verification.metrics import FEW, Bools, FarThreshold, Floats, auc, eer, tar_at_far, threshold_at_far

BINS = 100
STEPS_PER_DECADE = 10
RIDGE = 1e-9
"""Weight of scale^2 in the loss, in units where it changes no digit that matters: scores that separate perfectly would
have no finite best scale without it."""


def fit(genuine: Floats, impostor: Floats, *, source: dict[str, Any]) -> Calibration:
    """Calibrate on the scores of known pairs.

    Args:
        genuine: cosines of pairs of one person, float (G,), finite.
        impostor: cosines of pairs of two people, float (I,), finite, at least 10,000: a threshold at FAR 1e-3 rests on
            ten false accepts or more.
        source: what the pairs are; must name "data" and "digest", and JSON must be able to hold it.

    Raises:
        ValueError: too few pairs, scores that are no cosines, genuine pairs that do not score higher than impostor
            pairs, or a source that lacks something.
    """
    genuine, impostor = _cosines(genuine, "genuine"), _cosines(impostor, "impostor")
    fewest = math.ceil(FEW / SAME_FAR)
    if genuine.size < FEW or impostor.size < fewest:
        raise ValueError(
            f"a calibration needs at least {FEW} genuine and {fewest:,} impostor pairs, "
            f"and these are {genuine.size:,} and {impostor.size:,}"
        )
    scale, offset = _logistic(genuine, impostor)
    one_in, scores = _strangers(impostor)
    thresholds = tuple(_threshold(genuine, impostor, far) for far in FARS)
    return Calibration(scale, offset, thresholds, one_in, scores, _histograms(genuine, impostor), source)


def evidence(calibration: Calibration, scores: Floats, same: Bools, pool: npt.NDArray[Any]) -> dict[str, Any]:
    """Figures on pairs that the calibration has not seen.

    Args:
        calibration: its shipped threshold is judged.
        scores: float (N,).
        same: bool (N,).
        pool: text (N,), the pool that an impostor pair is from; genuine pairs count in every pool.

    Returns:
        For each pool of impostors, and for "all" of them: counts, AUC, EER, TAR at the rates of `FARS`, and rates and
        accuracy at the shipped threshold, all with 95 % Wilson intervals, which take pairs as independent.
        "accuracy" is over all pairs, "balanced_accuracy" the mean of TAR and 1 - FAR, as if both kinds were equally
        frequent.

    Raises:
        ValueError: as `metrics.roc`.
    """
    scores, same, pool = np.asarray(scores), np.asarray(same), np.asarray(pool)
    if pool.shape != scores.shape:
        raise ValueError(f"{pool.size} pools for {scores.size} scores")
    names = [str(name) for name in np.unique(pool[~same])]
    figures = {}
    for name in [*names, "all"]:
        chosen = same | (pool == name) if name != "all" else np.ones(same.shape, np.bool_)
        figures[name] = _figures(scores[chosen], same[chosen], calibration.threshold)
    return figures


def _figures(scores: Floats, same: Bools, threshold: float) -> dict[str, Any]:
    at_far = [tar_at_far(scores, same, far) for far in FARS]
    accepted = scores.astype(np.float64) >= threshold
    genuine, impostors = int(same.sum()), int((~same).sum())
    true, false = int((accepted & same).sum()), int((accepted & ~same).sum())
    right = int(((accepted == same) & (scores > -np.inf)).sum())
    return {
        "genuine": genuine,
        "impostors": impostors,
        "auc": auc(scores, same),
        "eer": eer(scores, same),
        "tar_at_far": [{**at.to_dict(), "tar_interval": list(wilson(at.true_accepts, genuine))} for at in at_far],
        "at_threshold": {
            "threshold": threshold,
            "far": false / impostors,
            "far_interval": list(wilson(false, impostors)),
            "false_accepts": false,
            "tar": true / genuine,
            "tar_interval": list(wilson(true, genuine)),
            "true_accepts": true,
            "accuracy": right / scores.size,
            "accuracy_interval": list(wilson(right, scores.size)),
            "balanced_accuracy": (true / genuine + 1 - false / impostors) / 2,
        },
    }


def _cosines(scores: Floats, kind: str) -> npt.NDArray[np.float64]:
    values = np.asarray(scores, np.float64)
    if values.ndim != 1 or not (np.abs(values) <= 1.001).all():
        raise ValueError(f"the {kind} scores must be a one-dimensional array of cosines, from -1 to 1")
    return values


def _logistic(genuine: npt.NDArray[np.float64], impostor: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Scale and offset of least logistic loss, each kind of pair with half of the weight (Cox 1958; Platt 1999)."""
    centre = (genuine.mean() + impostor.mean()) / 2
    spread = max(float((genuine.std() + impostor.std()) / 2), 1e-6)
    scores = (np.concatenate([genuine, impostor]) - centre) / spread  # the search is quick in these units
    sign = np.concatenate([np.ones(genuine.size), -np.ones(impostor.size)])
    weight = np.concatenate([np.full(genuine.size, 0.5 / genuine.size), np.full(impostor.size, 0.5 / impostor.size)])
    design = np.stack([scores, np.ones_like(scores)], axis=1)

    def loss(line: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        margin = sign * (design @ line)
        miss = np.exp(-np.logaddexp(0, margin))  # the probability that the line gives to the wrong kind
        value = float(weight @ np.logaddexp(0, -margin)) + RIDGE / 2 * float(line[0] ** 2)
        return value, -(weight * sign * miss) @ design + RIDGE * np.array([line[0], 0.0])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS", options={"gtol": 1e-9})
    scale = float(found.x[0] / spread)
    if not genuine.mean() > impostor.mean() or not scale > 0:
        raise ValueError("genuine pairs do not score higher than impostor pairs: the scores say nothing about people")
    return scale, float(found.x[1] - scale * centre)


def _threshold(genuine: npt.NDArray[np.float64], impostor: npt.NDArray[np.float64], far: float) -> Threshold:
    at = threshold_at_far(impostor, far)
    if at.false_accepts < FEW:
        reason = (
            f"only {at.false_accepts} of {impostor.size:,} impostor pairs lie above a threshold at FAR {far:g}, "
            f"and it needs at least {FEW}"
        )
        return Threshold(far, None, None, None, impostor.size, None, genuine.size, reason)
    # The interval of a quantile is read off at the ends of the interval of its rate (Woodruff 1952).
    low_rate, high_rate = wilson(at.false_accepts, impostor.size)
    interval = (threshold_at_far(impostor, high_rate).threshold, threshold_at_far(impostor, low_rate).threshold)
    true = int(np.count_nonzero(genuine >= at.threshold))
    return Threshold(far, at.threshold, interval, at.false_accepts, impostor.size, true, genuine.size)


def _strangers(impostor: npt.NDArray[np.float64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Rows "1 in N scores at least s", N rising in ten steps a decade until ten pairs are left."""
    ordered = np.sort(impostor)
    rarest = impostor.size / FEW
    steps = 10 ** (np.arange(1, math.ceil(math.log10(rarest) * STEPS_PER_DECADE)) / STEPS_PER_DECADE)
    lowest = FarThreshold(1.0, 1.0, impostor.size, impostor.size, float(ordered[0]))
    rows = [lowest] + [threshold_at_far(ordered, 1 / n) for n in [*steps, rarest]]
    table = {row.threshold: row.impostors / row.false_accepts for row in rows if row.false_accepts >= FEW}
    return tuple(table.values()), tuple(table)


def _histograms(genuine: npt.NDArray[np.float64], impostor: npt.NDArray[np.float64]) -> Histograms:
    low = float(min(genuine.min(), impostor.min()))
    high = float(max(genuine.max(), impostor.max()))
    counts = [np.histogram(scores, BINS, (low, high))[0].tolist() for scores in (genuine, impostor)]
    return Histograms(low, high, tuple(counts[0]), tuple(counts[1]))
