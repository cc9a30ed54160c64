"""Figures from scores, against scikit-learn and slow obvious versions."""

import itertools
import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from facecore.verification.metrics import (
    accuracy_at,
    auc,
    best_accuracy,
    eer,
    k_fold_accuracy,
    roc,
    tar_at_far,
    threshold_at_far,
)

FIGURES = [roc, auc, eer, best_accuracy]


def pairs(seed: int, n: int = 400, decimals: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping scores; two decimals make many ties."""
    random = np.random.default_rng(seed)
    same = random.random(n) < 0.3
    return np.round(random.normal(0.1, 0.15, n) + 0.3 * same, decimals), same


@pytest.mark.parametrize("decimals", [1, 2, 12])
@pytest.mark.parametrize("seed", range(5))
def test_roc_and_auc_equal_scikit_learn(seed: int, decimals: int) -> None:
    scores, same = pairs(seed, decimals=decimals)
    far, tar, thresholds = roc_curve(same, scores, drop_intermediate=False)
    curve = roc(scores, same)
    np.testing.assert_allclose(curve.far, far, atol=1e-12)
    np.testing.assert_allclose(curve.tar, tar, atol=1e-12)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    assert auc(scores, same) == pytest.approx(roc_auc_score(same, scores), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_points_of_the_roc_are_what_their_threshold_accepts(seed: int) -> None:
    scores, same = pairs(seed, n=60)
    curve = roc(scores, same)
    for far, tar, threshold in zip(curve.far, curve.tar, curve.thresholds, strict=True):
        assert far == pytest.approx(np.mean(scores[~same] >= threshold))
        assert tar == pytest.approx(np.mean(scores[same] >= threshold))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("decimals", [1, 12])
def test_eer_equals_a_walk_along_the_curve(seed: int, decimals: int) -> None:
    scores, same = pairs(seed, n=80, decimals=decimals)
    points = [(0.0, 1.0)]
    for threshold in sorted(set(scores.tolist()), reverse=True):
        points.append((float(np.mean(scores[~same] >= threshold)), float(np.mean(scores[same] < threshold))))
    closest = []
    for (far, frr), (next_far, next_frr) in itertools.pairwise(points):
        walk = [(far + t * (next_far - far), frr + t * (next_frr - frr)) for t in np.linspace(0, 1, 2001)]
        closest.append(min(walk, key=lambda point: abs(point[0] - point[1])))
    expected = min(closest, key=lambda point: abs(point[0] - point[1]))
    assert eer(scores, same) == pytest.approx(expected[0], abs=1e-3)


def test_eer_of_perfect_useless_and_inverted_scores() -> None:
    same = np.array([True, True, False, False])
    assert eer(np.array([0.9, 0.8, 0.2, 0.1]), same) == 0
    assert eer(np.zeros(4), same) == 0.5
    assert eer(np.array([0.1, 0.2, 0.8, 0.9]), same) == 1


def slow_threshold(impostor: np.ndarray, budget: int) -> float:
    """The lowest of all scores and their upper neighbours that lets no more than `budget` impostors pass."""
    candidates = sorted({*impostor.tolist(), *np.nextafter(impostor, impostor.dtype.type(np.inf)).tolist()})
    return next(c for c in candidates if np.sum(impostor.astype(np.float64) >= c) <= budget)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("decimals", [1, 2, 12])
@pytest.mark.parametrize("far", [0, 0.001, 0.01, 0.29, 0.5, 0.999])
def test_tar_at_far_equals_a_slow_search(far: float, decimals: int, dtype: type) -> None:
    scores, same = pairs(7, n=300, decimals=decimals)
    scores = scores.astype(dtype)
    impostor = scores[~same]
    budget = int(far * 1000 + 0.5) * impostor.size // 1000
    found = tar_at_far(scores, same, far)
    assert found.threshold == slow_threshold(impostor, budget)
    assert found.false_accepts == np.sum(impostor >= found.threshold) <= budget
    assert found.far == found.false_accepts / impostor.size <= far
    assert found.tar == np.mean(scores[same] >= found.threshold)
    assert found.few == (found.false_accepts < 10)
    assert json.loads(json.dumps(found.to_dict()))["target"] == far


def test_budget_of_false_accepts_is_a_whole_number_and_ties_are_kept_out() -> None:
    impostor = np.array([0.9, 0.8, 0.8, 0.8, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert threshold_at_far(impostor, 0.1).false_accepts == 1
    assert threshold_at_far(impostor, 0.19).false_accepts == 1
    tied = threshold_at_far(impostor, 0.3)
    assert (tied.false_accepts, tied.far, tied.target) == (1, 0.1, 0.3)
    assert threshold_at_far(impostor, 0.4).false_accepts == 4
    assert threshold_at_far(impostor, 0).threshold == np.nextafter(0.9, 1)
    assert threshold_at_far(np.arange(100.0), 0.29).false_accepts == 29


def test_threshold_of_float32_scores_is_exact_in_float32() -> None:
    impostor = np.linspace(0, 1, 1000, dtype=np.float32)
    threshold = threshold_at_far(impostor, 0.01).threshold
    assert threshold == float(np.float32(threshold))
    assert np.sum(impostor >= np.float32(threshold)) == 10


def test_failed_pairs_are_never_accepted_and_are_errors() -> None:
    scores = np.array([0.9, 0.6, -np.inf, 0.7, 0.1, 0.0, -np.inf, -np.inf])
    same = np.array([True, True, True, False, False, False, False, False])
    found = tar_at_far(scores, same, 0.99)
    assert (found.true_accepts, found.false_accepts) == (2, 3)
    assert found.tar == pytest.approx(2 / 3)
    assert np.isfinite(found.threshold)
    assert tar_at_far(scores, same, 0.2).tar == pytest.approx(2 / 3)
    assert accuracy_at(scores, same, 0.5) == 4 / 8
    assert accuracy_at(scores, same, -5) == 2 / 8
    assert best_accuracy(scores, same).accuracy == 4 / 8
    # Area under the curve: wins of genuine over impostor pairs, ties one half.
    wins = np.mean([(g > i) + (g == i) / 2 for g in scores[same] for i in scores[~same]])
    assert auc(scores, same) == pytest.approx(wins)


@pytest.mark.parametrize("seed", range(5))
def test_best_accuracy_equals_trying_every_cut(seed: int) -> None:
    scores, same = pairs(seed, n=100)
    levels = sorted(set(scores.tolist()))
    cuts = [levels[0] - 1, *levels, levels[-1] + 1]
    best = best_accuracy(scores, same)
    assert best.accuracy == max(np.mean((scores >= cut) == same) for cut in cuts)
    assert accuracy_at(scores, same, best.threshold) == best.accuracy


def test_best_threshold_lies_midway_and_of_equals_the_strictest_is_taken() -> None:
    assert best_accuracy(np.array([0.2, 0.6]), np.array([False, True])).threshold == pytest.approx(0.4)
    inverted = best_accuracy(np.array([0.6, 0.2]), np.array([False, True]))
    assert inverted.accuracy == 0.5
    assert inverted.threshold > 0.6


@pytest.mark.parametrize("seed", range(3))
def test_k_fold_equals_a_slow_version(seed: int) -> None:
    scores, same = pairs(seed, n=300, decimals=3)
    fold = np.random.default_rng(seed).integers(1, 11, 300)
    accuracies = []
    for number in range(1, 11):
        train, test = fold != number, fold == number
        levels = sorted({*scores[train].tolist(), 9.0}, reverse=True)
        accuracy = [np.mean((scores[train] >= level) == same[train]) for level in levels]
        best = int(np.argmax(accuracy))
        threshold = levels[best] if best in (0, len(levels) - 1) else (levels[best] + levels[best + 1]) / 2
        accuracies.append(np.mean((scores[test] >= threshold) == same[test]))
    found = k_fold_accuracy(scores, same, fold)
    assert found.accuracies == pytest.approx(accuracies)
    assert found.mean == pytest.approx(np.mean(accuracies))
    spread = sum((a - np.mean(accuracies)) ** 2 for a in accuracies) / 9
    assert found.standard_error == pytest.approx((spread / 10) ** 0.5)


def test_folds_may_have_names_and_no_fold_sees_its_own_threshold() -> None:
    # In fold "a" genuine pairs score higher, in fold "b" lower: each fold's own best threshold would give 100 %.
    scores = np.array([0.9, 0.8, 0.5, 0.4])
    same = np.array([True, False, True, False])
    found = k_fold_accuracy(scores, same, np.array(["a", "a", "b", "b"], dtype=object))
    assert found.mean == 0.5
    assert found.thresholds == pytest.approx((0.45, 0.85))
    with pytest.raises(ValueError, match="two folds"):
        k_fold_accuracy(scores, same, np.ones(4))
    with pytest.raises(ValueError, match="3 fold numbers for 4"):
        k_fold_accuracy(scores, same, np.arange(3))


@pytest.mark.parametrize("figure", FIGURES)
def test_bad_arrays_are_refused(figure: object) -> None:
    assert callable(figure)
    scores, same = np.array([0.1, 0.2]), np.array([True, False])
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="NaN or"):
            figure(np.array([0.1, bad]), same)
    with pytest.raises(ValueError, match="no genuine pair"):
        figure(scores, np.array([False, False]))
    with pytest.raises(ValueError, match="no impostor pair"):
        figure(scores, np.array([True, True]))
    with pytest.raises(ValueError, match="no genuine pair"):
        figure(np.array([]), np.array([], bool))
    with pytest.raises(ValueError, match="booleans"):
        figure(scores, np.array([1, 0]))
    with pytest.raises(ValueError, match="shape"):
        figure(scores, np.array([True, False, True]))
    with pytest.raises(ValueError, match="one-dimensional"):
        figure(scores[:, None], same)


def test_bad_targets_are_refused() -> None:
    for far in (-0.1, 1, np.nan):
        with pytest.raises(ValueError, match="FAR target"):
            threshold_at_far(np.array([0.1]), far)
    with pytest.raises(ValueError, match="none"):
        threshold_at_far(np.array([]), 0.1)
    with pytest.raises(ValueError, match="NaN"):
        accuracy_at(np.array([0.1, 0.2]), np.array([True, False]), np.nan)
    with pytest.raises(ValueError, match="every one"):
        best_accuracy(np.array([-np.inf, -np.inf]), np.array([True, False]))
