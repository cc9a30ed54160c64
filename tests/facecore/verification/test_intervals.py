"""Intervals of rates."""

import pytest
from scipy.stats import binomtest

from facecore.verification.intervals import wilson


@pytest.mark.parametrize(
    ("successes", "n"), [(0, 1), (1, 1), (0, 300), (300, 300), (3, 17), (5_999, 6_000), (31, 300_000)]
)
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_wilson_equals_scipy(successes: int, n: int, level: float) -> None:
    expected = binomtest(successes, n).proportion_ci(level, method="wilson")
    assert wilson(successes, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_no_success_does_not_mean_an_interval_of_no_width() -> None:
    low, high = wilson(0, 100)
    assert low == 0
    assert 0.03 < high < 0.04


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0, 0), "at least one trial"), ((3, 2), "not possible"), ((-1, 2), "not possible"), ((1, 2, 1.0), "level")],
)
def test_impossible_counts_are_refused(arguments: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wilson(*arguments)
