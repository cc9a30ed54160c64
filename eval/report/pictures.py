"""Which pictures a report has, what each needs, and the words beneath it."""

from typing import Any

import numpy as np
import pandas as pd

from eval.report import plots
from eval.report.curves import error_curves, histogram
from eval.report.page import Plot
from eval.report.sample import Sample
from facecore.verification.discard import discard_curve
from facecore.verification.losses import reliability
from facecore.verification.metrics import FEW, eer

_OF_BOTH = {
    "roc": (
        "ROC: accepted genuine pairs at each false accept rate",
        "Higher is better; in the grey part each point rests on fewer than ten false accepts.",
    ),
    "det": (
        "DET: both error rates, on normal quantiles",
        "Closer to the lower left corner is better; normal scores make a straight line.",
    ),
    "accuracy": (
        "Accuracy and error rates at each threshold",
        "The best point of the curve was found on these very pairs: a figure for choosing, not for reporting.",
    ),
}
"""Curves that need both kinds of pair: title and caption."""


def make_pictures(
    table: pd.DataFrame, sample: Sample, threshold: float | None, sign: int
) -> tuple[list[Plot], dict[str, Any]]:
    """The pictures in the order of the page, and the points behind them for report.json.

    Args:
        table: all pairs, with or without labels.
        sample: those with a label.
        threshold: in the sample's direction.
        sign: -1 where a small score means the same person.
    """
    made: list[Plot] = []
    curves: dict[str, Any] = {}
    name = "distance" if sign < 0 else "score"
    shown = None if threshold is None else sign * threshold
    same = np.full(len(table), None, object)
    same[sample.rows] = sample.same
    spread = histogram(np.array(table["score"], np.float64), same)
    curves["histogram"] = spread and spread.to_dict()
    draw = plots.histograms(spread, shown, name) if spread else None
    made.append(_plot("scores", "Scores of both kinds of pair", draw, "The less the two overlap, the better.",
                      "no pair has a score"))  # fmt: skip
    rates = error_curves(sample)
    curves["errors"] = rates and rates.to_dict(sign)
    draws: dict[str, plots.Draw] = {}
    if rates is not None:
        draws = {
            "roc": plots.roc_curve(rates, sample.impostors, FEW / sample.impostors),
            "det": plots.det_curve(rates, sample.genuine, sample.impostors, eer(sample.scores, sample.same)),
            "accuracy": plots.accuracy_curve(rates, shown, name, sign),
        }
    for key, (title, caption) in _OF_BOTH.items():
        made.append(_plot(key, title, draws.get(key), caption, "it needs scored pairs and labels of both kinds"))
    made.append(_reliability(sample, curves))
    made.append(_discard(sample, threshold, curves, sign))
    return made, curves


def _plot(name: str, title: str, draw: plots.Draw | None, caption: str, missing: str) -> Plot:
    if draw is None:
        return Plot(name, title, f"no picture, {missing}.")
    return Plot(name, title, caption, *(plots.render(draw, dress) for dress in plots.DRESSES))


def _reliability(sample: Sample, curves: dict[str, Any]) -> Plot:
    title, scored = "Reliability of the probabilities", sample.take(sample.scored)
    if scored.probability is None or not scored.genuine or not scored.impostors:
        curves["reliability"] = None
        return _plot("reliability", title, None, "", "it needs probabilities and scored pairs of both kinds")
    content = reliability(scored.probability, scored.same)
    curves["reliability"] = content.to_dict()
    caption = "Of pairs with a probability of 80 %, 80 % should show one person; both kinds have equal weight. "
    caption += f"Mean distance from the diagonal: {100 * content.calibration_error:.1f} %."
    return _plot("reliability", title, plots.reliability_curve(content), caption, "")


def _discard(sample: Sample, limit: float | None, curves: dict[str, Any], sign: int) -> Plot:
    title = "Errors left when the worst photos are left out"
    curves["discard"] = None
    if sample.quality is None or not sample.same.size:
        missing = "it needs the columns left_quality and right_quality, which eval.score --quality writes"
        return _plot("discard", title, None, "", missing + (", and labels" if not sample.same.size else ""))
    if limit is None:
        return _plot("discard", title, None, "", "it needs a threshold (--threshold, --threshold-from or --model)")
    content = {
        name: discard_curve(sample.scores[kind], sample.same[kind], sample.quality[kind], limit)
        for name, kind in (("genuine", sample.same), ("impostor", ~sample.same))
        if kind.any()
    }
    curves["discard"] = {name: {**curve.to_dict(), "threshold": sign * limit} for name, curve in content.items()}
    caption = (
        "Each kind of pair by itself. A pair is as good as the worse of its photos; pairs without a face go first. "
        "Quality predicts misses: the FRR, over genuine pairs alone (Grother and Tabassi 2007), should fall, and a "
        "level one is that of a measure worth nothing. It does not predict false matches: the FAR, over impostor "
        "pairs alone, may stay where it is or rise. The bands take pairs as independent."
    )
    return _plot("discard", title, plots.discard_curves(content.get("genuine"), content.get("impostor")), caption, "")
