"""How strict the page is: the score from which on it says "same person", and what each choice costs."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from facecore.results import Comparison
from facecore.verification.calibration import Calibration, Histograms, Threshold, Verdict

Strictness = Literal["fewer false matches", "balanced", "fewer misses"]

BALANCED: Strictness = "balanced"
FARS: dict[Strictness, float] = {"fewer false matches": 1e-4, "balanced": 1e-3, "fewer misses": 1e-2}
"""The false accept rate behind each choice, the strictest first."""


@dataclass(frozen=True)
class Setting:
    """One choice for one model.

    Attributes:
        threshold: the score from which on the answer is "same".
        low: the score below which it is "different"; between the two it is "uncertain".
        missed: share of pairs of one person that score under the threshold, 0..1, among those of the calibration; None
            where it holds none.
        strangers: N of "1 in N pairs of strangers reaches the threshold".
    """

    threshold: float
    low: float
    missed: float | None
    strangers: float

    def verdict(self, score: float) -> Verdict:
        """The answer to a score."""
        return "same" if score >= self.threshold else "different" if score < self.low else "uncertain"


def settings(calibration: Calibration | None) -> dict[Strictness, Setting]:
    """The choices that a model offers, the strictest first; none without a calibration.

    "balanced" is how the library judges by itself. The others move the score from which on the answer is "same" to the
    threshold at another false accept rate, but never to where different people are the likelier answer. The score
    below which it is "different" stays, so that "different" keeps its meaning. A choice whose rate the calibration
    does not carry, or that would change nothing, is left out.
    """
    if calibration is None:
        return {}
    low, balanced = calibration.limits()
    measured = {threshold.far: threshold for threshold in calibration.thresholds}
    offered: dict[Strictness, Setting] = {}
    for name, far in FARS.items():
        threshold = measured[far].threshold
        if name == BALANCED:
            threshold = balanced
        elif threshold is None or (threshold := max(threshold, calibration.midpoint)) == balanced:
            continue
        missed = _missed(calibration, measured[far], threshold)
        offered[name] = Setting(threshold, low, missed, calibration.strangers(threshold))
    return offered


def _missed(calibration: Calibration, counted: Threshold, threshold: float) -> float | None:
    """The share of genuine pairs under a threshold: as it was counted there, else by the histogram."""
    if threshold == counted.threshold and counted.true_accepts is not None and counted.genuine:
        return 1 - counted.true_accepts / counted.genuine
    reached = reaching(calibration.histograms, calibration.histograms.genuine, threshold)
    return None if reached is None else 1 - reached


def judged(comparison: Comparison, setting: Setting | None) -> Comparison:
    """The comparison judged by a setting; as it is without one."""
    if setting is None:
        return comparison
    verdict = None if comparison.score is None else setting.verdict(comparison.score)
    return replace(comparison, threshold=setting.threshold, verdict=verdict)


def reaching(histograms: Histograms, counts: tuple[int, ...], score: float) -> float | None:
    """The share of pairs that score at least `score`, 0..1, by a histogram, as if each of its bins were filled evenly.

    Args:
        histograms: says where the bins lie.
        counts: of one kind of pair.
        score: cosine.

    Returns:
        None where there are no pairs.
    """
    total = sum(counts)
    edges = np.linspace(histograms.low, histograms.high, len(counts) + 1)
    below = float(np.interp(score, edges, np.concatenate([[0], np.cumsum(counts)])))
    return 1 - below / total if total else None
