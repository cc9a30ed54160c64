"""Which rows come in which step.

Each sampler is a function of its arguments and the step alone, so that a resumed run sees what an uninterrupted one
would have seen, and any process can make any batch.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_PICK = 1  # keeps the random numbers that pick photos apart from those that order people


@dataclass(frozen=True)
class Shuffled:
    """All rows in a new order each epoch; those that do not fill a batch at the end of an epoch are left out of it.

    Attributes:
        count: number of rows.
        batch_size: rows in a step.
        seed: of the orders, 0 or more.

    Raises:
        ValueError: a batch is larger than the data, or is empty.
    """

    count: int
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        _check_batch(self.batch_size, self.count, "rows")

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which each row comes once, but for those left out."""
        return self.count // self.batch_size

    def rows(self, step: int) -> NDArray[np.int64]:
        """The rows of a step: (batch_size,) int64."""
        epoch, position = divmod(step, self.steps_per_epoch)
        start = position * self.batch_size
        return _order(self.count, epoch, self.seed)[start : start + self.batch_size].copy()


@dataclass(frozen=True, eq=False)
class Balanced:
    """Every class equally often, however many rows it has.

    The classes come in rounds, each once a round, in a new order; rounds follow each other without a gap, so that
    the numbers of rows drawn of two classes never differ by more than one. The rows of a class come in a
    shuffled order; when all have come, in another. Rows with label -1 are never drawn.

    Attributes:
        labels: (N,) int64, -1 where unknown.
        batch_size: rows in a step.
        seed: of the orders, 0 or more.

    Raises:
        ValueError: a batch is larger than the number of labelled rows, or is empty.
    """

    labels: NDArray[np.int64]
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        _check_batch(self.batch_size, int((self.labels >= 0).sum()), "labelled rows")

    @cached_property
    def classes(self) -> "Classes":
        """The labelled rows by class."""
        return Classes.of(self.labels)

    @property
    def steps_per_epoch(self) -> int:
        """Steps that draw as many rows as are labelled, rounded down."""
        return len(self.classes.rows) // self.batch_size

    def rows(self, step: int) -> NDArray[np.int64]:
        """The rows of a step: (batch_size,) int64."""
        drawn = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        size = self._rounds * len(self.classes.counts)
        parts = [_drawn(self, int(block))[drawn[drawn // size == block] % size] for block in np.unique(drawn // size)]
        return np.concatenate(parts)

    @property
    def _rounds(self) -> int:
        """Rounds that are worked out together, about an epoch."""
        return len(self.classes.rows) // len(self.classes.counts)

    def draw(self, block: int) -> NDArray[np.int64]:
        """The rows of one block of rounds, in the order in which they come."""
        rounds = np.arange(block * self._rounds, (block + 1) * self._rounds)
        streams = self.classes.streams(rounds[0], len(rounds), self.seed)
        turns = np.arange(len(self.classes.counts))
        order = _mix(rounds[:, None], turns, self.seed).argsort(axis=1, kind="stable")
        return np.take_along_axis(streams.T, order, axis=1).ravel()


@dataclass(frozen=True, eq=False)
class PK:
    """P people with K photos each in a batch (Hermans et al. 2017, arXiv 1703.07737, section 2).

    People come in rounds in a new order each; the last batch of a round is filled up with people who were in it. The
    photos of a person are drawn anew each time: K different ones, or, of a person who has fewer, each as often as the
    others, give or take one. Rows with label -1 are never drawn. Rows of a person stand together in a batch.

    Attributes:
        labels: (N,) int64, -1 where unknown.
        people: P, in a batch.
        images: K, of each.
        seed: of orders and draws, 0 or more.

    Raises:
        ValueError: there are fewer people than P, or P or K is below 1.
    """

    labels: NDArray[np.int64]
    people: int
    images: int
    seed: int

    def __post_init__(self) -> None:
        if self.images < 1:
            raise ValueError(f"{self.images} images of each person: 1 or more are needed")
        if not 1 <= self.people <= len(self.classes.counts):
            available = len(self.classes.counts)
            raise ValueError(f"{self.people} people in a batch: 1 to {available} are possible, as many as have labels")

    @property
    def batch_size(self) -> int:
        """Rows in a step."""
        return self.people * self.images

    @cached_property
    def classes(self) -> "Classes":
        """The labelled rows by person."""
        return Classes.of(self.labels)

    @property
    def _round(self) -> int:
        """Steps in which each person comes."""
        return -(-len(self.classes.counts) // self.people)

    @property
    def steps_per_epoch(self) -> int:
        """Steps that draw about as many rows as are labelled, in whole rounds: everybody comes in each epoch."""
        return self._round * max(1, round(len(self.classes.rows) / self.batch_size / self._round))

    def rows(self, step: int) -> NDArray[np.int64]:
        """The rows of a step: (people * images,) int64."""
        turn, position = divmod(step, self._round)
        order = _order(len(self.classes.counts), turn, self.seed)
        chosen = order.take(range(position * self.people, (position + 1) * self.people), mode="wrap")
        rng = np.random.default_rng((self.seed, step, _PICK))
        return np.concatenate([self._photos(int(person), rng) for person in chosen])

    def _photos(self, person: int, rng: np.random.Generator) -> NDArray[np.int64]:
        start, count = int(self.classes.starts[person]), int(self.classes.counts[person])
        own = self.classes.rows[start : start + count]
        if count >= self.images:
            return rng.choice(own, self.images, replace=False)
        return np.resize(rng.permutation(own), self.images)


class Classes(NamedTuple):
    """Labelled rows in the order of their classes; classes without rows are not counted.

    Attributes:
        rows: (M,) int64, one class after another.
        starts: (C,) int64, where each class begins in `rows`.
        counts: (C,) int64, rows of each class.
    """

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    @staticmethod
    def of(labels: NDArray[np.int64]) -> "Classes":
        """The rows of (N,) labels; those with -1 are left out."""
        rows = labels.argsort(kind="stable")
        rows = rows[labels[rows] >= 0]
        starts, counts = np.unique(labels[rows], return_index=True, return_counts=True)[1:]
        return Classes(rows, starts, counts)

    def streams(self, first: int, count: int, seed: int) -> NDArray[np.int64]:
        """Draws `first` to before `first + count` of every class: (C, count) int64 rows.

        A class is gone through in passes, each in an order of its own. All passes that are needed are made at once:
        their rows get random keys and are sorted by class, pass and key.
        """
        first_pass = first // self.counts
        passes = (first + count - 1) // self.counts - first_pass + 1
        sizes = passes * self.counts
        begins = sizes.cumsum() - sizes
        owner = np.repeat(np.arange(len(sizes)), sizes)
        place = np.arange(sizes.sum()) - begins[owner]
        rows = self.rows[self.starts[owner] + place % self.counts[owner]]
        number = first_pass[owner] + place // self.counts[owner]
        made = rows[np.lexsort((_mix(number, rows, seed), number, owner))]
        within = first - first_pass * self.counts
        wanted: NDArray[np.int64] = made[(begins + within)[:, None] + np.arange(count)]
        return wanted


def _mix(a: NDArray[np.int64], b: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """Random-looking 64-bit numbers, each a function of its pair and the seed: for sorting into a random order.

    The mixing is that of SplitMix64 (Steele, Lea and Flood 2014, doi 10.1145/2660193.2660195, figure 16), twice.
    """
    start = np.random.SeedSequence((seed, _PICK)).generate_state(1, np.uint64)
    return _scramble(_scramble(a.astype(np.uint64) + start) + b.astype(np.uint64))


def _scramble(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = (x + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@lru_cache(maxsize=2)
def _drawn(sampler: Balanced, block: int) -> NDArray[np.int64]:
    return sampler.draw(block)


@lru_cache(maxsize=2)
def _order(count: int, number: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, number)).permutation(count)


def _check_batch(size: int, available: int, what: str) -> None:
    if size < 1:
        raise ValueError(f"a batch of {size} rows: 1 or more are needed")
    if size > available:
        raise ValueError(f"a batch of {size} is larger than the data, which has {available} {what}")
