"""Two models on the same pairs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from eval.report.figures import FAR_TARGETS, drawn_figures, llr_of_scores
from eval.report.numbers import far_words
from eval.report.sample import Sample
from facecore.errors import PairListError
from facecore.verification import metrics
from facecore.verification.bootstrap import Difference, paired_bootstrap

WORDS = {
    "auc": "Area under the ROC (AUC)",
    "eer": "Equal error rate (EER)",
    "frr": "False rejects at each model's threshold (FRR)",
    "far": "False accepts at each model's threshold (FAR)",
    "accuracy": "Accuracy at each model's threshold",
    "d_prime": "d′",
    "cllr": "Cllr (bits)",
    "min_cllr": "Cllr at its minimum",
    **{f"tar@{target:g}": f"TAR at FAR {far_words(target)}" for target in FAR_TARGETS},
}
SHARES = ("eer", "frr", "far", "accuracy", *(f"tar@{target:g}" for target in FAR_TARGETS))


@dataclass(frozen=True)
class Comparison:
    """Figures of two models, their difference and its interval.

    Attributes:
        a: name of the first.
        b: name of the second.
        pairs: labelled pairs compared.
        differences: by the figure's name.
        few: names of those that rest on fewer than 10 false accepts in either model.
        note: why some figures are missing, or empty.
    """

    a: str
    b: str
    pairs: int
    differences: dict[str, Difference]
    few: tuple[str, ...] = ()
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        differences = {name: difference.to_dict() for name, difference in self.differences.items()}
        return {"a": self.a, "b": self.b, "pairs": self.pairs, "differences": differences,
                "few": list(self.few), "note": self.note}  # fmt: skip


def check_same_pairs(a: pd.DataFrame, b: pd.DataFrame, names: tuple[str, str]) -> None:
    """Refuse tables that do not hold the same pairs in the same order.

    Raises:
        PairListError: they differ; names the first pair that does.
    """
    first, second = names
    if len(a) != len(b):
        raise PairListError(
            f"--compare: {first} has {len(a):,} pairs, {second} {len(b):,}; score one list with both models"
        )
    for column in ("left", "right", "label"):
        if column not in a or column not in b:
            continue
        # A label that one of the two lacks is no contradiction.
        ours, theirs = a[column].astype(object), b[column].astype(object)
        other = ((ours != theirs) & ours.notna() & theirs.notna()).to_numpy(bool)
        if other.any():
            place = int(other.argmax())
            values = f"{str(ours.iloc[place])[:80]!r} and {str(theirs.iloc[place])[:80]!r}"
            problem = f"pair {place + 1} differs in {column} ({values} in {first} and {second})"
            raise PairListError(f"--compare: {problem}; both must hold the same pairs in the same order")


def compare(
    a: Sample,
    b: Sample,
    thresholds: tuple[float | None, float | None],
    names: tuple[str, str],
    *,
    sign: int = 1,
    replicates: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Figures of both, and the paired bootstrap of b - a.

    Args:
        a: the first model's pairs.
        b: the second model's, the same pairs in the same order.
        thresholds: of each, in its sample's direction; None where there is none.
        names: of the models.
        sign: -1 where the samples' scores are negated distances.
        replicates: of the bootstrap.
        seed: of the bootstrap.
    """
    both = set(drawn_figures(a)) & set(drawn_figures(b))
    figures = [name for name in drawn_figures(a) if name in both]
    if not figures:
        return Comparison(*names, len(a.same), {}, note="A comparison needs genuine and impostor pairs.")
    keys, figures_b, note = list(figures), list(figures), ""
    if thresholds[0] is not None and thresholds[1] is not None:
        rates = ("accuracy", "frr", "far")
        figures += [f"{rate}@{thresholds[0]!r}" for rate in rates]
        figures_b += [f"{rate}@{thresholds[1]!r}" for rate in rates]
        keys += rates
        note = f"Each is judged at its own threshold: {sign * thresholds[0]:.4f} and {sign * thresholds[1]:.4f}."
    else:
        note = "There are no figures at a threshold, since it is not known for both models."
    found = paired_bootstrap(
        a.scores, b.scores, a.same, a.left, a.right, figures, figures_b=figures_b,
        replicates=replicates, seed=seed, llr_a=llr_of_scores(a), llr_b=llr_of_scores(b),
    )  # fmt: skip
    differences = {key: found[name] for key, name in zip(keys, figures, strict=True) if name in found}
    if not np.isfinite([d.difference for d in differences.values()]).all():
        differences = {key: d for key, d in differences.items() if np.isfinite(d.difference)}
    few = (name for name in differences if _few(name, a, thresholds[0]) or _few(name, b, thresholds[1]))
    return Comparison(*names, len(a.same), differences, tuple(few), note)


def _few(name: str, sample: Sample, threshold: float | None) -> bool:
    """Whether a figure rests on fewer than 10 false accepts."""
    impostor = sample.scores[~sample.same]
    if name.startswith("tar@"):
        return metrics.threshold_at_far(impostor, float(name.partition("@")[2])).false_accepts < metrics.FEW
    return name == "far" and threshold is not None and int((impostor >= threshold).sum()) < metrics.FEW
