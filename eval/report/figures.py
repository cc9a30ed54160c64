"""All figures of one sample of pairs, each with an interval or with the reason why it cannot be had."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from eval.report.figure import Figure, FigureSet, TarFigure
from eval.report.numbers import counted
from eval.report.sample import Doubles, Sample, log_likelihood_ratio
from facecore.verification import metrics
from facecore.verification.bootstrap import Interval, vertex_bootstrap
from facecore.verification.dependence import dependent_interval
from facecore.verification.losses import cllr, d_prime, min_cllr
from facecore.verification.metrics import Bools

FAR_TARGETS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


def make_figures(
    sample: Sample, threshold: float | None, *, sign: int = 1, replicates: int = 1000, seed: int = 0
) -> FigureSet:
    """All figures of a sample.

    Failed pairs (-inf) count as non-matches, and as errors where accuracy is counted; d', Cllr and its minimum are over
    scored pairs (NIST's reports count failures to enrol in this way). Leave them out of the sample for the others.

    Args:
        sample: labelled pairs, at least one.
        threshold: in the sample's direction: accept where score >= threshold; None where there is none.
        sign: -1 where the scores are negated distances; thresholds are given out times this.
        replicates: of the bootstrap.
        seed: of the bootstrap.
    """
    scored = sample.take(sample.scored)
    intervals: dict[str, Interval] = {}
    if names := drawn_figures(sample):
        intervals = vertex_bootstrap(sample.scores, sample.same, sample.left, sample.right, names,
                                     replicates=replicates, seed=seed, llr=llr_of_scores(sample))  # fmt: skip
    figures = (
        _figure("auc", "Area under the ROC (AUC)", lambda: metrics.auc(sample.scores, sample.same), intervals, False),
        _figure("eer", "Equal error rate (EER)", lambda: metrics.eer(sample.scores, sample.same), intervals),
        *_at_threshold(sample, threshold),
        fold_accuracy(sample),
        _figure("d_prime", "d′ (distance of the two kinds)", lambda: _d_prime(scored), intervals, False),
        _figure("cllr", "Cllr (cost of the probabilities, bits)", lambda: _cllr(scored), intervals, False),
        _figure("min_cllr", "Cllr at its minimum (best calibration)", lambda: _min_cllr(scored), intervals, False),
    )
    tar = tuple(_tar(sample, target, sign, intervals) for target in FAR_TARGETS)
    return FigureSet(sample.genuine, sample.impostors, int((~sample.scored).sum()), figures, tar)


def fold_accuracy(sample: Sample) -> Figure:
    """Accuracy over folds (LFW's View 2), with an interval from Student's t on the folds' accuracies."""
    name, words = "fold_accuracy", "Accuracy over folds"
    if sample.fold is None:
        return Figure(name, words, None, note="the list has no folds, or only one")
    inside = sample.fold >= 0
    try:
        folds = metrics.k_fold_accuracy(sample.scores[inside], sample.same[inside], sample.fold[inside])
    except ValueError as error:
        return Figure(name, words, None, note=str(error))
    number = len(folds.accuracies)
    half = float(stats.t.ppf(0.975, number - 1)) * folds.standard_error
    note = f"{number} folds, standard error {100 * folds.standard_error:.2f} %; threshold chosen on the other folds"
    if not inside.all():
        note += f"; {int((~inside).sum())} pairs are in no fold"
    interval = (max(0.0, folds.mean - half), min(1.0, folds.mean + half))
    return Figure(name, words, folds.mean, interval if half else None, "Student's t over folds", note)


def _rate(name: str, words: str, errors: Bools, sample: Sample, what: str, looser: Bools | None = None) -> Figure:
    """The share of True among `errors`, one for each pair of the sample, with an interval that knows of dependence."""
    if not errors.size:
        return Figure(name, words, None, note=f"there are no {what.removesuffix(', few')}")
    found = dependent_interval(errors, sample.left, sample.right, looser=looser)
    note = f"{int(errors.sum()):,} of {errors.size:,} {what}"
    return Figure(name, words, found.rate, (found.low, found.high), "adjusted for dependence", note)


def _at_threshold(sample: Sample, threshold: float | None) -> tuple[Figure, Figure, Figure]:
    names = ("frr", "far", "accuracy")
    words = (
        "False rejects at the threshold (FRR)",
        "False accepts at the threshold (FAR)",
        "Accuracy at the threshold",
    )
    if threshold is None:
        missing = "no threshold is known: give --threshold, --threshold-from or --model"
        frr, far, accuracy = (Figure(n, w, None, note=missing) for n, w in zip(names, words, strict=True))
        return frr, far, accuracy
    accepted = sample.scores >= threshold
    few = ", few" if accepted[~sample.same].sum() < metrics.FEW else ""
    genuine, impostor = sample.take(sample.same), sample.take(~sample.same)
    right = (accepted == sample.same) & sample.scored
    accuracy = Figure(names[2], words[2], None, note="it needs genuine and impostor pairs")
    if genuine.same.size and impostor.same.size:
        accuracy = _rate(names[2], words[2], right, sample, "pairs")
    return (
        _rate(names[0], words[0], ~accepted[sample.same], genuine, "genuine pairs", _most_extreme(-genuine.scores)),
        _rate(
            names[1], words[1], accepted[~sample.same], impostor, f"impostor pairs{few}", _most_extreme(impostor.scores)
        ),
        accuracy,
    )


def _most_extreme(scores: Doubles) -> Bools | None:
    """The highest few, from which the dependence is learned where a threshold leaves fewer errors still."""
    if scores.size < metrics.FEW:
        return None
    extreme: Bools = scores >= np.partition(scores, -metrics.FEW)[-metrics.FEW]
    return extreme


def _tar(sample: Sample, target: float, sign: int, intervals: dict[str, Interval]) -> TarFigure:
    name, words = f"tar@{target:g}", f"TAR at FAR {target:g}"
    if target * sample.impostors * (1 + 1e-12) < 1:
        needed = round(1 / target)
        there = counted(sample.impostors, "impostor pair")
        note = f"not enough pairs: {there}, {needed:,} are needed for one false accept"
        return TarFigure(target, Figure(name, words, None, note=note))
    if not sample.genuine:
        return TarFigure(target, Figure(name, words, None, note="there are no genuine pairs"))
    at = metrics.tar_at_far(sample.scores, sample.same, target)
    note = f"{at.true_accepts:,} of {at.genuine:,} genuine pairs"
    interval, method = intervals.get(name), "bootstrap over identities"
    if interval is None:  # the threshold is then taken as fixed
        genuine = sample.take(sample.same)
        found = dependent_interval(genuine.scores >= at.threshold, genuine.left, genuine.right)
        bounds, method = (found.low, found.high), "adjusted for dependence, at this threshold"
    else:
        bounds = (interval.low, interval.high)
    figure = Figure(name, words, at.tar, bounds, method, note)
    return TarFigure(target, figure, at.far, at.false_accepts, at.few, sign * at.threshold)


def drawn_figures(sample: Sample) -> list[str]:
    """Names of the figures whose intervals come from the bootstrap."""
    if not sample.genuine or not sample.impostors:
        return []
    names = ["auc", "eer", *(f"tar@{t:g}" for t in FAR_TARGETS if t * sample.impostors * (1 + 1e-12) >= 1)]
    scored = sample.take(sample.scored)
    if scored.genuine > 1 and scored.impostors > 1:
        names += ["d_prime", "min_cllr"] + (["cllr"] if sample.probability is not None else [])
    return names


def llr_of_scores(sample: Sample) -> Callable[[Any], Doubles] | None:
    """A map from scores to log-likelihood ratios that gives the table's own probabilities at its own scores."""
    if sample.probability is None:
        return None
    scored = sample.scored
    known, places = np.unique(sample.scores[scored], return_index=True)
    ratios = log_likelihood_ratio(sample.probability[scored][places])
    return lambda scores: np.interp(scores, known, ratios)


def _figure(
    name: str, words: str, value: Callable[[], float], intervals: dict[str, Interval], share: bool = True
) -> Figure:
    """The metrics refuse a sample by a ValueError that says why, and this is what the report says then."""
    try:
        found = value()
    except ValueError as error:
        return Figure(name, words, None, note=str(error), share=share)
    if not math.isfinite(found):
        return Figure(name, words, None, note="the scores do not differ enough", share=share)
    interval = intervals.get(name)
    if interval is None:
        return Figure(
            name, words, found, note="no interval: too few pairs, or too many to draw them again", share=share
        )
    return Figure(name, words, found, (interval.low, interval.high), "bootstrap over identities", share=share)


def _d_prime(scored: Sample) -> float:
    return d_prime(scored.scores[scored.same], scored.scores[~scored.same])


def _cllr(scored: Sample) -> float:
    if scored.probability is None:
        raise ValueError("it needs probabilities: the column is absent or empty (a model without calibration)")
    ratios = log_likelihood_ratio(scored.probability)
    return cllr(ratios[scored.same], ratios[~scored.same])


def _min_cllr(scored: Sample) -> float:
    return min_cllr(scored.scores, scored.same)
