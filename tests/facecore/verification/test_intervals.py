"""Intervals of rates."""

import pytest
from scipy.stats import binomtest

from facecore.verification.intervals import wilson, wilson_at


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


def test_an_effective_number_need_not_be_whole() -> None:
    assert wilson_at(0.25, 8) == wilson(2, 8)
    low, high = wilson_at(0.25, 8.5)
    assert wilson_at(0.25, 8)[0] < low < 0.25 < high < wilson_at(0.25, 8)[1]
    assert wilson_at(0.0, 0.5)[1] > 0.8


@pytest.mark.parametrize("arguments", [(1.1, 5), (-0.1, 5), (0.5, 0), (float("nan"), 5), (0.5, float("nan"))])
def test_impossible_rates_are_refused(arguments: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="rate"):
        wilson_at(*arguments)
