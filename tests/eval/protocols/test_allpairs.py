import itertools
import tracemalloc

import numpy as np
import pytest

from eval.protocols import tally
from eval.protocols.allpairs import FARS, AllPairs, all_pairs
from eval.protocols.tally import RESOLUTION
from facecore.verification.metrics import auc, tar_at_far

COARSE = (0.5, 0.1, 0.01, 0.001, 1e-6)


def _photos(count: int, people: int, seed: int, failed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose products are multiples of 1/4096 however they are added up, so that scores can be compared exactly."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, people, count) * 7 - 3
    person = rng.integers(-12, 13, (people, 8))
    rows = person[(codes + 3) // 7] + rng.integers(-10, 11, (count, 8))
    matrix = (rows / 64).astype(np.float32)
    matrix[rng.permutation(count)[:failed]] = np.nan
    return matrix, codes


def _slowly(matrix: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scores, same = [], []
    for i, j in itertools.combinations(range(len(codes)), 2):
        score = float(matrix[i] @ matrix[j])
        scores.append(-np.inf if np.isnan(score) else min(max(score, -1.0), 1.0))
        same.append(codes[i] == codes[j])
    return np.array(scores, np.float32), np.array(same)


def _check(result: AllPairs, matrix: np.ndarray, codes: np.ndarray, fars: tuple[float, ...]) -> None:
    scores, same = _slowly(matrix, codes)
    assert (result.genuine, result.impostors) == (same.sum(), (~same).sum())
    failed = ~np.isfinite(scores)
    assert (result.failed_genuine, result.failed_impostors) == ((failed & same).sum(), (failed & ~same).sum())
    assert result.failed_photos == np.isnan(matrix[:, 0]).sum()
    assert result.people == len(set(codes.tolist()))
    np.testing.assert_array_equal(result.genuine_scores, np.sort(scores[same & ~failed]))
    assert result.tar == tuple(tar_at_far(scores, same, far) for far in fars if int(far * (~same).sum()) > 0)
    left, kept = scores[~failed], same[~failed]
    assert result.tar_scored == tuple(tar_at_far(left, kept, far) for far in fars if int(far * (~kept).sum()) > 0)
    # No two of these scores share a bin unless they are equal.
    assert result.auc == pytest.approx(auc(scores, same), abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("failed", [0, 7])
def test_like_the_slow_version(seed: int, failed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "TILE", 1 + 9 * (seed + 1))
    matrix, codes = _photos(70 + seed, 3 + 4 * seed, seed, failed)
    result = all_pairs(matrix, codes, COARSE, threshold=0.25)
    _check(result, matrix, codes, COARSE)
    scores, same = _slowly(matrix, codes)
    assert result.at_threshold is not None
    assert result.at_threshold.false_accepts == np.sum(scores[~same] >= 0.25)
    assert result.at_threshold.true_accepts == np.sum(scores[same] >= 0.25)
    assert set(result.exact) == {at.target for at in result.tar}


def test_many_ties() -> None:
    """Sixty photos with three different embeddings."""
    matrix = np.repeat(np.eye(3, 8, dtype=np.float32), 20, axis=0)
    codes = np.arange(60) // 2
    result = all_pairs(matrix, codes, COARSE)
    _check(result, matrix, codes, COARSE)
    assert result.tar[1].false_accepts == 0  # the highest impostors score alike, and are more than a tenth


@pytest.mark.parametrize("keep", [0, 1, 10, 100])
def test_what_is_not_kept_comes_from_the_histogram(keep: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "TILE", 16)
    matrix, codes = _photos(90, 12, 3, failed=4)
    exact, rough = all_pairs(matrix, codes, COARSE), all_pairs(matrix, codes, COARSE, keep=keep)
    assert len(rough.exact) < len(exact.exact)
    for ours, truth in zip(rough.tar, exact.tar, strict=True):
        # These scores lie on the edges of bins, so the counts must agree although the thresholds need not.
        assert (ours.false_accepts, ours.true_accepts) == (truth.false_accepts, truth.true_accepts)
        assert ours.threshold == pytest.approx(truth.threshold, abs=RESOLUTION)
        assert (ours.target in rough.exact) == (ours == truth)


def test_a_rough_threshold_keeps_to_its_budget() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(300, 32)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    codes = np.arange(300) // 3
    exact, rough = all_pairs(matrix, codes, COARSE), all_pairs(matrix, codes, COARSE, keep=0)
    assert rough.exact == ()
    for ours, truth in zip(rough.tar, exact.tar, strict=True):
        assert ours.false_accepts <= truth.false_accepts
        assert truth.threshold - 1e-6 <= ours.threshold <= truth.threshold + RESOLUTION + 1e-6
    scores, same = _slowly(matrix, codes)
    assert exact.auc is not None
    assert exact.auc_error is not None
    assert 0 < exact.auc_error < 1e-3
    assert abs(exact.auc - auc(scores, same)) <= exact.auc_error + 1e-9


def test_every_photo_failed() -> None:
    result = all_pairs(np.full((6, 4), np.nan, np.float32), np.array([0, 0, 1, 1, 2, 2]), (0.5,))
    assert (result.genuine, result.failed_genuine, result.failed_impostors) == (3, 3, 12)
    assert [(at.tar, at.false_accepts) for at in result.tar] == [(0.0, 0)]
    assert result.tar_scored == ()
    assert result.auc == pytest.approx(0.5)


@pytest.mark.parametrize(("codes", "auc_known"), [([0, 0, 0], False), ([0, 1, 2], False), ([0, 0, 1], True)])
def test_one_kind_alone(codes: list[int], auc_known: bool) -> None:
    result = all_pairs(np.eye(3, dtype=np.float32), np.array(codes), (0.5,))
    assert (result.auc is not None) == auc_known
    assert result.genuine + result.impostors == 3
    assert not result.tar or result.genuine


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="shapes"):
        all_pairs(np.zeros((3, 2), np.float32), np.zeros(4, int))
    with pytest.raises(ValueError, match="two photos"):
        all_pairs(np.zeros((1, 2), np.float32), np.zeros(1, int))
    with pytest.raises(ValueError, match="under 1"):
        all_pairs(np.zeros((3, 2), np.float32), np.zeros(3, int), (1.0,))


def test_as_json_takes_it() -> None:
    matrix, codes = _photos(30, 5, 1)
    content = all_pairs(matrix, codes, COARSE, threshold=0.2).to_dict()
    assert "genuine_scores" not in content
    assert content["at_threshold"]["genuine"] == content["genuine"]
    assert content["tar"][0]["exact"] is True


@pytest.mark.slow
def test_all_of_lfw_in_bounded_memory() -> None:
    """As many photos as LFW has: 87 million pairs, counted right, in a fraction of a gigabyte."""
    rng = np.random.default_rng(1)
    photos, dim = 13_233, 128
    codes = np.concatenate([np.arange(5_749), rng.integers(0, 1_680, photos - 5_749)])
    matrix = rng.normal(size=(photos, dim)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    matrix[:3] = np.nan
    tracemalloc.start()
    try:
        result = all_pairs(matrix, codes)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 300e6
    each = np.bincount(codes)
    genuine = int((each * (each - 1) // 2).sum())
    assert result.genuine == genuine
    assert result.impostors == photos * (photos - 1) // 2 - genuine
    scored = np.bincount(codes[3:])
    assert result.genuine_scores.size == int((scored * (scored - 1) // 2).sum())
    assert [at.target for at in result.tar] == list(FARS)
    assert result.exact == FARS[1:]
    for at in result.tar:
        assert at.far <= at.target
        assert at.false_accepts >= 0.999 * at.target * result.impostors - 1
        assert at.tar == pytest.approx(at.target, rel=0.5, abs=5e-5)  # a random embedding knows nobody
