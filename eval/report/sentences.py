"""What the report says in words."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from eval.report.comparison import SHARES, WORDS
from eval.report.figure import FigureSet
from eval.report.numbers import counted, far_words, interval_of, threshold_words, value_of
from eval.report.sample import Identities, Sample
from eval.report.thresholds import Threshold
from facecore.verification import metrics
from facecore.verification.dependence import warn_few_images

UNBALANCED = 0.8
"""From this share of one kind of pair on, accuracy mostly tells how well that kind is handled."""

METHODS = (
    "A pair without a score (no face was found, or a photo could not be used) counts as a non-match, as NIST's reports "
    "count failures to enrol: generalised FRR and FAR. Where accuracy is counted it is an error. d′, Cllr and its "
    "minimum are over scored pairs. The second table leaves failed pairs out.",
    "TAR at a FAR uses the smallest threshold that accepts no more impostor pairs than the target allows, a whole "
    "number; the rate reached stands beside the target. Fewer than 10 false accepts are marked few.",
    "Intervals are for 95 %. Pairs that share a person or a photo are not independent: rates at a threshold get "
    "Wilson's interval on the number of independent pairs that they are worth, other figures a bootstrap over "
    "identities (Fogliato, Patil and Perona 2024, arXiv 2306.01198). Accuracy over folds uses Student's t on the "
    "folds, each judged with the threshold that is best on the others.",
    "Cllr takes a probability p (at equal priors) as the log-likelihood ratio log(p / (1 - p)) and gives its cost in "
    "bits (Brümmer and du Preez 2006): 0 is perfect, 1 is what no information costs. Its minimum is what the best "
    "calibration of these scores would reach. d′ is the distance of the mean scores over their common spread.",
)

_RECORDED = (
    ("model", "Model"),
    ("face", "Face of several"),
    ("align", "Alignment asked for"),
    ("alignment_version", "Alignment version"),
    ("detector", "Detector"),
    ("preset", "Preparation"),
    ("backend", "Backend"),
    ("precision", "Precision"),
    ("batch_size", "Batch size"),
    ("calibration_digest", "Calibration digest"),
    ("list", "List"),
    ("images", "Distinct photos looked at"),
)


def lead(sample: Sample, figures: FigureSet | None) -> str:
    """The finding in one sentence."""
    if figures is None:
        return (
            "The list has no labels, so only the spread of the scores can be shown. With a column that tells which "
            "pairs show the same person (1) and which do not (0), this report gives error rates with intervals, "
            "accuracy, curves, and the worst mistakes as pictures."
        )
    if not sample.genuine or not sample.impostors:
        present, absent = ("genuine", "impostor") if sample.genuine else ("impostor", "genuine")
        return f"All labelled pairs are {present} pairs; figures that also need {absent} pairs cannot be had."
    known = [at for at in figures.tar if at.tar.value is not None]
    at = next((at for at in known if at.target == 1e-3), known[-1] if known else None)
    if at is None:
        return "There are too few impostor pairs for a rate of true accepts at any false accept rate."
    return (
        f"Where at most 1 in {round(1 / at.target):,} pairs of different people is accepted, {value_of(at.tar)} of the "
        f"pairs of one person are (95 % interval {interval_of(at.tar)})"
        + (f"; this rests on only {counted(at.false_accepts or 0, 'false accept')}." if at.few else ".")
    )


def about(table: pd.DataFrame, sample: Sample, identities: Identities, threshold: Threshold) -> list[tuple[str, str]]:
    """What was measured."""
    rows = [("Pairs", f"{len(table):,}")]
    if sample.same.size:
        rows.append(("Genuine, impostor", f"{sample.genuine:,} and {sample.impostors:,}"))
    if sample.same.size < len(table):
        rows.append(("Without a label", f"{len(table) - sample.same.size:,}, in the histogram alone"))
    if identities.images is not None:
        rows.append(("Distinct photos", f"{np.unique(identities.images).size:,}"))
    rows.append(("Failed pairs", _failed(table, sample)))
    rows.append(("Identities", identities.sentence))
    value = "" if threshold.value is None else f"{threshold_words(threshold.value)}, "
    rows.append(("Threshold", value + threshold.source))
    return rows


def failures(table: pd.DataFrame) -> dict[str, int]:
    """Failed pairs by their status."""
    if "status" not in table:
        return {}
    counts = table.loc[table["score"].isna(), "status"].astype(str).value_counts()
    return {str(status): int(count) for status, count in counts.items()}


def warnings(
    table: pd.DataFrame, record: dict[str, Any] | None, sample: Sample, identities: Identities, threshold: Threshold
) -> list[str]:
    """What a reader must know before the figures."""
    return list(_warnings(table, record, sample, identities, threshold))


def provenance(record: dict[str, Any] | None) -> list[tuple[str, str]]:
    """How the scores were made, from the record of `eval.score`."""
    rows = []
    for key, name in _RECORDED:
        value = (record or {}).get(key)
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in value.items() if v is not None)
        if value is not None and value != "":
            rows.append((name, str(value)))
    return rows


def terminal(report: dict[str, Any]) -> list[str]:
    """The figures of report.json as a short table."""
    pairs, figures = report["pairs"], report["figures"]
    lines = [f"{counted(pairs['rows'], 'pair')}, {pairs['failed']:,} failed"]
    if figures is None:
        return [*lines, "no labels: histogram and counts only"]
    lines[0] += f"; {pairs['genuine']:,} genuine, {pairs['impostors']:,} impostor"
    names = {"auc": "AUC", "eer": "EER", "frr": "FRR at threshold", "far": "FAR at threshold",
             "accuracy": "accuracy at threshold", "fold_accuracy": "accuracy over folds", "d_prime": "d'",
             "cllr": "Cllr", "min_cllr": "Cllr, minimum"}  # fmt: skip
    rows = [(words, figures[name], "") for name, words in names.items()]
    for at in figures["tar_at_far"]:
        few = f"few: {counted(at['false_accepts'], 'false accept')}" if at["few"] else ""
        rows.append((f"TAR at FAR {far_words(at['target'])}", at["tar"], few))
    for words, figure, remark in rows:
        if figure["value"] is None:
            lines.append(f"{words:24s}{'–':>9s}   {figure['note']}")
            continue
        scale, unit = (100, " %") if figure["share"] else (1, "")
        decimals = 2 if figure["share"] else 4
        interval = ""
        if figure["interval"]:
            low, high = (f"{scale * end:.{decimals}f}" for end in figure["interval"])
            interval = f"{low} to {high}{unit}"
        lines.append(f"{words:24s}{scale * figure['value']:9.{decimals}f}{unit:2s} {interval:22s}{remark}".rstrip())
    return lines + _differences(report["comparison"]) + [f"note: {warning}" for warning in report["warnings"]]


def _differences(comparison: dict[str, Any] | None) -> list[str]:
    if comparison is None:
        return []
    lines = [f"{comparison['b']} minus {comparison['a']}:"]
    for name, d in comparison["differences"].items():
        scale, unit = (100, " %") if name in SHARES else (1, "")
        change, low, high = (f"{scale * d[key]:+.{2 if unit else 4}f}" for key in ("difference", "low", "high"))
        few = "   few" if name in comparison["few"] else ""
        lines.append(f"  {WORDS[name].partition(' (')[0]:45s}{change:>9s}{unit:2s} {low} to {high}{unit}{few}")
    return lines


def _failed(table: pd.DataFrame, sample: Sample) -> str:
    failed = int(table["score"].isna().sum())
    if not failed:
        return "none"
    text = f"{failed:,}"
    if sample.same.size:
        genuine = int((~sample.scored & sample.same).sum())
        text += f" ({genuine:,} genuine, {int((~sample.scored).sum()) - genuine:,} impostor)"
    found = list(failures(table).items())
    kinds = ", ".join(f"{count:,} {status}" for status, count in found[:6])
    return text + (f": {kinds}" if kinds else "") + (" and others" if len(found) > 6 else "")


def _warnings(
    table: pd.DataFrame, record: dict[str, Any] | None, sample: Sample, identities: Identities, threshold: Threshold
) -> Iterator[str]:
    impostor = ~sample.same
    if impostor.any():
        if identities.images is not None:
            left, right = identities.images[sample.rows][impostor].T
            if few := warn_few_images(left, right, "photos"):
                yield few
        if identities.kind in ("folder", "column") and (
            few := warn_few_images(sample.left[impostor], sample.right[impostor], "people")
        ):
            yield few
    if threshold.warning:
        yield threshold.warning
    if sample.genuine and sample.impostors and metrics.auc(sample.scores, sample.same) < 0.5:
        yield (
            "Genuine pairs mostly rank below impostor pairs (the AUC is under 0.5). If small numbers mean the same "
            "person, --distance is missing; if it was given, large ones do."
        )
    size = sample.same.size
    share = max(sample.genuine, sample.impostors) / size if size else 0.0
    if UNBALANCED < share < 1:
        kind, answer = ("impostor", "different") if sample.impostors > sample.genuine else ("genuine", "same")
        yield (
            f"{100 * share:.1f} % of the pairs are {kind} pairs: always saying “{answer}” would be as accurate, so "
            "FRR and FAR tell more than accuracy does."
        )
    failed = int(table["score"].isna().sum())
    for key, there, what in (("pairs", len(table), "pairs"), ("failed_pairs", failed, "failed pairs")):
        told = (record or {}).get(key)
        if isinstance(told, int) and told != there:
            yield (
                f"The record beside the scores speaks of {told:,} {what}, the table has {there:,}: it may be that of "
                "other scores."
            )
            break
