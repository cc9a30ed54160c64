"""d', Cllr, its minimum and reliability, against slow versions, scikit-learn and closed forms."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.isotonic import IsotonicRegression

from facecore.verification.losses import cllr, d_prime, min_cllr, reliability

QUICK = settings(max_examples=60, deadline=None, derandomize=True)
PAIRS = st.lists(
    st.tuples(st.sampled_from([-1.0, -0.3, 0.0, 0.2, 0.7]) | st.floats(-1, 1), st.booleans()), min_size=2, max_size=40
).filter(lambda rows: 0 < sum(kind for _, kind in rows) < len(rows))


def arrays(rows: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score for score, _ in rows], float), np.array([kind for _, kind in rows], bool)


def test_d_prime_of_known_distributions() -> None:
    points = norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    assert d_prime(3 + points, 0.5 * points) == pytest.approx(3 / math.sqrt(1.25 / 2), rel=1e-3)
    assert d_prime(np.array([1.0, 3.0]), np.array([0.0, 0.0])) == pytest.approx(2 / math.sqrt(2 / 2))
    assert d_prime(np.array([0.0, 0.0]), np.array([1.0, 3.0])) < 0


@pytest.mark.parametrize(
    ("genuine", "impostor"), [([1.0], [0.0, 1.0]), ([1.0, np.nan], [0.0, 1.0]), ([1.0, 2.0], [0.0, -np.inf])]
)
def test_d_prime_refuses(genuine: list[float], impostor: list[float]) -> None:
    with pytest.raises(ValueError, match="two finite scores"):
        d_prime(np.array(genuine), np.array(impostor))


def test_d_prime_needs_spread() -> None:
    with pytest.raises(ValueError, match="all are equal"):
        d_prime(np.ones(3), np.zeros(3))
    with pytest.raises(ValueError, match="all are equal"):
        d_prime(np.full(3, 0.1), np.full(2, 0.3))  # the mean of three times 0.1 is not quite 0.1


@QUICK
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=20), st.lists(st.floats(-50, 50), min_size=1, max_size=20))
def test_cllr_is_the_formula(genuine: list[float], impostor: list[float]) -> None:
    slow = sum(math.log2(1 + math.exp(-x)) for x in genuine) / len(genuine)
    slow += sum(math.log2(1 + math.exp(x)) for x in impostor) / len(impostor)
    assert cllr(np.array(genuine), np.array(impostor)) == pytest.approx(slow / 2)


def test_cllr_at_its_ends() -> None:
    assert cllr(np.zeros(3), np.zeros(5)) == 1
    assert cllr(np.array([np.inf]), np.array([-np.inf])) == 0
    assert cllr(np.array([-np.inf]), np.array([0.0])) == np.inf
    assert cllr(np.array([2000.0]), np.array([2000.0])) == pytest.approx(1000 / math.log(2))
    for absent in ([], [np.nan]):
        with pytest.raises(ValueError, match="both kinds"):
            cllr(np.array(absent), np.zeros(2))


@QUICK
@given(PAIRS)
def test_min_cllr_is_the_cllr_of_scikit_learns_isotonic_regression(rows: list[tuple[float, bool]]) -> None:
    scores, same = arrays(rows)
    weights = np.where(same, 0.5 / same.sum(), 0.5 / (~same).sum())
    ranks = np.unique(scores, return_inverse=True)[1].astype(float)  # scikit-learn merges scores that nearly agree
    fitted = IsotonicRegression(y_min=0, y_max=1).fit_transform(ranks, same.astype(float), sample_weight=weights)
    with np.errstate(divide="ignore"):
        llr = np.log(fitted) - np.log1p(-np.minimum(fitted, 1))
    assert min_cllr(scores, same) == pytest.approx(cllr(llr[same], llr[~same]), abs=1e-6)


@QUICK
@given(PAIRS, st.floats(0.1, 10), st.floats(-3, 3))
def test_min_cllr_is_under_every_rising_line(rows: list[tuple[float, bool]], scale: float, offset: float) -> None:
    scores, same = arrays(rows)
    llr = scale * scores + offset
    assert 0 <= min_cllr(scores, same) <= min(1.0, cllr(llr[same], llr[~same])) + 1e-12


def test_min_cllr_at_its_ends() -> None:
    same = np.array([True, True, False, False])
    assert min_cllr(np.array([3.0, 2.0, 1.0, 0.0]), same) == 0
    assert min_cllr(np.array([0.0, 1.0, 2.0, 3.0]), same) == pytest.approx(1)
    assert min_cllr(np.zeros(4), same) == pytest.approx(1)  # ties say nothing, whatever the order of the rows
    for refused in (np.ones(4, bool), np.zeros(4, bool)):
        with pytest.raises(ValueError, match="one kind"):
            min_cllr(np.arange(4.0), refused)
    with pytest.raises(ValueError, match="finite"):
        min_cllr(np.array([np.nan, 1, 2, 3]), same)


def test_cllr_of_a_calibrated_model_is_near_its_minimum() -> None:
    random = np.random.default_rng(0)
    same = np.arange(20_000) < 4_000
    scores = random.normal(2.0 * same)  # N(2, 1) against N(0, 1): the log-likelihood ratio is 2 x - 2
    llr = 2 * scores - 2
    calibrated = cllr(llr[same], llr[~same])
    assert min_cllr(scores, same) < calibrated < min_cllr(scores, same) + 0.01


@pytest.mark.parametrize("balanced", [True, False])
def test_reliability_counts(balanced: bool) -> None:
    random = np.random.default_rng(1)
    probabilities, same = np.append(random.random(500).round(2), [0.0, 1.0]), random.random(502) < 0.2
    got = reliability(probabilities, same, bins=5, balanced=balanced)
    weight = np.where(same, (~same).sum() / same.sum(), 1.0) if balanced else np.ones(same.size)
    error = 0.0
    for b in range(5):
        inside = (probabilities >= got.edges[b]) & ((probabilities < got.edges[b + 1]) | (b == 4))
        share = np.average(same[inside], weights=weight[inside])
        mean = np.average(probabilities[inside], weights=weight[inside])
        assert got.counts[b] == inside.sum()
        assert got.share_same[b] == pytest.approx(share)
        assert got.mean_probability[b] == pytest.approx(mean)
        assert 0 <= got.low[b] <= share <= got.high[b] <= 1
        error += abs(mean - share) * weight[inside].sum() / weight.sum()
    assert got.calibration_error == pytest.approx(error)
    assert got.counts.sum() == 502


def test_reliability_of_true_probabilities_lies_on_the_diagonal() -> None:
    random = np.random.default_rng(2)
    same = np.arange(40_000) < 2_000
    scores = random.normal(2.0 * same)
    probabilities = 1 / (1 + np.exp(2 - 2 * scores))  # at prior 0.5, though one pair in twenty is genuine
    got = reliability(probabilities, same)
    assert got.calibration_error < 0.02
    assert np.mean((got.low <= got.mean_probability) & (got.mean_probability <= got.high)) >= 0.8
    assert reliability(probabilities, same, balanced=False).calibration_error > 0.05


def test_empty_bins_are_null_in_json() -> None:
    got = reliability(np.array([0.05, 0.95]), np.array([False, True]), bins=10)
    written = json.loads(json.dumps(got.to_dict(), allow_nan=False))
    assert written["share_same"] == [0.0, *[None] * 8, 1.0]
    assert written["counts"] == [1, *[0] * 8, 1]
    assert written["high"][0] > 0


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1])
def test_reliability_refuses(bad: float) -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        reliability(np.array([bad, 0.5]), np.array([True, False]))
    with pytest.raises(ValueError, match="one kind"):
        reliability(np.array([0.2, 0.5]), np.array([True, True]))
    assert reliability(np.array([0.2, 0.5]), np.array([True, True]), balanced=False).counts.sum() == 2
    with pytest.raises(ValueError, match="at least one pair"):
        reliability(np.zeros(0), np.zeros(0, bool))
    with pytest.raises(ValueError, match="bin"):
        reliability(np.array([0.2, 0.5]), np.array([True, False]), bins=0)
