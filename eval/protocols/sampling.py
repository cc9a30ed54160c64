"""Pairs of the photos of some people, made so that nobody and no photo has more of them than others need to.

The same people and seed give the same pairs, on every machine and with every version of every library: what looks like
chance is the order of SHA-256 digests.

Who meets whom is arranged as in a tournament in which each plays each (the circle method, Kirkman 1847): a round pairs
everybody off once. So at any time all have had the same number of pairs, give or take one, as long as they have any
left.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.intp]


def shuffled(names: Sequence[str], seed: int, purpose: str = "") -> Places:
    """Places of the names in an order that depends on nothing but the names, the seed and the purpose: (N,).

    Raises:
        ValueError: a name stands there twice.
    """
    if len(set(names)) < len(names):
        raise ValueError("names that are to be shuffled must differ")
    keys = [hashlib.sha256(f"{seed}\0{purpose}\0{name}".encode()).digest() for name in names]
    return np.array(sorted(range(len(names)), key=keys.__getitem__), np.intp)


def match(number: Places, players: Places) -> tuple[Places, Places]:
    """The two players of matches of tournaments in which each plays each once.

    Args:
        number: (M,) which match: 0 to n (n - 1) / 2 - 1. The first n // 2 are the first round, and so on.
        players: (M,) how many players, n, the tournament of each match has; at least 2.

    Returns:
        Two arrays (M,), players from 0 to n - 1.
    """
    # With an odd number the one who would meet player n, who is not there, pauses.
    odd = players % 2
    circle = players - 1 + odd
    turn, table = number // (players // 2), number % (players // 2) + odd
    first = (turn + table) % circle
    second = np.where(table == 0, circle, (turn - table) % circle)
    return first, second


def genuine_pairs(people: Sequence[Places], count: int) -> tuple[Places, Places]:
    """Pairs of photos of one person.

    Everybody with two photos gets a pair before anybody gets a second one, and so on until there are `count`; those
    with no more pairs drop out. Of one person's photos each is used before any is used twice, and so on.

    Args:
        people: the photos of each person, in the order in which they are to be used.
        count: pairs that are wanted.

    Returns:
        Left and right photo of each pair, `count` or as many as there are, no pair twice.
    """
    able = [photos for photos in people if len(photos) > 1]
    sizes = np.array([len(photos) for photos in able], np.intp)
    lefts, rights, made, number = [np.empty(0, np.intp)], [np.empty(0, np.intp)], 0, 0
    while made < count:
        playing = np.flatnonzero(sizes * (sizes - 1) // 2 > number)[: count - made]
        if not playing.size:
            break
        first, second = match(np.full(playing.size, number, np.intp), sizes[playing])
        lefts.append(_pick(able, playing, first))
        rights.append(_pick(able, playing, second))
        made, number = made + playing.size, number + 1
    return np.concatenate(lefts), np.concatenate(rights)


def impostor_pairs(people: Sequence[Places], count: int) -> tuple[Places, Places]:
    """Pairs of photos of two people.

    In each round everybody meets one other person, and in n - 1 rounds everybody else; then the rounds begin again with
    other photos. The photos of a person are used in turn.

    Args:
        people: the photos of each person, at least one each, in the order in which they are to be used.
        count: pairs that are wanted.

    Returns:
        Left and right photo of each pair, `count` or as many as there are, no pair twice.
    """
    sizes = np.array([len(photos) for photos in people], np.intp)
    lefts, rights, made = [np.empty(0, np.intp)], [np.empty(0, np.intp)], 0
    for first, second, place, other in _meetings(sizes):
        left, right = _pick(people, first, place)[: count - made], _pick(people, second, other)[: count - made]
        lefts.append(left)
        rights.append(right)
        made += left.size
        if made >= count:
            break
    return np.concatenate(lefts), np.concatenate(rights)


def count_pairs(sizes: Places) -> tuple[int, int]:
    """Genuine and impostor pairs among people with so many photos each."""
    total, genuine = int(sizes.sum()), int((sizes * (sizes - 1) // 2).sum())
    return genuine, total * (total - 1) // 2 - genuine


def _meetings(sizes: Places) -> Iterator[tuple[Places, Places, Places, Places]]:
    """Round by round: the two people of each pair, and which photo of either."""
    people = sizes.size
    if people < 2:
        return
    tables = people // 2
    rounds = people - 1 + people % 2
    steps = np.array([_step(rounds, int(size)) for size in sizes], np.intp)
    largest = np.sort(sizes)[-2:]
    for cycle in range(int(largest[0] * largest[1])):
        for turn in range(rounds):
            first, second = match(turn * tables + np.arange(tables), np.full(tables, people, np.intp))
            left = cycle < sizes[first] * sizes[second]  # these two have photos that have not met
            first, second = first[left], second[left]
            n, m = sizes[first], sizes[second]
            # Goes through all n x m combinations, each once: after a full period of both lengths the second is set off
            # by one. `turn` is the same whenever these two meet.
            again = cycle + cycle // np.lcm(n, m)
            yield first, second, (cycle * steps[first] + turn) % n, (again * steps[second] + turn) % m


def _step(rounds: int, photos: int) -> int:
    """How far a person's photos move on in as many rounds: that far, or a little more where some would be left out."""
    return next(step for step in range(rounds, rounds + photos + 1) if math.gcd(step, photos) == 1)


def _pick(people: Sequence[Places], who: Places, which: Places) -> Places:
    return np.array([people[person][place] for person, place in zip(who, which, strict=True)], np.intp)
