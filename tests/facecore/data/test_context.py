import pickle
import tracemalloc

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from facecore.data.context import ContextWindows, _index
from facecore.errors import DataError

WIDTH = 3
LENGTHS = (4, 1, 6)


def _tracks() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Rows and labels that are all different, and none of them zero."""
    rows = np.arange(1, 1 + sum(LENGTHS) * WIDTH, dtype=np.float32).reshape(-1, WIDTH)
    cuts = np.cumsum(LENGTHS)[:-1]
    return np.split(rows, cuts), np.split(np.arange(100, 100 + len(rows)), cuts)


@pytest.mark.parametrize("repeat_edges", [False, True])
@pytest.mark.parametrize("context", [0, 1, 2, 9])
def test_each_row_is_the_centre_of_its_window(context: int, repeat_edges: bool) -> None:
    sequences, labels = _tracks()
    windows = ContextWindows(sequences, labels, context, repeat_edges)
    assert len(windows) == sum(LENGTHS)
    flat = 0
    for rows, values in zip(sequences, labels, strict=True):
        for centre in range(len(rows)):
            window, label = windows[flat]
            expected = []
            for place in range(centre - context, centre + context + 1):
                if 0 <= place < len(rows):
                    expected.append(rows[place])
                elif repeat_edges:
                    expected.append(rows[0] if place < 0 else rows[-1])
                else:
                    expected.append(np.zeros(WIDTH, np.float32))
            assert window.dtype == torch.float32
            assert window.tolist() == np.stack(expected).tolist()
            assert label.shape == ()
            assert int(label) == values[centre]
            flat += 1


def test_the_dictionary_leads_from_the_flat_index_to_sequence_and_row() -> None:
    windows = ContextWindows(*_tracks(), context=2)
    assert windows.index == {
        flat: place for flat, place in enumerate((s, row) for s, length in enumerate(LENGTHS) for row in range(length))
    }


def test_it_ends_where_a_sequence_would() -> None:
    windows = ContextWindows(*_tracks(), context=1)
    assert len(list(windows)) == len(windows)
    for wrong in (len(windows), -1):
        with pytest.raises(IndexError, match=f"row {wrong}: there are 11"):
            windows[wrong]


def test_a_loader_makes_batches_of_windows() -> None:
    sequences, labels = _tracks()
    batches = list(DataLoader(ContextWindows(sequences, labels, context=1), batch_size=4))
    assert [tuple(window.shape) for window, _ in batches] == [(4, 3, WIDTH), (4, 3, WIDTH), (3, 3, WIDTH)]
    assert torch.cat([label for _, label in batches]).tolist() == np.concatenate(labels).tolist()
    assert torch.cat([window[:, 1] for window, _ in batches]).tolist() == np.concatenate(sequences).tolist()


def test_tensors_are_taken_as_arrays_are_and_copied() -> None:
    sequences, labels = _tracks()
    windows = ContextWindows([torch.from_numpy(rows) for rows in sequences], [torch.from_numpy(v) for v in labels], 0)
    other = ContextWindows(sequences, labels, 0)
    for rows, values in zip(sequences, labels, strict=True):
        rows[:] = -1
        values[:] = -1
    for index in range(len(other)):
        assert torch.equal(windows[index][0], other[index][0])
        assert windows[index][1] == other[index][1] == 100 + index


def test_arrays_that_cannot_be_written_to_are_taken() -> None:
    sequences, labels = _tracks()
    for array in (*sequences, *labels):
        array.flags.writeable = False
    assert ContextWindows(sequences, labels, 1)[0][1] == 100


def test_it_can_be_sent_to_another_process() -> None:
    windows = ContextWindows(*_tracks(), context=1)
    copy = pickle.loads(pickle.dumps(windows))
    assert torch.equal(copy[5][0], windows[5][0])


def test_the_memory_it_states_is_what_python_measures() -> None:
    sequences = [np.zeros((1000, 2), np.float32)] * 20
    windows = ContextWindows(sequences, [np.zeros(1000, np.int64)] * 20, context=3)
    tracemalloc.start()
    index = _index([1000] * 20)
    measured, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert index == windows.index
    # Python keeps the ints up to 256 once for all, and the row numbers of the longest sequence belong to no entry.
    assert windows.index_bytes == pytest.approx(measured, rel=0.03)
    assert windows.data_bytes == 20 * (1006 * 2 * 4 + 1000 * 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"context": -1}, "context -1: give 0"),
        ({"sequences": []}, "0 sequences have 2 rows of labels"),
        ({"sequences": [], "labels": []}, "there is no sequence"),
        ({"labels": [np.zeros(2)]}, "2 sequences have 1 rows of labels"),
        ({"labels": [np.zeros(2), np.zeros(4)]}, "sequence 1 has 3 rows and labels of the shape .4,."),
        ({"labels": [np.zeros((2, 1)), np.zeros(3)]}, "sequence 0 has 2 rows and labels of the shape .2, 1."),
        ({"sequences": [np.zeros((2, 5)), np.zeros((3, 4))]}, "sequence 1 is 4 wide and sequence 0 is 5"),
        ({"sequences": [np.zeros((2, 5)), np.zeros((3, 5), np.float32)]}, "sequence 1 holds torch.float32"),
        ({"sequences": [np.zeros((2, 5)), np.zeros((0, 5))]}, "sequence 1 has the shape .0, 5."),
        ({"sequences": [np.zeros(2), np.zeros((3, 5))]}, "sequence 0 has the shape .2,."),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, object], message: str) -> None:
    right = {"sequences": [np.zeros((2, 5)), np.zeros((3, 5))], "labels": [np.zeros(2), np.zeros(3)], "context": 1}
    with pytest.raises(DataError, match=message):
        ContextWindows(**{**right, **change})
