"""Rows of sequences with their neighbours: what came just before and after says what one frame alone does not.

A sequence is a video track of one embedding a frame, or any other row of features a frame.

    tracks = ContextWindows(embeddings, labels, context=3)
    window, label = tracks[1000]          # (7, D) and the label of its centre
"""

import sys
from collections.abc import Sequence
from itertools import chain, repeat

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from facecore.errors import DataError

Rows = NDArray[np.generic] | Tensor


class ContextWindows(Dataset[tuple[Tensor, Tensor]]):
    """The rows of all sequences, each in the middle of a window of its own sequence.

    Each sequence is padded by `context` rows at both ends, so that the first and the last row have windows too; labels
    are not padded. A dictionary from the flat index to (sequence, row), made once, finds a window in the same time
    however many there are. It takes about 126 bytes a row in CPython 3.11, beside 512 for a row of 128 float32: see
    `index_bytes` and `data_bytes`. Sequences are copied, so that changes to the originals have no effect.

    Args:
        sequences: (T_i, D) each, T_i of 1 and more, the same D and type in all of them.
        labels: (T_i,) each, one a row.
        context: rows on either side of the centre, 0 or more.
        repeat_edges: pad with the first and the last row instead of zeros.

    Raises:
        DataError: `context` is negative, there is no sequence, one is empty or has another shape, type or number of
            labels than it should.
    """

    def __init__(
        self, sequences: Sequence[Rows], labels: Sequence[Rows], context: int, repeat_edges: bool = False
    ) -> None:
        if context < 0:
            raise DataError(f"context {context}: give 0 (the row alone) or more rows on either side")
        if len(sequences) != len(labels):
            raise DataError(f"{len(sequences)} sequences have {len(labels)} rows of labels: give one a sequence")
        if not len(sequences):
            raise DataError("there is no sequence: give at least one")
        rows = [_tensor(sequence) for sequence in sequences]
        self.context = context
        self.labels = [_tensor(values).clone() for values in labels]
        for number, (sequence, values) in enumerate(zip(rows, self.labels, strict=True)):
            _check(number, sequence, values, rows[0])
        self.sequences = [_padded(sequence, context, repeat_edges) for sequence in rows]
        self.index = _index([len(sequence) for sequence in rows])

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """The window (2 * context + 1, D) around a row, a view of the data, and the label () of the row."""
        try:
            sequence, row = self.index[index]
        except KeyError:
            raise IndexError(f"row {index}: there are {len(self)}, counted from 0") from None
        return self.sequences[sequence][row : row + 2 * self.context + 1], self.labels[sequence][row]

    @property
    def index_bytes(self) -> int:
        """Memory of the dictionary: its table, and a key and a pair of numbers a row."""
        return sys.getsizeof(self.index) + len(self.index) * (sys.getsizeof(1 << 20) + sys.getsizeof((0, 0)))

    @property
    def data_bytes(self) -> int:
        """Memory of the padded sequences and the labels."""
        return sum(tensor.nbytes for tensor in (*self.sequences, *self.labels))


def _index(lengths: Sequence[int]) -> dict[int, tuple[int, int]]:
    numbers = list(range(max(lengths)))  # the same objects in all sequences: an int takes 28 bytes
    places = chain.from_iterable(
        zip(repeat(sequence, length), numbers[:length], strict=True) for sequence, length in enumerate(lengths)
    )
    return dict(enumerate(places))


def _tensor(values: Rows) -> Tensor:
    if isinstance(values, Tensor):
        return values
    # PyTorch warns of arrays that must not be written to, such as those of a file that is mapped into memory.
    return torch.from_numpy(values if values.flags.writeable else values.copy())


def _padded(rows: Tensor, context: int, repeat_edges: bool) -> Tensor:
    padded = rows.new_zeros(len(rows) + 2 * context, rows.shape[1])
    padded[context : context + len(rows)] = rows
    if repeat_edges:
        padded[:context] = rows[0]
        padded[context + len(rows) :] = rows[-1]
    return padded


def _check(number: int, rows: Tensor, labels: Tensor, first: Tensor) -> None:
    if rows.ndim != 2 or not len(rows):
        raise DataError(f"sequence {number} has the shape {tuple(rows.shape)}: give (rows, width) with a row or more")
    if rows.shape[1] != first.shape[1]:
        raise DataError(f"sequence {number} is {rows.shape[1]} wide and sequence 0 is {first.shape[1]}: give one width")
    if rows.dtype != first.dtype:
        raise DataError(f"sequence {number} holds {rows.dtype} and sequence 0 {first.dtype}: give one type")
    if labels.shape != rows.shape[:1]:
        raise DataError(
            f"sequence {number} has {len(rows)} rows and labels of the shape {tuple(labels.shape)}: give one a row"
        )
