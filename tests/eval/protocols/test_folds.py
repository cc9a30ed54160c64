import numpy as np
import pytest

from eval.protocols.folds import OverFolds, fold_figures
from eval.summary import folds_usable
from facecore.verification.metrics import auc, eer, k_fold_accuracy


def _pairs(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    same = np.tile([True, False], 100)
    scores = rng.normal(same * 1.5, 1.0)
    scores[rng.permutation(200)[:5]] = -np.inf
    return scores, same, np.repeat(np.arange(10), 20)


def test_each_fold_by_itself() -> None:
    scores, same, fold = _pairs(0)
    figures = fold_figures(scores, same, fold)
    assert figures.accuracy.values == k_fold_accuracy(scores, same, fold).accuracies
    assert figures.accuracy.standard_error == pytest.approx(k_fold_accuracy(scores, same, fold).standard_error)
    assert figures.eer is not None
    assert figures.auc is not None
    for number in range(10):
        inside = fold == number
        assert figures.eer.values[number] == eer(scores[inside], same[inside])
        assert figures.auc.values[number] == auc(scores[inside], same[inside])
    content = figures.to_dict()
    assert content["eer"]["mean"] == pytest.approx(np.mean(figures.eer.values))
    assert len(content["thresholds"]) == 10
    lines = "\n".join(figures.lines())
    assert f"accuracy {100 * figures.accuracy.mean:.2f} %" in lines
    assert f"EER {100 * figures.eer.mean:.2f} %" in lines


def test_spread() -> None:
    figure = OverFolds((0.9, 0.92, 0.97))
    assert figure.mean == pytest.approx(0.93)
    assert figure.deviation == pytest.approx(np.std([0.9, 0.92, 0.97], ddof=1))
    assert figure.standard_error == pytest.approx(figure.deviation / 3**0.5)


def test_a_fold_of_one_kind_has_no_eer() -> None:
    scores, same, fold = _pairs(1)
    same[fold == 4] = True
    figures = fold_figures(scores, same, fold)
    assert figures.eer is None
    assert figures.auc is None
    assert figures.to_dict()["eer"] is None
    assert len(figures.lines()) == 1


def test_which_folds_can_be_used() -> None:
    scores, same, fold = _pairs(2)
    assert folds_usable(scores, same, fold)
    assert not folds_usable(scores, same, np.zeros(200, int))
    assert not folds_usable(np.full(200, -np.inf), same, fold)
    assert not folds_usable(scores[:2], same[:2], np.array([0, 1]))
