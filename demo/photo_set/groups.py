"""Which photos of a set stand side by side, and which show one person.

Agglomerative clustering with average linkage (Sokal and Michener 1958) over 1 - cosine: two groups are as far apart as
their photos are on average over all pairs between them. Of the three usual rules it is the one that stands single pairs
that go wrong: with single linkage one false match joins two people, with complete linkage one missed match splits one.
Measured with the first bundled weights at the shipped threshold, on 400 sets of six photos of each of five people
(`tests/demo/photo_set/test_linkage.py`):

    linkage     of the pairs of one person     of the pairs put together     sets in which two
                put together                   of two people                 people were united
    single      50.9 %                         0.37 %                        4
    average     33.1 %                         0.03 %                        2
    complete    23.6 %                         0.01 %                        1
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Grouping:
    """How a set is laid out.

    Attributes:
        order: all places 0..N-1 so that alike photos are neighbours; groups are never torn apart.
        groups: places by person, each in `order`, those of one photo included; None without a threshold.
    """

    order: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...] | None


def group(scores: Floats, threshold: float | None) -> Grouping:
    """Order and group photos by the scores of all their pairs.

    Args:
        scores: (N * (N - 1) / 2,) cosines of the pairs (0, 1), (0, 2), ..., (1, 2), ...; N of 2 or more.
        threshold: score from which on a pair is called the same person; None to order alone.

    Raises:
        ValueError: the number of scores is not that of all pairs of some photos, or one is not finite.
    """
    distances = 1.0 - np.asarray(scores, np.float64)
    tree = linkage(distances, "average")
    order = _order(tree, squareform(distances))
    if threshold is None:
        return Grouping(order, None)
    labels = fcluster(tree, 1.0 - threshold, "distance")
    members: dict[int, list[int]] = {}
    for place in order:
        members.setdefault(int(labels[place]), []).append(place)
    return Grouping(order, tuple(tuple(places) for places in members.values()))


def _order(tree: Floats, distances: Floats) -> tuple[int, ...]:
    """Of all orders that the tree allows the one in which the distances of neighbours add up to least.

    Bar-Joseph, Gifford and Jaakkola 2001, without its shortcuts, which sets of some dozen photos can do without. What
    SciPy 1.17 gives with `optimal_ordering` was longer than necessary in a third of random sets of four to seven.

    Args:
        tree: (N - 1, 4), as `linkage` gives it.
        distances: (N, N), symmetric.
    """
    count = len(distances)
    # Of each part of the tree: its leaves, and the cost of the best order that begins with one and ends with another.
    leaves = [np.array([leaf]) for leaf in range(count)]
    costs = [np.zeros((1, 1)) for _ in range(count)]
    children: list[tuple[int, int]] = [(-1, -1)] * count
    for row in tree:
        left, right = int(row[0]), int(row[1])
        between = distances[np.ix_(leaves[left], leaves[right])]
        across = _fewest(_fewest(costs[left], between), costs[right])
        first = len(leaves[left])
        cost = np.full((first + len(leaves[right]),) * 2, np.inf)
        cost[:first, first:] = across
        cost[first:, :first] = across.T
        leaves.append(np.concatenate([leaves[left], leaves[right]]))
        costs.append(cost)
        children.append((left, right))

    def walk(node: int, begin: int, end: int) -> list[int]:
        """The leaves of a part in its best order from `begin` to `end`, which are places among its leaves."""
        if node < count:
            return [node]
        left, right = children[node]
        first = len(leaves[left])
        if begin >= first:
            return walk(node, end, begin)[::-1]
        between = distances[np.ix_(leaves[left], leaves[right])]
        end -= first
        total = costs[left][begin][:, None] + between + costs[right][:, end][None, :]
        last, next_one = np.unravel_index(int(total.argmin()), total.shape)
        return walk(left, begin, int(last)) + walk(right, int(next_one), end)

    begin, end = np.unravel_index(int(costs[-1].argmin()), costs[-1].shape)
    return tuple(walk(len(leaves) - 1, int(begin), int(end)))


def _fewest(first: Floats, second: Floats) -> Floats:
    """As a product of matrices, with a sum in place of each product and the least in place of each sum."""
    least: Floats = (first[:, :, None] + second[None, :, :]).min(axis=1)
    return least
