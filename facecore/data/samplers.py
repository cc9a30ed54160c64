"""Which faces come in which step."""

from functools import lru_cache

import numpy as np


def shuffled_rows(count: int, batch_size: int, step: int, seed: int) -> np.ndarray:
    """The rows of one step: int64 (batch_size,), from a new order of all `count` rows in each epoch.

    A function of its arguments alone, so that a resumed run sees what an uninterrupted one would have seen. The rows
    that do not fill a batch at the end of an epoch are left out of it.

    Raises:
        ValueError: a batch is larger than the data.
    """
    if batch_size > count:
        raise ValueError(f"a batch of {batch_size} is larger than the data, which has {count} rows")
    epoch, position = divmod(step, count // batch_size)
    order = _epoch_order(count, epoch, seed)
    return order[position * batch_size : (position + 1) * batch_size]


@lru_cache(maxsize=1)
def _epoch_order(count: int, epoch: int, seed: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(count)
