"""The figures that a run ends with."""

from typing import Any

import numpy as np
import pandas as pd

from facecore.verification.metrics import accuracy_at, auc, eer, k_fold_accuracy, tar_at_far

FAR_TARGETS = (1e-2, 1e-3, 1e-4)


def figures(table: pd.DataFrame, threshold: float | None) -> dict[str, Any]:
    """Figures over the labelled pairs of a table of scores; empty where there are not both kinds of pairs.

    A pair without a score counts as a non-match in AUC, EER and TAR (as NIST's reports count failures to enrol) and
    as an error in accuracies. `scored_only` holds the same figures without those pairs.

    Args:
        table: columns score, label and fold, as `eval.scoring.Scored.labelled` gives them.
        threshold: the score from which on a pair was called the same person, if there is one.
    """
    if "label" not in table:
        return {}
    labelled = table[table["label"].notna().to_numpy()]
    same = labelled["label"].to_numpy(bool)
    scores = labelled["score"].fillna(-np.inf).to_numpy(float)
    if not same.any() or same.all():
        return {}
    result = _figures(scores, same, threshold)
    if "fold" in labelled and folds_usable(scores, same, labelled["fold"].to_numpy()):
        folds = k_fold_accuracy(scores, same, labelled["fold"].to_numpy())
        result["fold_accuracy"] = {
            "mean": folds.mean,
            "standard_error": folds.standard_error,
            "folds": len(folds.accuracies),
        }
    finite = np.isfinite(scores)
    if not finite.all() and same[finite].any() and not same[finite].all():
        result["scored_only"] = _figures(scores[finite], same[finite], threshold)
    return result


def folds_usable(scores: np.ndarray, same: np.ndarray, fold: np.ndarray) -> bool:
    """Whether each fold can be judged by the others: there are pairs of both kinds in them, some with a score."""
    names = np.unique(fold)
    others = [fold != name for name in names]
    return names.size > 1 and all(
        same[part].any() and not same[part].all() and np.isfinite(scores[part]).any() for part in others
    )


def _figures(scores: np.ndarray, same: np.ndarray, threshold: float | None) -> dict[str, Any]:
    impostors = int((~same).sum())
    result: dict[str, Any] = {
        "genuine": int(same.sum()),
        "impostors": impostors,
        "auc": auc(scores, same),
        "eer": eer(scores, same),
        # A target that allows less than one false accept would only show the highest impostor score.
        "tar_at_far": [tar_at_far(scores, same, far).to_dict() for far in FAR_TARGETS if far * impostors >= 1],
    }
    if threshold is not None:
        result["accuracy_at_threshold"] = accuracy_at(scores, same, threshold)
    return result


def describe(result: dict[str, Any]) -> list[str]:
    """The figures in lines for a terminal."""
    if not result:
        return []
    lines = [f"AUC {result['auc']:.5f}   EER {100 * result['eer']:.2f} %"]
    for at in result["tar_at_far"]:
        few = ", few" if at["few"] else ""
        reached = f"reached {at['far']:.2g}: {at['false_accepts']} of {at['impostors']}{few}"
        lines.append(
            f"TAR {100 * at['tar']:.2f} % at FAR {at['target']:g} ({reached}), threshold {at['threshold']:.4f}"
        )
    if "accuracy_at_threshold" in result:
        lines.append(f"accuracy at the threshold used {100 * result['accuracy_at_threshold']:.2f} %")
    if "fold_accuracy" in result:
        folds = result["fold_accuracy"]
        lines.append(
            f"accuracy over {folds['folds']} folds {100 * folds['mean']:.2f} % "
            f"(standard error {100 * folds['standard_error']:.2f}), threshold chosen on the other folds"
        )
    if "scored_only" in result:
        lines.append("without the pairs that failed:")
        lines += [f"  {line}" for line in describe(result["scored_only"])]
    return lines
