import pickle
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facecore.data.samplers import PK, Balanced, Shuffled

Sampler = Shuffled | Balanced | PK
SEEDS = st.integers(0, 2**32)
LABELS = st.lists(st.integers(-1, 6), min_size=1, max_size=40).map(lambda labels: np.array(labels, np.int64))


def _walk(sampler: Sampler, steps: int) -> list[int]:
    return [int(row) for step in range(steps) for row in sampler.rows(step)]


def _balanced(labels: NDArray[np.int64], part: float, seed: int) -> Balanced | None:
    known = int((labels >= 0).sum())
    return Balanced(labels, max(1, round(known * part)), seed) if known else None


def _pk(labels: NDArray[np.int64], part: float, images: int, seed: int) -> PK | None:
    people = len(set(labels[labels >= 0]))
    return PK(labels, max(1, round(people * part)), images, seed) if people else None


@given(count=st.integers(1, 60), part=st.floats(0, 1), seed=SEEDS)
def test_shuffled_shows_each_row_once_an_epoch_but_for_those_that_fill_no_batch(
    count: int, part: float, seed: int
) -> None:
    sampler = Shuffled(count, max(1, round(count * part)), seed)
    epoch = _walk(sampler, sampler.steps_per_epoch)
    assert len(set(epoch)) == len(epoch) == count - count % sampler.batch_size
    assert set(epoch) <= set(range(count))


def test_shuffled_takes_another_order_each_epoch() -> None:
    rows = _walk(Shuffled(10, 3, seed=1), 6)
    assert rows[:9] != rows[9:]


def test_shuffled_gives_the_orders_that_earlier_runs_saw() -> None:
    order = np.random.default_rng((3, 2)).permutation(10)
    assert [int(row) for step in (4, 5) for row in Shuffled(10, 4, seed=3).rows(step)] == list(order[:8])


@given(labels=LABELS, part=st.floats(0, 1), seed=SEEDS, epochs=st.integers(1, 4))
def test_balanced_draws_all_classes_equally_often_at_any_time(
    labels: NDArray[np.int64], part: float, seed: int, epochs: int
) -> None:
    sampler = _balanced(labels, part, seed)
    if sampler is None:
        return
    drawn = _walk(sampler, epochs * sampler.steps_per_epoch)
    counts = Counter({int(label): 0 for label in labels if label >= 0})
    for row in drawn:
        counts[int(labels[row])] += 1
        assert max(counts.values()) - min(counts.values()) <= 1
    assert set(counts) == set(labels[labels >= 0])  # nothing of -1


@given(labels=LABELS, part=st.floats(0, 1), seed=SEEDS)
def test_balanced_repeats_no_row_before_its_class_is_exhausted(
    labels: NDArray[np.int64], part: float, seed: int
) -> None:
    sampler = _balanced(labels, part, seed)
    if sampler is None:
        return
    drawn = _walk(sampler, 4 * sampler.steps_per_epoch)
    for label in set(labels[labels >= 0]):
        own = [row for row in drawn if labels[row] == label]
        size = int((labels == label).sum())
        passes = [own[start : start + size] for start in range(0, len(own), size)]
        assert all(len(set(rows)) == len(rows) for rows in passes)


def test_balanced_goes_through_a_class_in_orders_that_are_all_equally_likely() -> None:
    labels = np.array([0, 0, 0], np.int64)
    orders = Counter(tuple(Balanced(labels, 3, seed).rows(step)) for seed in range(60) for step in range(20))
    assert len(orders) == 6
    expected = 1200 / 6
    # Chi-squared with 5 degrees of freedom is above 20.5 once in a thousand.
    assert sum((count - expected) ** 2 / expected for count in orders.values()) < 20.5


def test_balanced_mixes_the_classes_anew_in_each_round() -> None:
    labels = np.repeat(np.arange(3), 5)
    first = Counter(int(labels[Balanced(labels, 3, seed).rows(step)[0]]) for seed in range(50) for step in range(10))
    assert all(120 < first[label] < 215 for label in range(3))


@given(labels=LABELS, part=st.floats(0, 1), images=st.integers(1, 5), seed=SEEDS, step=st.integers(0, 1000))
def test_pk_gives_k_photos_of_p_people(
    labels: NDArray[np.int64], part: float, images: int, seed: int, step: int
) -> None:
    sampler = _pk(labels, part, images, seed)
    if sampler is None:
        return
    rows = sampler.rows(step)
    assert len(rows) == sampler.batch_size == sampler.people * images
    by_person = Counter(int(label) for label in labels[rows])
    assert len(by_person) == sampler.people
    assert set(by_person.values()) == {images}
    assert -1 not in by_person
    for person in by_person:
        times = Counter(int(row) for row in rows if labels[row] == person)
        size = int((labels == person).sum())
        assert len(times) == min(size, images)
        assert max(times.values()) - min(times.values()) <= 1


@given(labels=LABELS, part=st.floats(0, 1), images=st.integers(1, 5), seed=SEEDS)
def test_pk_walks_over_all_people_in_each_epoch(labels: NDArray[np.int64], part: float, images: int, seed: int) -> None:
    sampler = _pk(labels, part, images, seed)
    if sampler is None:
        return
    length = sampler.steps_per_epoch
    for epoch in range(3):
        rows = [int(row) for step in range(epoch * length, (epoch + 1) * length) for row in sampler.rows(step)]
        assert set(labels[rows]) == set(labels[labels >= 0])
    # About as many rows as are labelled, unless one walk over all people needs more.
    walk = -(-len(set(labels[labels >= 0])) // sampler.people) * sampler.batch_size
    assert abs(length * sampler.batch_size - (labels >= 0).sum()) <= max(walk / 2, walk - (labels >= 0).sum())


def test_pk_draws_all_photos_of_a_person_equally_often() -> None:
    labels = np.zeros(6, np.int64)
    times = Counter(int(row) for step in range(600) for row in PK(labels, 1, 2, seed=4).rows(step))
    assert all(160 < times[row] < 240 for row in range(6))


@settings(max_examples=30)
@given(labels=LABELS, part=st.floats(0, 1), seed=SEEDS, step=st.integers(0, 200))
def test_a_step_is_the_same_whatever_came_before_and_wherever(
    labels: NDArray[np.int64], part: float, seed: int, step: int
) -> None:
    made = [
        _balanced(labels, part, seed),
        _pk(labels, part, 2, seed),
        Shuffled(len(labels), len(labels) // 2 + 1, seed),
    ]
    for sampler in made:
        if sampler is None:
            continue
        alone = pickle.loads(pickle.dumps(sampler)).rows(step)
        walked = [sampler.rows(s) for s in range(step + 1)][step]
        assert list(walked) == list(alone)
        assert walked.dtype == np.int64


@pytest.mark.parametrize("make", [lambda seed: Shuffled(90, 9, seed), lambda seed: Balanced(np.arange(90) % 9, 9, seed),
                                  lambda seed: PK(np.arange(90) % 9, 3, 3, seed)])  # fmt: skip
def test_seeds_and_steps_differ_and_batches_belong_to_the_caller(make: Callable[[int], Sampler]) -> None:
    first = make(0).rows(0)
    kept = list(first)
    first[:] = -5
    assert list(make(0).rows(0)) == kept
    assert list(make(1).rows(0)) != kept
    assert list(make(0).rows(1)) != kept


def test_a_batch_larger_than_the_data_is_refused_with_both_numbers() -> None:
    labels = np.array([0, 0, 1, -1], np.int64)
    with pytest.raises(ValueError, match="batch of 6 is larger than the data, which has 5 rows"):
        Shuffled(5, 6, 0)
    with pytest.raises(ValueError, match="batch of 4 is larger than the data, which has 3 labelled rows"):
        Balanced(labels, 4, 0)
    with pytest.raises(ValueError, match="3 people in a batch: 1 to 2 are possible"):
        PK(labels, 3, 1, 0)


def test_empty_batches_are_refused() -> None:
    labels = np.array([0, 1], np.int64)
    for make in (lambda: Shuffled(5, 0, 0), lambda: Balanced(labels, 0, 0), lambda: PK(labels, 1, 0, 0)):
        with pytest.raises(ValueError, match="1 or more"):
            make()
    with pytest.raises(ValueError, match="0 people"):
        PK(labels, 0, 1, 0)
