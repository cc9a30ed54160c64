"""Intervals of rates over pairs that share people, against a slow version and a known truth."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from facecore.verification.dependence import (
    carriers,
    caution,
    dependent_interval,
    fewest_independent,
    graph,
    variance_of_sum,
    warn_few_images,
)
from facecore.verification.intervals import wilson, wilson_at

QUICK = settings(max_examples=60, deadline=None, derandomize=True)
ROWS = st.lists(st.tuples(st.booleans(), st.integers(-3, 4), st.integers(-3, 4)), min_size=1, max_size=30)


def columns(rows: list[tuple[bool, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def all_pairs(people: int) -> tuple[np.ndarray, np.ndarray]:
    return np.triu_indices(people, 1)


@QUICK
@given(ROWS)
def test_variance_is_the_sum_over_pairs_with_a_common_point(rows: list[tuple[bool, int, int]]) -> None:
    errors, left, right = columns(rows)
    values = errors - errors.mean()
    slow = same_bundle = 0.0
    for p, q in itertools.product(range(len(rows)), repeat=2):
        ends_p, ends_q = {left[p], right[p]}, {left[q], right[q]}
        slow += values[p] * values[q] * bool(ends_p & ends_q)
        same_bundle += values[p] * values[q] * (ends_p == ends_q)
    assert variance_of_sum(values, graph(left, right)) == pytest.approx(max(slow, same_bundle), abs=1e-9)


@QUICK
@given(ROWS)
def test_interval_holds_the_rate_and_is_never_without_width(rows: list[tuple[bool, int, int]]) -> None:
    errors, left, right = columns(rows)
    got = dependent_interval(errors, left, right)
    assert 0 <= got.low <= got.rate == errors.mean() <= got.high <= 1
    assert got.high - got.low > 0.01
    assert 0 < got.effective_pairs <= len(rows)
    assert got.variance == pytest.approx(got.rate * (1 - got.rate) / got.effective_pairs)
    assert (got.low, got.high) == wilson_at(got.rate, got.effective_pairs)
    swapped = dependent_interval(errors, right * 7 - 2, left * 7 - 2)  # which end is left, and its code, mean nothing
    assert swapped.effective_pairs == pytest.approx(got.effective_pairs)


def test_pairs_that_share_nobody_get_wilsons_interval() -> None:
    errors = np.arange(2_000) % 50 == 0
    got = dependent_interval(errors, np.arange(2_000), 2_000 + np.arange(2_000))
    assert (got.low, got.high) == pytest.approx(wilson(40, 2_000), rel=2e-3)
    assert got.effective_pairs == pytest.approx(2_000, rel=5e-3)


def test_repeated_pairs_add_nothing() -> None:
    random = np.random.default_rng(0)
    errors, left = random.random(300) < 0.2, np.arange(300)
    once = dependent_interval(errors, left, left + 300)
    often = dependent_interval(np.repeat(errors, 20), np.repeat(left, 20), np.repeat(left + 300, 20))
    assert often.effective_pairs == pytest.approx(once.effective_pairs)


def test_what_pairs_are_worth_at_least() -> None:
    assert fewest_independent(graph(*all_pairs(40))) == pytest.approx(20)
    assert fewest_independent(graph(np.arange(50), 50 + np.arange(50))) == pytest.approx(50)
    assert fewest_independent(graph(np.arange(50), np.arange(50))) == pytest.approx(50)
    assert fewest_independent(graph(np.zeros(9, int), np.zeros(9, int))) == pytest.approx(1)


@pytest.mark.parametrize("error", [False, True])
def test_without_errors_the_pairs_are_worth_their_people(error: bool) -> None:
    left, right = all_pairs(40)
    got = dependent_interval(np.full(left.size, error), left, right)
    assert got.effective_pairs == pytest.approx(20)
    assert got.high - got.low == pytest.approx(wilson(0, 20)[1])


def test_errors_at_a_looser_setting_stand_in_for_absent_ones() -> None:
    random = np.random.default_rng(3)
    left, right = all_pairs(60)
    none = np.zeros(left.size, bool)
    alone = dependent_interval(none, left, right)
    independent = dependent_interval(none, left, right, looser=random.random(left.size) < 0.02)
    people = dependent_interval(none, left, right, looser=left < 2)
    assert alone.effective_pairs < people.effective_pairs + 30 < independent.effective_pairs <= left.size
    assert independent.high < people.high
    many = random.random(left.size) < 0.1
    assert dependent_interval(many, left, right, looser=left < 2) == dependent_interval(many, left, right)


def test_one_person() -> None:
    codes = np.zeros(30, int)
    got = dependent_interval(np.arange(30) < 3, codes, codes)
    assert got.effective_pairs == pytest.approx(1)
    assert (got.low, got.high) == wilson_at(0.1, 1.0)


def test_caution_vanishes_with_many_people() -> None:
    assert caution(1e6, 0.95) == pytest.approx(1, abs=1e-4)
    assert caution(10, 0.95) > caution(20, 0.95) > caution(100, 0.95) > 1
    assert caution(1.0, 0.95) > 40


def test_half_a_million_pairs_need_little_memory() -> None:
    random = np.random.default_rng(0)
    left, right = random.integers(5_000, size=(2, 500_000))
    got = dependent_interval(random.random(left.size) < 1e-3, left, right)  # a matrix of pairs would have 2.5e11 places
    assert got.low < 1e-3 < got.high


@pytest.mark.parametrize(
    ("errors", "left", "right", "message"),
    [
        (np.zeros(0, bool), np.zeros(0, int), np.zeros(0, int), "must be some"),
        (np.zeros(2, bool), np.zeros(2, int), np.zeros(3, int), "two codes"),
        (np.zeros(3, bool), np.zeros(2, int), np.zeros(2, int), "booleans"),
        (np.zeros(2), np.zeros(2, int), np.zeros(2, int), "booleans"),
        (np.zeros(2, bool), np.zeros(2), np.zeros(2, int), "whole numbers"),
    ],
)
def test_wrong_arrays_are_refused(errors: np.ndarray, left: np.ndarray, right: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dependent_interval(errors, left, right)


def test_a_level_outside_0_to_1_is_refused() -> None:
    for errors in (np.array([True, False]), np.array([False, False])):
        with pytest.raises(ValueError, match="level"):
            dependent_interval(errors, np.arange(2), np.arange(2), level=1.0)


def test_few_people_behind_many_pairs_are_warned_of() -> None:
    few = carriers(*all_pairs(40))
    assert (few.pairs, few.distinct, few.few) == (780, 40, True)
    assert few.busiest_share == pytest.approx(39 / 780)
    assert json.loads(json.dumps(few.to_dict()))["effective_pairs"] == pytest.approx(20)
    sentence = warn_few_images(*all_pairs(40), what="people")
    assert sentence is not None
    assert "40 people" in sentence
    assert "780 impostor pairs" in sentence
    assert warn_few_images(np.arange(300), 300 + np.arange(300)) is None  # few pairs, but all that they seem to be
    random = np.random.default_rng(0)
    assert warn_few_images(*random.integers(4_000, size=(2, 6_000))) is None


def draw(random: np.random.Generator, people: int, rate: float, shared: float, genuine: bool) -> tuple[np.ndarray, ...]:
    """Errors that come from a person's own part (a share of the variance) and from the pair."""
    own = random.normal(size=people)
    if genuine:
        left = right = np.repeat(np.arange(people), random.integers(1, 8, size=people))
        part = own[left]
    else:
        left, right = all_pairs(people)
        part = (own[left] + own[right]) / 2**0.5
    latent = shared**0.5 * part + (1 - shared) ** 0.5 * random.normal(size=left.size)
    return latent > norm.isf(rate), left, right


def coverage(people: int, rate: float, shared: float, genuine: bool, times: int) -> tuple[float, float]:
    """The share of simulated data sets whose interval holds the true rate: ours, and Wilson's on the plain count."""
    random = np.random.default_rng(people)
    ours = plain = 0
    for _ in range(times):
        errors, left, right = draw(random, people, rate, shared, genuine)
        got = dependent_interval(errors, left, right)
        low, high = wilson(int(errors.sum()), errors.size)
        ours += got.low <= rate <= got.high
        plain += low <= rate <= high
    return ours / times, plain / times


def test_intervals_hold_the_truth_where_wilsons_do_not() -> None:
    ours, plain = coverage(people=60, rate=0.1, shared=0.4, genuine=False, times=150)
    assert plain < 0.6
    assert ours > 0.95 - 3 * (0.95 * 0.05 / 150) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("people", "rate", "shared", "genuine", "plain_at_most"),
    [
        (20, 0.05, 0.3, False, 0.88),
        (60, 0.2, 0.5, False, 0.5),
        (120, 0.02, 0.3, False, 0.7),
        (120, 0.1, 0.0, False, 1.0),
        (150, 0.2, 0.5, True, 0.87),
        (150, 0.05, 0.0, True, 1.0),
    ],
)
def test_coverage(people: int, rate: float, shared: float, genuine: bool, plain_at_most: float) -> None:
    times = 1_000
    ours, plain = coverage(people, rate, shared, genuine, times)
    noise = 3 * (0.95 * 0.05 / times) ** 0.5
    # Two points under the nominal level are the known price of estimating the variance from so few people.
    assert 0.93 - noise <= ours <= 0.99
    assert plain <= plain_at_most
