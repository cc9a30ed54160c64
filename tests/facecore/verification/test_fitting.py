"""Fitting a calibration, and the evidence for it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from facecore.verification.calibration import FARS, Calibration
from facecore.verification.fitting import evidence, fit
from facecore.verification.metrics import accuracy_at, auc, eer, tar_at_far, threshold_at_far

SOURCE = {"data": "made-up pairs", "digest": "0" * 64}


def cosines(genuine: int = 1_000, impostor: int = 120_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of pairs that overlap somewhat."""
    rng = np.random.default_rng(seed)
    return rng.normal(0.5, 0.15, genuine).clip(-1, 1), rng.normal(0.05, 0.12, impostor).clip(-1, 1)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return fit(*cosines(), source=SOURCE)


def test_logistic_map_equals_scikit_learn_with_balanced_weights(calibration: Calibration) -> None:
    genuine, impostor = cosines()
    labels = np.repeat([1, 0], [genuine.size, impostor.size])
    model = LogisticRegression(C=1e9, class_weight="balanced", tol=1e-10, max_iter=1000)
    model.fit(np.concatenate([genuine, impostor])[:, None], labels)
    assert calibration.scale == pytest.approx(model.coef_[0, 0], rel=1e-4)
    assert calibration.offset == pytest.approx(model.intercept_[0], rel=1e-4)


def test_logistic_map_equals_scikit_learn_on_rebalanced_pairs() -> None:
    genuine, impostor = cosines(500, 10_000)
    scores = np.concatenate([np.repeat(genuine, 20), impostor])[:, None]
    model = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit(scores, np.repeat([1, 0], 10_000))
    found = fit(genuine, impostor, source=SOURCE)
    grid = np.linspace(-1, 1, 101)
    np.testing.assert_allclose(found.probabilities(grid), model.predict_proba(grid[:, None])[:, 1], atol=1e-4)


def test_probabilities_are_right_on_new_pairs(calibration: Calibration) -> None:
    genuine, impostor = cosines(50_000, 50_000, seed=9)
    scores = np.concatenate([genuine, impostor])
    same = np.repeat([True, False], 50_000)
    probabilities = calibration.probabilities(scores)
    for low in np.arange(0.1, 0.9, 0.2):
        inside = (probabilities >= low) & (probabilities < low + 0.2)
        assert same[inside].mean() == pytest.approx(probabilities[inside].mean(), abs=0.06)


def test_thresholds_are_quantiles_of_the_impostors(calibration: Calibration) -> None:
    genuine, impostor = cosines()
    for far, found in zip(FARS, calibration.thresholds, strict=True):
        expected = threshold_at_far(impostor, far)
        assert (found.threshold, found.false_accepts) == (expected.threshold, round(far * impostor.size))
        assert found.true_accepts == np.sum(genuine >= expected.threshold)
        assert (found.genuine, found.impostors, found.reason) == (genuine.size, impostor.size, "")


def test_interval_of_a_threshold_covers_the_true_quantile() -> None:
    true = 0.05 + 0.12 * 3.0902323061678132  # the normal quantile at 0.999
    covered = []
    for seed in range(40):
        interval = fit(*cosines(20, 10_000, seed), source=SOURCE).thresholds[1].interval
        assert interval is not None
        covered.append(interval[0] <= true <= interval[1])
    assert np.mean(covered) >= 0.85


def test_a_rate_that_too_few_pairs_carry_is_null_and_says_why() -> None:
    found = fit(*cosines(impostor=99_999), source=SOURCE)
    assert [t.threshold is None for t in found.thresholds] == [False, False, True]
    assert "9 of 99,999 impostor pairs" in found.thresholds[2].reason
    with pytest.raises(ValueError, match=r"rates from 0\.0001 to 1"):
        found.threshold_for(1e-5)


def test_table_of_strangers_counts_pairs(calibration: Calibration) -> None:
    _, impostor = cosines()
    assert calibration.one_in[0] == 1
    assert calibration.rarest == impostor.size / 10
    for n, score in zip(calibration.one_in, calibration.one_in_scores, strict=True):
        assert np.sum(impostor >= score) == pytest.approx(impostor.size / n)
    for score in np.linspace(0, 0.45, 50):
        assert calibration.strangers(score) == pytest.approx(1 / np.mean(impostor >= score), rel=0.1)


def test_histograms_hold_every_pair(calibration: Calibration) -> None:
    assert sum(calibration.histograms.genuine) == 1_000
    assert sum(calibration.histograms.impostor) == 120_000


def test_scores_in_float32_and_round_trip(calibration: Calibration) -> None:
    genuine, impostor = (scores.astype(np.float32) for scores in cosines())
    found = fit(genuine, impostor, source=SOURCE)
    assert found.threshold == pytest.approx(calibration.threshold, abs=1e-6)
    assert Calibration.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found


def test_scores_that_separate_perfectly_have_a_finite_map() -> None:
    genuine, impostor = np.linspace(0.6, 0.9, 100), np.linspace(-0.5, 0.3, 20_000)
    found = fit(genuine, impostor, source=SOURCE)
    assert found.probability(0.3) < 0.01
    assert found.probability(0.6) > 0.99
    assert 0.3 < found.threshold < 0.6


def test_tied_scores_still_calibrate() -> None:
    genuine, impostor = (np.round(scores, 2) for scores in cosines())
    found = fit(genuine, impostor, source=SOURCE)
    assert list(found.one_in_scores) == sorted(set(found.one_in_scores))
    assert found.strangers(0.3) == pytest.approx(1 / np.mean(impostor >= 0.3), rel=0.3)


def test_what_cannot_be_calibrated_is_refused() -> None:
    genuine, impostor = cosines()
    with pytest.raises(ValueError, match="10,000 impostor pairs"):
        fit(genuine, impostor[:9_999], source=SOURCE)
    with pytest.raises(ValueError, match="at least 10 genuine"):
        fit(genuine[:9], impostor, source=SOURCE)
    with pytest.raises(ValueError, match="impostor scores must be"):
        fit(genuine, impostor * 10, source=SOURCE)
    with pytest.raises(ValueError, match="genuine scores must be"):
        fit(np.append(genuine, np.nan), impostor, source=SOURCE)
    with pytest.raises(ValueError, match="do not score higher"):
        fit(-genuine, impostor, source=SOURCE)
    with pytest.raises(ValueError, match="digest"):
        fit(genuine, impostor, source={"data": "x"})
    with pytest.raises(ValueError, match="JSON"):
        fit(genuine, impostor, source={**SOURCE, "pairs": np.int64(3)})
    with pytest.raises(ValueError, match="no threshold"):
        fit(genuine, np.zeros(20_000), source=SOURCE)


def test_evidence_by_pool(calibration: Calibration) -> None:
    genuine, easy = cosines(200, 3_000, seed=1)
    hard = cosines(10, 2_000, seed=2)[1] + 0.1
    scores = np.concatenate([genuine, easy, hard])
    same = np.arange(scores.size) < 200
    pool = np.array(["people"] * 3_200 + ["fairface"] * 2_000)
    figures = evidence(calibration, scores, same, pool)
    assert list(figures) == ["fairface", "people", "all"]
    json.dumps(figures, allow_nan=False)
    for name, chosen in (("people", pool == "people"), ("fairface", same | (pool == "fairface")), ("all", pool != "")):
        found, s, g = figures[name], scores[chosen], same[chosen]
        assert (found["genuine"], found["impostors"]) == (200, g.size - 200)
        assert (found["auc"], found["eer"]) == (auc(s, g), eer(s, g))
        assert [at["tar"] for at in found["tar_at_far"]] == [tar_at_far(s, g, far).tar for far in FARS]
        at = found["at_threshold"]
        assert at["threshold"] == calibration.threshold
        assert at["far"] == np.mean(s[~g] >= calibration.threshold)
        assert at["tar"] == np.mean(s[g] >= calibration.threshold)
        assert at["accuracy"] == pytest.approx(accuracy_at(s, g, calibration.threshold))
        for rate in ("far", "tar", "accuracy"):
            low, high = at[f"{rate}_interval"]
            assert 0 <= low <= at[rate] <= high <= 1
            assert low < high
    assert figures["all"]["tar_at_far"][2]["few"]
    with pytest.raises(ValueError, match="pools for"):
        evidence(calibration, scores, same, pool[1:])


@pytest.mark.data
def test_pairs_as_the_training_data_have_them(shared_data: Path) -> None:
    """Scores drawn at random for the real pairs: pools and counts are those of the design."""
    table = pd.read_parquet(shared_data / "train" / "val_pairs.parquet")
    rng = np.random.default_rng(0)
    same = table["same"].to_numpy()
    scores = (rng.normal(0.05, 0.12, same.size) + 0.45 * same).clip(-1, 1)
    half = table["half"].to_numpy() == "fit"
    found = fit(scores[half & same], scores[half & ~same], source=SOURCE)
    assert found.rarest == 30_000
    assert found.thresholds[2].false_accepts == 30
    figures = evidence(found, scores[~half], same[~half], table["pool"].to_numpy()[~half])
    assert {name: (f["genuine"], f["impostors"]) for name, f in figures.items()} == {
        "fairface": (5_000, 200_000),
        "people": (5_000, 100_000),
        "all": (5_000, 300_000),
    }
