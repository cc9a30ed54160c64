"""Figures under weights equal those of the pairs written out as often as their weights say."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facecore.verification.curves import far_at, frr_at
from facecore.verification.losses import cllr, d_prime, min_cllr
from facecore.verification.metrics import accuracy_at, auc, eer, tar_at_far
from facecore.verification.weighted import FIGURES, WeightedFigures, split_name

QUICK = settings(max_examples=100, deadline=None, derandomize=True)
SCORE = st.sampled_from([-np.inf, -1.0, -0.5, 0.0, 0.1, 0.25, 0.5, 1.0]) | st.integers(-99, 99).map(lambda n: n / 100)
ROWS = st.lists(st.tuples(SCORE, st.booleans(), st.integers(0, 3)), min_size=2, max_size=40).filter(
    lambda rows: 0 < sum(same for _, same, _ in rows) < len(rows)
)


def line(scores: np.ndarray) -> np.ndarray:
    return 3 * scores - 0.5


def scored(figure: Callable[[np.ndarray, np.ndarray], float]) -> Callable[[np.ndarray, np.ndarray], float]:
    """The figure over pairs that have a score, NaN where it cannot be had."""

    def over_scored(scores: np.ndarray, same: np.ndarray) -> float:
        finite = np.isfinite(scores)
        try:
            return figure(scores[finite], same[finite])
        except ValueError:
            return np.nan

    return over_scored


SLOW: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "auc": auc,
    "eer": eer,
    "tar@0.1": lambda scores, same: tar_at_far(scores, same, 0.1).tar,
    "tar@0": lambda scores, same: tar_at_far(scores, same, 0.0).tar,
    "frr@0.1": lambda scores, same: frr_at(scores, same, 0.1).value,
    "far@0.1": lambda scores, same: far_at(scores, same, 0.1).value,
    "far@-inf": lambda scores, same: far_at(scores, same, -np.inf).value,
    "accuracy@0.1": lambda scores, same: accuracy_at(scores, same, 0.1),
    "d_prime": scored(lambda scores, same: d_prime(scores[same], scores[~same])),
    "cllr": scored(lambda scores, same: cllr(line(scores[same]), line(scores[~same]))),
    "min_cllr": scored(min_cllr),
}


@QUICK
@given(ROWS)
def test_weights_count_pairs(rows: list[tuple[float, bool, int]]) -> None:
    scores, same, weights = (np.array(column) for column in zip(*rows, strict=True))
    weighted = WeightedFigures(scores, same, list(SLOW), line)
    got = weighted(weights[weighted.order].astype(float))
    written_scores, written_same = np.repeat(scores, weights), np.repeat(same, weights)
    if not written_same.any() or written_same.all():
        assert np.isnan(got).all()
        return
    expected = [figure(written_scores, written_same) for figure in SLOW.values()]
    np.testing.assert_allclose(got, expected, atol=1e-9, rtol=1e-9)


def test_every_figure_is_tested_here() -> None:
    assert {split_name(name)[0] for name in SLOW} == {name.rstrip("@") for name in FIGURES}


@pytest.mark.parametrize("name", ["", "AUC", "tar", "tar@", "tar@x", "tar@1", "tar@-0.1", "frr@nan", "auc@0.1", "@1"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no figure"):
        split_name(name)


def test_cllr_needs_a_map() -> None:
    with pytest.raises(ValueError, match="log-likelihood"):
        WeightedFigures(np.array([0.0, 1.0]), np.array([False, True]), ["cllr"])


def test_one_kind_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="no impostor pair"):
        WeightedFigures(np.zeros(3), np.ones(3, bool), ["auc"])
