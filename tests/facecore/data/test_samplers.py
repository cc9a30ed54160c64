import numpy as np
import pytest

from facecore.data.samplers import shuffled_rows


def test_an_epoch_shows_each_row_once_and_the_next_in_another_order() -> None:
    epochs = [[shuffled_rows(10, 3, step, seed=1) for step in range(3 * e, 3 * e + 3)] for e in range(2)]
    first, second = (np.concatenate(epoch) for epoch in epochs)
    assert len(set(first)) == 9
    assert len(set(second)) == 9
    assert list(first) != list(second)
    assert set(first) | set(second) <= set(range(10))


def test_a_step_is_the_same_whatever_came_before() -> None:
    expected = shuffled_rows(100, 7, 40, seed=2)
    shuffled_rows(100, 7, 3, seed=2)
    assert list(shuffled_rows(100, 7, 40, seed=2)) == list(expected)
    assert list(shuffled_rows(100, 7, 40, seed=3)) != list(expected)


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(ValueError, match="larger"):
        shuffled_rows(5, 6, 0, seed=0)
