"""Order and groups against slow versions that follow the definitions."""

from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from demo.photo_set.groups import Grouping, group


def random_scores(count: int, seed: int) -> NDArray[np.float64]:
    """A symmetric matrix of scores, ones on the diagonal, no two pairs alike."""
    generator = np.random.default_rng(seed)
    scores = np.eye(count)
    upper = np.triu_indices(count, 1)
    scores[upper] = generator.uniform(-0.2, 1, len(upper[0]))
    return np.maximum(scores, scores.T)


def condensed(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return scores[np.triu_indices(len(scores), 1)]


def slow_merges(scores: NDArray[np.float64]) -> list[tuple[frozenset[int], float]]:
    """Average linkage by its definition: unite the two groups with the highest mean score, over and over."""
    groups = [frozenset([place]) for place in range(len(scores))]
    merges = []
    while len(groups) > 1:

        def mean(pair: tuple[frozenset[int], frozenset[int]]) -> float:
            return float(np.mean([scores[a, b] for a in pair[0] for b in pair[1]]))

        first, second = max(combinations(groups, 2), key=mean)
        merges.append((first | second, mean((first, second))))
        groups = [g for g in groups if g not in (first, second)] + [first | second]
    return merges


def slow_groups(scores: NDArray[np.float64], threshold: float) -> set[frozenset[int]]:
    united = [members for members, score in slow_merges(scores) if score >= threshold]
    single = {frozenset([place]) for place in range(len(scores))}
    return {m for m in {*single, *united} if not any(m < other for other in united)}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("threshold", [0.2, 0.45, 0.7])
def test_groups_are_those_of_the_definition(seed: int, threshold: float) -> None:
    scores = random_scores(2 + seed % 8, seed)
    groups = group(condensed(scores), threshold).groups
    assert groups is not None
    assert {frozenset(places) for places in groups} == slow_groups(scores, threshold)


@pytest.mark.parametrize("seed", range(10))
def test_the_order_is_the_shortest_that_keeps_groups_together(seed: int) -> None:
    scores = random_scores(6, seed)
    grouping = group(condensed(scores), 0.5)
    merged = [members for members, _ in slow_merges(scores)]

    def kept(order: tuple[int, ...]) -> bool:
        places = {place: position for position, place in enumerate(order)}
        spans = (sorted(places[member] for member in members) for members in merged)
        return all(span[-1] - span[0] + 1 == len(span) for span in spans)

    def length(order: tuple[int, ...]) -> float:
        return sum(1 - scores[a, b] for a, b in pairwise(order))

    best = min(length(order) for order in permutations(range(6)) if kept(order))
    assert kept(grouping.order)
    assert length(grouping.order) == pytest.approx(best)
    assert sum(grouping.groups or (), ()) == grouping.order


def test_one_lucky_pair_does_not_join_two_people() -> None:
    scores = np.full((6, 6), 0.3)
    scores[:3, :3] = scores[3:, 3:] = 0.9
    scores[0, 3] = scores[3, 0] = 0.85
    groups = group(condensed(scores), 0.8).groups
    assert groups is not None
    assert {frozenset(places) for places in groups} == {frozenset({0, 1, 2}), frozenset({3, 4, 5})}


def test_one_poor_pair_does_not_split_a_person() -> None:
    scores = np.full((4, 4), 0.9)
    scores[0, 3] = scores[3, 0] = 0.6
    assert group(condensed(scores), 0.75).groups is not None
    assert len(group(condensed(scores), 0.75).groups or ()) == 1


@pytest.mark.parametrize(("score", "groups"), [(0.8, 1), (0.7999999, 2)])
def test_two_photos_are_one_group_from_the_threshold_on(score: float, groups: int) -> None:
    assert len(group(np.array([score]), 0.8).groups or ()) == groups


def test_without_a_threshold_there_is_an_order_alone() -> None:
    scores = random_scores(5, 1)
    grouping = group(condensed(scores), None)
    assert grouping == Grouping(group(condensed(scores), 0.5).order, None)
    assert sorted(grouping.order) == list(range(5))


def test_scores_that_are_not_those_of_all_pairs() -> None:
    with pytest.raises(ValueError, match="."):
        group(np.zeros(4), 0.5)
    with pytest.raises(ValueError, match="."):
        group(np.array([np.nan]), 0.5)
