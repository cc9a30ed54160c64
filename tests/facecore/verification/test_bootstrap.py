"""Bootstrap intervals: what they hold, how they behave, and how often they hold a known truth."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from facecore.verification import bootstrap
from facecore.verification.bootstrap import Interval, paired_bootstrap, vertex_bootstrap
from facecore.verification.dependence import dependent_interval
from facecore.verification.intervals import wilson
from facecore.verification.metrics import auc, eer

MEAN = 2.5  # genuine scores are N(2.5, 1), impostor scores N(0, 1)
GRID = np.linspace(-8, 12, 20_001)


def llr(scores: np.ndarray) -> np.ndarray:
    return MEAN * scores - MEAN**2 / 2


def _cllr() -> float:
    genuine, impostor = norm.pdf(GRID - MEAN), norm.pdf(GRID)
    costs = genuine * np.logaddexp(0, -llr(GRID)) + impostor * np.logaddexp(0, llr(GRID))
    return float(np.trapezoid(costs, GRID) / np.log(2) / 2)


TRUTH = {
    "auc": norm.cdf(MEAN / 2**0.5),
    "eer": norm.cdf(-MEAN / 2),
    "tar@0.1": norm.cdf(MEAN - norm.isf(0.1)),
    "frr@1.5": norm.cdf(1.5 - MEAN),
    "far@1.5": norm.sf(1.5),
    "d_prime": MEAN,
    "cllr": _cllr(),
    "min_cllr": _cllr(),  # the map `llr` is the best there is
}


def draw(
    random: np.random.Generator, people: int, shared: float, dense: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scores, kinds and codes; a share of the variance belongs to the people."""
    own = random.normal(size=people)
    person = np.repeat(np.arange(people), random.integers(1, 6, size=people))
    if dense:
        left, right = np.triu_indices(people, 1)
    else:
        left = random.integers(people, size=people)
        right = (left + 1 + random.integers(people - 1, size=people)) % people
    part = np.concatenate([own[person], (own[left] + own[right]) / 2**0.5])
    same = np.arange(part.size) < person.size
    scores = MEAN * same + shared**0.5 * part + (1 - shared) ** 0.5 * random.normal(size=part.size)
    return scores, same, np.concatenate([person, left]), np.concatenate([person, right])


def test_every_interval_holds_its_figure_and_is_repeatable() -> None:
    scores, same, left, right = draw(np.random.default_rng(0), 60, 0.3, True)
    scores[::50] = -np.inf
    names = [*TRUTH, "accuracy@1.5"]
    found = vertex_bootstrap(scores, same, left, right, names, replicates=100, llr=llr)
    assert list(found) == names
    assert found["auc"].low < auc(scores, same) < found["auc"].high
    assert found["eer"].low < eer(scores, same) < found["eer"].high
    assert all(interval.low < interval.high for interval in found.values())
    assert found["frr@1.5"].replicates == 0
    assert found["auc"].replicates == 100
    assert found == vertex_bootstrap(scores, same, left, right, names, replicates=100, llr=llr)
    other = vertex_bootstrap(scores, same, left, right, ["auc"], replicates=100, seed=1)
    assert other["auc"] != found["auc"]
    assert other["auc"].high == pytest.approx(found["auc"].high, abs=0.02)
    assert json.loads(json.dumps(found["auc"].to_dict()))["dropped"] == 0


def test_bootstrap_and_formula_agree_on_a_rate() -> None:
    """FAR at a threshold is also TAR of the kinds swapped, at a budget that leaves the threshold in a gap."""
    random = np.random.default_rng(5)
    left, right = np.triu_indices(60, 1)
    own = random.normal(size=60)
    errors = own[left] + own[right] + random.normal(size=left.size) > 2
    # Every error counts as a genuine pair above all impostors: TAR at FAR 0 is the share of errors.
    scores = np.concatenate([np.where(errors, 2.0, 0.0), [1.0] * 30])
    same = np.arange(scores.size) < errors.size
    loners = 60 + np.arange(30)
    got = vertex_bootstrap(
        scores, same, np.append(left, loners), np.append(right, loners), ["tar@0"], replicates=2_000
    )["tar@0"]
    formula = dependent_interval(errors, left, right)
    assert got.high - got.low == pytest.approx(formula.high - formula.low, rel=0.12)


def test_pairs_that_share_nobody_are_as_sure_as_their_count() -> None:
    random = np.random.default_rng(6)
    errors = random.random(600) < 0.2
    scores = np.concatenate([np.where(errors, 2.0, 0.0), [1.0] * 30])
    same = np.arange(scores.size) < errors.size
    left = np.arange(scores.size) * 2
    got = vertex_bootstrap(scores, same, left, left + 1, ["tar@0"], replicates=2_000)["tar@0"]
    low, high = wilson(int(errors.sum()), errors.size)
    assert got.high - got.low == pytest.approx(high - low, rel=0.12)


def test_perfect_scores_are_not_perfectly_sure() -> None:
    left, right = np.triu_indices(30, 1)
    same = np.arange(30 + left.size) < 30
    codes = np.concatenate([np.arange(30), left]), np.concatenate([np.arange(30), right])
    names = ["auc", "eer", "tar@0.01", "frr@0.5", "far@0.5", "accuracy@0.5", "min_cllr"]
    found = vertex_bootstrap(np.where(same, 1.0, 0.0), same, *codes, names, replicates=50)
    for name in ("eer", "frr@0.5", "far@0.5", "min_cllr"):
        assert found[name].low == 0
        assert 0.05 < found[name].high < 0.3
    for name in ("auc", "tar@0.01", "accuracy@0.5"):
        assert found[name].high == 1
        assert 0.7 < found[name].low < 0.95


def test_figures_that_cannot_vary_have_no_interval() -> None:
    same = np.array([True] * 5 + [False] * 5)
    codes = np.zeros(10, int)
    found = vertex_bootstrap(np.arange(10.0), same, codes, codes, ["d_prime", "auc"], replicates=50)
    assert list(found) == ["auc"]
    assert found["auc"].high - found["auc"].low > 0.5  # one person tells nothing


def test_replicates_with_one_kind_are_dropped_and_counted() -> None:
    scores, same = np.array([0.9, 0.8, 0.1, 0.3]), np.array([True, True, False, False])
    left, right = np.array([0, 1, 0, 2]), np.array([0, 1, 3, 3])
    found = vertex_bootstrap(scores, same, left, right, ["auc"], replicates=200)["auc"]
    assert found.dropped > 20
    assert found.replicates + found.dropped == 200


def test_many_pairs_get_fewer_replicates_or_the_formula_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    data = draw(np.random.default_rng(1), 60, 0.3, True)
    size = data[0].size
    monkeypatch.setattr(bootstrap, "WORK", size * 70)
    assert vertex_bootstrap(*data, ["auc"])["auc"].replicates == 70
    monkeypatch.setattr(bootstrap, "MOST_PAIRS", size - 1)
    found = vertex_bootstrap(*data, ["auc", "far@1.5"])
    assert list(found) == ["far@1.5"]
    assert paired_bootstrap(data[0], *data, ["auc"]) == {}


def test_a_better_model_is_told_from_a_worse_one() -> None:
    random = np.random.default_rng(2)
    scores, same, left, right = draw(random, 60, 0.3, True)
    worse = scores + random.normal(scale=0.8, size=scores.size)
    found = paired_bootstrap(worse, scores, same, left, right, ["auc", "eer", "frr@1.5"], replicates=200)
    assert found["auc"].b == auc(scores, same)
    assert found["auc"].a == auc(worse, same)
    assert found["auc"].difference == pytest.approx(found["auc"].b - found["auc"].a)
    assert 0 < found["auc"].low < found["auc"].difference < found["auc"].high
    assert found["auc"].p_value < 0.01
    alone = [vertex_bootstrap(s, same, left, right, ["auc"], replicates=200)["auc"] for s in (scores, worse)]
    apart = np.hypot(*(interval.high - interval.low for interval in alone))
    assert found["auc"].high - found["auc"].low < 0.8 * apart  # the same people and pairs are on both sides
    back = paired_bootstrap(scores, worse, same, left, right, ["auc"], replicates=200)["auc"]
    assert back.low == pytest.approx(-found["auc"].high)
    assert json.loads(json.dumps(back.to_dict()))["p_value"] == pytest.approx(found["auc"].p_value)


def test_each_model_has_its_own_threshold() -> None:
    scores, same, left, right = draw(np.random.default_rng(3), 40, 0.3, False)
    found = paired_bootstrap(
        scores,
        2 * scores,
        same,
        left,
        right,
        ["frr@1.5", "cllr"],
        figures_b=["frr@3.0", "cllr"],
        replicates=50,
        llr_a=llr,
        llr_b=lambda doubled: llr(doubled / 2),
    )
    assert found["frr@1.5"].difference == 0
    assert found["frr@1.5"].p_value == 1
    assert found["frr@1.5"].low < 0 < found["frr@1.5"].high
    assert "cllr" not in found  # nothing varies, and it has no bounds to fall back on
    with pytest.raises(ValueError, match="same kinds"):
        paired_bootstrap(scores, scores, same, left, right, ["auc"], figures_b=["eer"])


def test_misuse_is_refused() -> None:
    scores, same, codes = np.array([0.9, 0.1]), np.array([True, False]), np.array([0, 1])
    with pytest.raises(ValueError, match="no figure"):
        vertex_bootstrap(scores, same, codes, codes, ["f1"])
    with pytest.raises(ValueError, match="at least"):
        vertex_bootstrap(scores, same, codes, codes, ["auc"], replicates=3)
    with pytest.raises(ValueError, match="as many codes"):
        vertex_bootstrap(scores, same, codes[:1], codes[:1], ["auc"])
    with pytest.raises(ValueError, match="no genuine pair"):
        vertex_bootstrap(scores, np.zeros(2, bool), codes, codes, ["far@0.5"])
    with pytest.raises(ValueError, match=r"NaN or \+inf"):
        vertex_bootstrap(np.array([np.nan, 0.1]), same, codes, codes, ["far@0.5"])


def coverage(people: int, shared: float, dense: bool, times: int) -> dict[str, float]:
    """The share of simulated data sets whose interval holds the truth, for each figure."""
    random = np.random.default_rng(people)
    hits = dict.fromkeys(TRUTH, 0)
    for seed in range(times):
        found = vertex_bootstrap(*draw(random, people, shared, dense), list(TRUTH), replicates=120, seed=seed, llr=llr)
        for name, truth in TRUTH.items():
            interval: Interval = found[name]
            hits[name] += interval.low <= truth <= interval.high
    return {name: count / times for name, count in hits.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("people", "shared", "dense"), [(60, 0.4, True), (200, 0.4, False), (200, 0.0, False)])
def test_coverage(people: int, shared: float, dense: bool) -> None:
    times = 150
    noise = 3 * (0.95 * 0.05 / times) ** 0.5
    held = coverage(people, shared, dense, times)
    # Three points under the nominal level: what was found for so few people, in each figure, over many more data sets.
    assert all(share >= 0.92 - noise for share in held.values()), held
    assert np.mean(list(held.values())) < 0.985, held  # and they are not merely wide
