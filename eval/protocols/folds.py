"""Figures over folds, as papers print them: each fold judged by itself, then mean and spread."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facecore.verification.metrics import Bools, Floats, auc, eer, k_fold_accuracy


@dataclass(frozen=True)
class OverFolds:
    """One figure over folds.

    Attributes:
        values: of each fold, in the order of the folds.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Of the folds."""
        return float(np.mean(self.values))

    @property
    def deviation(self) -> float:
        """Standard deviation of the folds (with n - 1)."""
        return float(np.std(self.values, ddof=1))

    @property
    def standard_error(self) -> float:
        """Of the mean: the deviation over the root of the number of folds."""
        return self.deviation / math.sqrt(len(self.values))

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON takes it."""
        return {
            "mean": self.mean,
            "standard_deviation": self.deviation,
            "standard_error": self.standard_error,
            "values": list(self.values),
        }


@dataclass(frozen=True)
class FoldFigures:
    """Accuracy, EER and AUC over folds.

    Attributes:
        accuracy: with the threshold that is best on the other folds (Huang et al. 2007, View 2).
        thresholds: those thresholds.
        eer: of each fold by itself (Sengupta et al. 2016 print it so); None where a fold has pairs of one kind alone.
        auc: likewise.
    """

    accuracy: OverFolds
    thresholds: tuple[float, ...]
    eer: OverFolds | None
    auc: OverFolds | None

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON takes it."""
        return {
            "accuracy": self.accuracy.to_dict(),
            "thresholds": list(self.thresholds),
            "eer": self.eer and self.eer.to_dict(),
            "auc": self.auc and self.auc.to_dict(),
        }

    def lines(self) -> list[str]:
        """For a terminal."""
        mean, error = 100 * self.accuracy.mean, 100 * self.accuracy.standard_error
        lines = [
            f"over {len(self.thresholds)} folds: accuracy {mean:.2f} % (standard error {error:.2f}, "
            f"standard deviation {100 * self.accuracy.deviation:.2f}), threshold chosen on the other folds"
        ]
        if self.eer and self.auc:
            lines.append(
                f"  EER {100 * self.eer.mean:.2f} % (standard deviation {100 * self.eer.deviation:.2f}), "
                f"AUC {100 * self.auc.mean:.2f} % (standard deviation {100 * self.auc.deviation:.2f}), fold by fold"
            )
        return lines


def fold_figures(scores: Floats, same: Bools, fold: npt.NDArray[Any]) -> FoldFigures:
    """Figures over folds; a failed pair (-inf) is a non-match, and an error where accuracy is counted.

    Args:
        scores: float (N,).
        same: bool (N,).
        fold: (N,), any values that can be sorted, one per fold.

    Raises:
        ValueError: as `metrics.k_fold_accuracy`.
    """
    accuracy = k_fold_accuracy(scores, same, fold)
    inside = [fold == name for name in np.unique(fold)]
    both = all(same[part].any() and not same[part].all() for part in inside)
    return FoldFigures(
        OverFolds(accuracy.accuracies),
        accuracy.thresholds,
        OverFolds(tuple(eer(scores[part], same[part]) for part in inside)) if both else None,
        OverFolds(tuple(auc(scores[part], same[part]) for part in inside)) if both else None,
    )
