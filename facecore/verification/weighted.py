"""Figures over pairs that count several times or not at all, many times over: the inner loop of the bootstrap.

Each figure with all weights 1 is that of `metrics`, `curves` or `losses`. Scores are sorted once; a set of weights then
costs O(N).
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from facecore.verification.losses import ROUNDING, bits, pooled_cllr
from facecore.verification.metrics import Bools, Floats, roc

Float64s = npt.NDArray[np.float64]
Calibrate = Callable[[Float64s], Floats]

FIGURES = ("auc", "eer", "tar@", "frr@", "far@", "accuracy@", "d_prime", "cllr", "min_cllr")
"""Names of figures. Those that end in @ are completed by a number: "tar@0.001" is TAR at that FAR, "frr@0.42" the FRR
at that threshold."""
UNBOUNDED = ("d_prime", "cllr")
"""Figures that do not lie between 0 and 1."""


def split_name(figure: str) -> tuple[str, float]:
    """A figure's kind and number (0.0 where it has none).

    Raises:
        ValueError: the name is none of `FIGURES`, or its number is missing or out of range.
    """
    kind, at, number = figure.partition("@")
    try:
        value = float(number) if at else 0.0
    except ValueError:
        value = float("nan")
    if kind + at not in FIGURES or np.isnan(value) or (kind == "tar" and not 0 <= value < 1):
        known = ", ".join(name + "NUMBER" * name.endswith("@") for name in FIGURES)
        raise ValueError(f"{figure!r} is no figure; known are {known}, with a FAR under 1 for tar")
    return kind, value


class WeightedFigures:
    """Figures of one set of pairs under any weights.

    Args:
        scores: float (N,), -inf for failed pairs.
        same: bool (N,).
        figures: names as in `FIGURES`.
        llr: scores, float64 (M,), to natural log-likelihood ratios, (M,); needed for "cllr".

    Raises:
        ValueError: as `metrics.roc` and `split_name`, or "cllr" is asked for without `llr`.
    """

    def __init__(self, scores: Floats, same: Bools, figures: Sequence[str], llr: Calibrate | None = None) -> None:
        roc(scores, same)  # refuses what is no set of scores
        self._wanted = [split_name(figure) for figure in figures]
        kinds = {kind for kind, _ in self._wanted}
        values = np.asarray(scores, np.float64)
        self.order = np.argsort(-values, kind="stable")
        self._scores, self._same = values[self.order], np.asarray(same)[self.order]
        ends = np.append(np.flatnonzero(self._scores[1:] != self._scores[:-1]), values.size - 1)
        self._ends = None if ends.size == values.size else ends  # without ties every place is an end
        self._descending = -self._scores[ends]
        self._scored = int(np.searchsorted(-self._scores, np.inf))  # those at -inf come last
        self._scored_cuts = int(np.searchsorted(self._descending, np.inf))
        finite = self._scores[: self._scored]
        # Differences from the mean keep the digits of the variance.
        self._deviations = finite - finite.mean() if finite.size else finite
        self._rounding = ROUNDING * np.abs(finite).max() if finite.size else 0.0
        self._costs = np.zeros(0)
        if "cllr" in kinds:
            if llr is None:
                raise ValueError("Cllr needs a map from scores to log-likelihood ratios, and there is none")
            ratios = np.asarray(llr(finite), np.float64)
            self._costs = bits(np.where(self._same[: self._scored], ratios, -ratios))

    def __call__(self, weights: Float64s) -> Float64s:
        """The figures, float64 in the order of their names; NaN where the weights leave nothing to count.

        Args:
            weights: float64 (N,), whole numbers from 0, in the order of `self.order`.
        """
        genuine = np.where(self._same, weights, 0.0)
        total, true = np.cumsum(weights), np.cumsum(genuine)
        if self._ends is not None:
            total, true = total[self._ends], true[self._ends]
        true = np.concatenate(([0.0], true))
        false = np.concatenate(([0.0], total)) - true
        if not (true[-1] and false[-1]):
            return np.full(len(self._wanted), np.nan)
        single: dict[str, Callable[..., float]] = {
            "auc": lambda: _auc(true, false),
            "eer": lambda: _eer(true, false),
            "tar": lambda far: _tar(true, false, far),
            "frr": lambda threshold: 1 - true[self._cut(threshold)] / true[-1],
            "far": lambda threshold: false[self._cut(threshold)] / false[-1],
            "accuracy": lambda threshold: self._accuracy(true, false, threshold),
            "d_prime": lambda: self._d_prime(weights[: self._scored], genuine[: self._scored]),
            "cllr": lambda: self._cllr(weights[: self._scored], genuine[: self._scored]),
            "min_cllr": lambda: self._min_cllr(true, false),
        }
        numbered = ("tar", "frr", "far", "accuracy")
        return np.array([single[kind](value) if kind in numbered else single[kind]() for kind, value in self._wanted])

    def _cut(self, threshold: float) -> int:
        """The number of distinct scores that a threshold accepts."""
        return min(int(np.searchsorted(self._descending, -threshold, side="right")), self._scored_cuts)

    def _accuracy(self, true: Float64s, false: Float64s, threshold: float) -> float:
        cut = self._cut(threshold)
        return float((true[cut] + false[self._scored_cuts] - false[cut]) / (true[-1] + false[-1]))

    def _d_prime(self, weights: Float64s, genuine: Float64s) -> float:
        moments = []
        for kind in (genuine, weights - genuine):
            count = kind.sum()
            if count < 2:
                return np.nan
            mean = kind @ self._deviations / count
            square = kind @ (self._deviations - mean) ** 2
            moments.append((mean, square / (count - 1)))
        (high, spread_high), (low, spread_low) = moments
        spread = np.sqrt((spread_high + spread_low) / 2)
        return float((high - low) / spread) if spread > self._rounding else np.nan

    def _cllr(self, weights: Float64s, genuine: Float64s) -> float:
        impostor = weights - genuine
        counts = genuine.sum(), impostor.sum()
        if not all(counts):
            return np.nan
        return float(genuine @ self._costs / counts[0] + impostor @ self._costs / counts[1]) / 2

    def _min_cllr(self, true: Float64s, false: Float64s) -> float:
        counts = true[self._scored_cuts], false[self._scored_cuts]
        if not all(counts):
            return np.nan
        kinds = [np.diff(sums[: self._scored_cuts + 1])[::-1] for sums in (true, false)]
        return pooled_cllr(kinds[0] / counts[0], kinds[1] / counts[1])


def _auc(true: Float64s, false: Float64s) -> float:
    return float(np.trapezoid(true, false) / (true[-1] * false[-1]))


def _eer(true: Float64s, false: Float64s) -> float:
    # As in `metrics.eer`; the crossing is found by bisection, for the difference never falls.
    difference = false / false[-1] + true / true[-1] - 1
    right = int(np.searchsorted(difference, 0.0))
    left = right - 1
    part = -difference[left] / (difference[right] - difference[left])
    return float((false[left] + part * (false[right] - false[left])) / false[-1])


def _tar(true: Float64s, false: Float64s, far: float) -> float:
    budget = far * false[-1] * (1 + 1e-12)  # as in `metrics.threshold_at_far`
    return float(true[int(np.searchsorted(false, budget, side="right")) - 1] / true[-1])
