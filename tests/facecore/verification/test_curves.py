"""DET, rates at a threshold and TAR at a budget, against scikit-learn and counting."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import det_curve, roc_auc_score

from facecore.verification.curves import det, far_at, frr_at, tar_at_budget
from facecore.verification.metrics import accuracy_at, auc, eer, roc

# Few distinct values make many ties; -inf is a failed pair.
SCORE = st.sampled_from([-np.inf, -1.0, -0.5, 0.0, 0.1, 0.25, 0.5, 1.0]) | st.floats(-1, 1, width=32)
PAIRS = st.lists(st.tuples(SCORE, st.booleans()), min_size=2, max_size=40)
BOTH_KINDS = PAIRS.filter(lambda rows: 0 < sum(kind for _, kind in rows) < len(rows))
QUICK = settings(max_examples=60, deadline=None, derandomize=True)


def arrays(rows: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score for score, _ in rows], float), np.array([kind for _, kind in rows], bool)


@QUICK
@given(BOTH_KINDS)
def test_det_equals_scikit_learn_where_both_are_defined(rows: list[tuple[float, bool]]) -> None:
    scores, same = arrays(rows)
    ranks = np.unique(scores, return_inverse=True)[1].astype(float)  # scikit-learn refuses infinities
    fpr, fnr, _ = det_curve(same, ranks)
    curve = det(scores, same)
    ours = {(round(far, 12), round(frr, 12)) for far, frr in zip(curve.far, curve.frr, strict=True)}
    # scikit-learn's curve leaves out the points where one of the rates repeats at an end.
    assert {(round(far, 12), round(frr, 12)) for far, frr in zip(fpr, fnr, strict=True)} <= ours


@QUICK
@given(BOTH_KINDS)
def test_det_counts_what_each_threshold_does(rows: list[tuple[float, bool]]) -> None:
    scores, same = arrays(rows)
    curve = det(scores, same)
    assert curve.thresholds[0] == np.inf
    assert (np.diff(curve.thresholds) < 0).all()
    for far, frr, threshold in zip(curve.far, curve.frr, curve.thresholds, strict=True):
        assert far == pytest.approx(np.mean(scores[~same] >= threshold))
        assert frr == pytest.approx(np.mean(scores[same] < threshold))


@QUICK
@given(BOTH_KINDS)
def test_auc_and_eer_of_any_scores(rows: list[tuple[float, bool]]) -> None:
    scores, same = arrays(rows)
    ranks = np.unique(scores, return_inverse=True)[1]
    assert auc(scores, same) == pytest.approx(roc_auc_score(same, ranks))
    curve = roc(scores, same)
    # The straight line between neighbouring points, looked for in small steps.
    along = np.linspace(0, len(curve.far) - 1, 4_001)
    places = np.arange(len(curve.far))
    far, frr = np.interp(along, places, curve.far), 1 - np.interp(along, places, curve.tar)
    nearest = np.argmin(np.abs(far - frr))
    assert eer(scores, same) == pytest.approx(far[nearest], abs=2e-2)


@QUICK
@given(BOTH_KINDS, st.floats(-1.5, 1.5))
def test_rates_at_a_threshold_count(rows: list[tuple[float, bool]], threshold: float) -> None:
    scores, same = arrays(rows)
    rejected = [score < threshold for score, kind in rows if kind]
    accepted = [score >= threshold for score, kind in rows if not kind]
    assert (frr_at(scores, same, threshold).count, frr_at(scores, same, threshold).total) == (
        sum(rejected),
        len(rejected),
    )
    assert (far_at(scores, same, threshold).count, far_at(scores, same, threshold).total) == (
        sum(accepted),
        len(accepted),
    )
    failed_impostors = sum(score == -np.inf and not kind for score, kind in rows)
    right = len(rows) - sum(rejected) - sum(accepted) - failed_impostors
    assert accuracy_at(scores, same, threshold) == pytest.approx(right / len(rows))


@QUICK
@given(BOTH_KINDS, st.data())
def test_tar_at_budget_is_the_best_that_the_budget_allows(rows: list[tuple[float, bool]], data: st.DataObject) -> None:
    scores, same = arrays(rows)
    impostors = int((~same).sum())
    budget = data.draw(st.integers(0, impostors - 1))
    at = tar_at_budget(scores, same, budget)
    curve = roc(scores, same)
    allowed = curve.far * impostors <= budget + 1e-9
    assert at.tar == pytest.approx(curve.tar[allowed].max())
    assert at.false_accepts <= budget
    assert at.false_accepts == np.count_nonzero(scores[~same] >= at.threshold)
    assert at.target == budget / impostors
    assert at.few == (at.false_accepts < 10)


def test_failed_pairs_are_rejected_whatever_the_threshold() -> None:
    scores, same = np.array([-np.inf, 0.5, -np.inf, 0.1]), np.array([True, True, False, False])
    assert frr_at(scores, same, -np.inf).value == 0.5
    assert far_at(scores, same, -np.inf).value == 0.5
    assert json.loads(json.dumps(far_at(scores, same, 0.3).to_dict())) == {"count": 0, "total": 2, "value": 0.0}


def test_rates_need_only_their_own_kind() -> None:
    scores = np.array([0.1, 0.9], np.float32)
    assert far_at(scores, np.zeros(2, bool), 0.5).value == 0.5
    assert frr_at(scores, np.ones(2, bool), 0.5).value == 0.5
    with pytest.raises(ValueError, match="no genuine pair"):
        frr_at(scores, np.zeros(2, bool), 0.5)
    with pytest.raises(ValueError, match="no impostor pair"):
        far_at(scores, np.ones(2, bool), 0.5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_none_are_refused(bad: float) -> None:
    scores, same = np.array([bad, 0.5, 0.1]), np.array([True, True, False])
    for refused in (
        lambda: det(scores, same),
        lambda: frr_at(scores, same, 0.2),
        lambda: tar_at_budget(scores, same, 0),
    ):
        with pytest.raises(ValueError, match=r"NaN or \+inf"):
            refused()
    with pytest.raises(ValueError, match="threshold"):
        far_at(np.zeros(2), np.array([True, False]), np.nan)
    with pytest.raises(ValueError, match="booleans"):
        far_at(np.zeros(2), np.array([1, 0]), 0.5)


@pytest.mark.parametrize("budget", [-1, 2, 3])
def test_a_budget_for_every_impostor_is_refused(budget: int) -> None:
    with pytest.raises(ValueError, match="no budget"):
        tar_at_budget(np.array([0.5, 0.2, 0.1]), np.array([True, False, False]), budget)
    with pytest.raises(TypeError):
        tar_at_budget(np.array([0.5, 0.2, 0.1]), np.array([True, False, False]), 0.5)
