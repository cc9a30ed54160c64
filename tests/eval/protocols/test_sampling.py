import itertools

import numpy as np
import pytest

from eval.protocols.sampling import count_pairs, genuine_pairs, impostor_pairs, match, shuffled


def _people(sizes: list[int]) -> list[np.ndarray]:
    ends = np.cumsum([0, *sizes])
    return [np.arange(a, b) for a, b in itertools.pairwise(ends)]


def _who(sizes: list[int]) -> np.ndarray:
    return np.repeat(np.arange(len(sizes)), sizes)


@pytest.mark.parametrize("players", range(2, 12))
def test_in_a_tournament_each_meets_each_once(players: int) -> None:
    matches = players * (players - 1) // 2
    first, second = match(np.arange(matches), np.full(matches, players))
    met = {frozenset(pair) for pair in zip(first.tolist(), second.tolist(), strict=True)}
    assert met == {frozenset(pair) for pair in itertools.combinations(range(players), 2)}
    for begin in range(0, matches, players // 2):
        playing = [*first[begin : begin + players // 2], *second[begin : begin + players // 2]]
        assert len(set(playing)) == len(playing)


def test_a_shuffle_depends_on_names_and_seed_alone() -> None:
    names = [f"photo {number}" for number in range(50)]
    order = [names[place] for place in shuffled(names, 3)]
    assert sorted(order) == sorted(names) != order
    assert [names[::-1][place] for place in shuffled(names[::-1], 3)] == order
    assert [names[place] for place in shuffled(names, 4)] != order
    assert [names[place] for place in shuffled(names, 3, "other")] != order
    with pytest.raises(ValueError, match="differ"):
        shuffled(["a", "a"], 0)


def test_a_shuffle_is_the_same_on_every_machine() -> None:
    assert shuffled(["anna", "berta", "carla", "doris", "emma"], 0, "people").tolist() == [4, 3, 2, 0, 1]


@pytest.mark.parametrize("count", [1, 5, 17, 40, 1000])
def test_genuine_pairs_are_shared_out(count: int) -> None:
    sizes = [1, 2, 3, 8, 5, 30]
    left, right = genuine_pairs(_people(sizes), count)
    assert len(left) == min(count, count_pairs(np.array(sizes))[0])
    who = _who(sizes)
    assert (who[left] == who[right]).all()
    assert (left != right).all()
    assert len({frozenset(pair) for pair in zip(left.tolist(), right.tolist(), strict=True)}) == len(left)
    pairs = np.bincount(who[left], minlength=len(sizes))
    possible = np.array([n * (n - 1) // 2 for n in sizes])
    unfinished = pairs[pairs < possible]
    assert (np.ptp(unfinished) if unfinished.size else 0) <= 1
    assert (pairs[pairs == possible] <= (unfinished.max() + 1 if unfinished.size else count)).all()
    used = np.bincount(np.concatenate([left, right]), minlength=sum(sizes))
    assert all(np.ptp(used[who == person]) <= 2 for person in range(len(sizes)))


@pytest.mark.parametrize("sizes", [[1, 1], [3, 3], [2, 4, 6], [5, 1, 1, 2], [4, 4, 4, 4, 4]])
def test_all_impostor_pairs_come_up_once(sizes: list[int]) -> None:
    who = _who(sizes)
    possible = {frozenset(p) for p in itertools.combinations(range(sum(sizes)), 2) if who[p[0]] != who[p[1]]}
    left, right = impostor_pairs(_people(sizes), 10_000)
    assert len(left) == len(possible) == count_pairs(np.array(sizes))[1]
    assert {frozenset(pair) for pair in zip(left.tolist(), right.tolist(), strict=True)} == possible


@pytest.mark.parametrize("count", [3, 50, 400])
def test_impostor_pairs_are_shared_out(count: int) -> None:
    """One person with 60 photos gets no more pairs than one with two."""
    sizes = [60, 2, 4, 3, 7, 10, 2, 5]
    left, right = impostor_pairs(_people(sizes), count)
    who = _who(sizes)
    both = np.concatenate([left, right])
    assert len(left) == count
    if count <= 50:  # later those with two photos have met everybody
        assert np.ptp(np.bincount(who[both], minlength=len(sizes))) <= 1
    used = np.bincount(both, minlength=sum(sizes))
    uneven = [int(np.ptp(used[who == person])) for person in range(len(sizes))]
    assert max(uneven) <= (2 if count <= 50 else 4)


@pytest.mark.parametrize(("people", "photos"), [(4, 30), (7, 7), (8, 7), (40, 5), (9, 12)])
def test_photos_take_turns(people: int, photos: int) -> None:
    """Whether or not the number of photos goes well with the number of people."""
    count = 5 * people * photos // 2
    both = np.concatenate(impostor_pairs(_people([photos] * people), count))
    used = np.bincount(both, minlength=people * photos)
    assert used.sum() == 2 * count
    assert used.min() >= 3
    assert used.max() <= 7


def test_nobody_to_pair() -> None:
    assert genuine_pairs(_people([1, 1]), 5)[0].size == 0
    assert impostor_pairs(_people([4]), 5)[0].size == 0
    assert impostor_pairs([], 5)[0].size == 0
