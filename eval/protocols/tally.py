"""What is kept of all scores while they pass by: the genuine ones, the highest impostor ones, and a histogram."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
Codes = npt.NDArray[np.integer[Any]]

TILE = 1024
"""Rows and columns of one product: 4 MB of scores, which stay in the processor's cache."""

BINS = 1 << 18
"""Of the histogram from -1 to 1."""

RESOLUTION = 2 / BINS
"""Width of a bin, 7.6e-6: no further from its exact place is a threshold that comes from the histogram."""


class Highest:
    """The k highest of any number of scores, exactly.

    Scores that cannot be among them are dropped at once: those that are not above the lowest of k that are held.
    """

    def __init__(self, k: int) -> None:
        self.k = k
        self._held: list[Scores] = []
        self._count = 0
        self._floor = np.float32(-np.inf)

    def add(self, scores: Scores) -> None:
        """Take more scores, finite, of any shape."""
        if not self.k:
            return
        above = scores[scores > self._floor]
        self._held.append(above)
        self._count += above.size
        if self._count >= self.k + max(self.k, TILE * TILE):
            self._shrink()

    def _shrink(self) -> None:
        held = np.concatenate(self._held) if self._held else np.empty(0, np.float32)
        if held.size > self.k:
            held = np.partition(held, held.size - self.k)[held.size - self.k :].copy()
            self._floor = held.min()
        self._held, self._count = [held], held.size

    def sorted(self) -> Scores:
        """They, falling; all scores if there were no more than k."""
        self._shrink()
        return -np.sort(-self._held[0])


@dataclass
class Tally:
    """What is kept of impostor scores while they pass by."""

    highest: Highest
    histogram: npt.NDArray[np.int64]
    threshold: float | None
    false_accepts: int = 0

    def add(self, scores: Scores) -> None:
        """Take more scores, of any shape."""
        self.highest.add(scores)
        self.histogram += np.bincount(bins(scores).reshape(-1), minlength=BINS)
        if self.threshold is not None:
            self.false_accepts += int(np.count_nonzero(scores >= self.threshold))


def go_through(matrix: npt.NDArray[np.float32], codes: Codes, tally: Tally) -> Scores:
    """Tell the tally all impostor scores; returns the genuine ones, rising.

    Args:
        matrix: (M, D), finite.
        codes: (M,), rising, so that genuine pairs lie near the diagonal and most tiles have none.
        tally: gets the impostor scores.
    """
    genuine = [np.empty(0, np.float32)]
    for rows, columns in _tiles(len(matrix)):
        scores = (matrix[rows] @ matrix[columns].T).clip(-1, 1)
        if codes[rows][-1] < codes[columns][0]:
            tally.add(scores)
            continue
        same = codes[rows][:, None] == codes[columns]
        pairs = np.ones(scores.shape, np.bool_)
        if rows == columns:
            pairs = np.triu(pairs, 1)
        genuine.append(scores[same & pairs])
        tally.add(scores[~same & pairs])
    return np.sort(np.concatenate(genuine))


def _tiles(count: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the tiles on and above the diagonal."""
    for top in range(0, count, TILE):
        for left in range(top, count, TILE):
            yield slice(top, min(top + TILE, count)), slice(left, min(left + TILE, count))


def bins(scores: Scores) -> npt.NDArray[np.int32]:
    """The place of scores in the histogram; a higher score never has a lower place."""
    places = ((scores + np.float32(1)) * np.float32(BINS / 2)).astype(np.int32)
    return np.minimum(places, BINS - 1, out=places)
