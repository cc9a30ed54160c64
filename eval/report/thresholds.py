"""The threshold that the report judges: given, chosen on another list, or the one that came with the scores."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from eval.report.numbers import counted
from eval.report.sample import Sample
from facecore.verification import metrics

Rule = Literal["far", "eer", "accuracy"]
RULES: tuple[Rule, ...] = get_args(Rule)


@dataclass(frozen=True)
class Threshold:
    """A threshold and where it comes from.

    Attributes:
        value: as the scores are given; None where there is none.
        source: in words, as the end of "The threshold is ..."; what to do where there is none.
        warning: what speaks against it, or empty.
    """

    value: float | None
    source: str
    warning: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Value and source."""
        return {"value": self.value, "source": self.source}


NONE = Threshold(None, "not known: give --threshold T, --threshold-from dev.csv, or --model")


def from_record(record: dict[str, Any] | None) -> Threshold:
    """The threshold that `eval.score` wrote down."""
    value = (record or {}).get("threshold")
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        return NONE
    model = (record or {}).get("model")
    name = model.get("name") if isinstance(model, dict) else None
    whose = f"the model {name}" if name else "the model"
    return Threshold(float(value), f"the one of {whose} that the scores were made with")


def choose_threshold(dev: Sample, rule: Rule, far: float, sign: int, name: str) -> Threshold:
    """Fix a threshold on one list, to report on another.

    Args:
        dev: the labelled pairs of that list.
        rule: at a false accept rate, at the equal error rate, or where accuracy is best.
        far: the rate for the first of these.
        sign: -1 where the sample's scores are negated distances.
        name: of the list.

    Raises:
        ValueError: the list has not the pairs for it; says what is missing.
    """
    if not dev.impostors or (rule != "far" and not dev.genuine) or not dev.scored.any():
        kind = "impostor" if not dev.impostors else "genuine" if not dev.genuine else "scored"
        raise ValueError(f"{name}: a threshold cannot be chosen on it, since it has no {kind} pairs with a label")
    if rule == "accuracy":
        best = metrics.best_accuracy(dev.scores, dev.same)
        return Threshold(sign * best.threshold, f"the one of best accuracy on {name}")
    if rule == "eer":
        return Threshold(sign * _at_eer(dev), f"the one of equal error rates on {name}")
    if far * dev.impostors * (1 + 1e-12) < 1:
        needed = round(1 / far) if far > 0 else 0
        raise ValueError(
            f"{name}: FAR {far:g} needs at least {needed:,} impostor pairs for one false accept, and there are "
            f"{dev.impostors:,}; take a larger list, a higher --threshold-far, or --threshold-by eer"
        )
    at = metrics.threshold_at_far(dev.scores[~dev.same], far)
    if not abs(at.threshold) < 1e300:
        raise ValueError(f"{name}: at FAR {far:g} every scored pair is accepted, so there is no threshold")
    warning = ""
    if at.false_accepts < metrics.FEW:
        warning = f"The threshold rests on {counted(at.false_accepts, 'false accept')} in {name}: that is few."
    return Threshold(sign * at.threshold, f"the one at FAR {far:g} on {name}", warning)


def _at_eer(dev: Sample) -> float:
    """Midway between the scores at the two points of the ROC that enclose the equal error rate."""
    curve = metrics.roc(dev.scores, dev.same)
    right = int(np.argmax(curve.far >= 1 - curve.tar))
    around = curve.thresholds[[right - 1, right]]
    around = around[np.isfinite(around)]
    if not around.size:
        raise ValueError("there is no threshold of equal error rates: too many pairs failed")
    return float(around.mean())
