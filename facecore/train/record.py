"""What a run writes down while it trains: metrics.csv, TensorBoard events and a picture of the curves.

A run that was killed and goes on opens its record again: rows that were written after its last checkpoint are dropped,
since their steps are done once more.
"""

import csv
import dataclasses
import io
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facecore.errors import DataError
from facecore.files import atomic_path, write_text
from facecore.train.curves import curves_png

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

METRICS = "metrics.csv"
EVENTS = "tensorboard"
CURVES = "curves.png"
DRAW_SECONDS = 20.0
"""Time between two pictures: a picture takes about half a second."""

TAGS = {
    "train/loss": "train_loss",
    "train/accuracy": "train_accuracy",
    "val/accuracy": "val_accuracy",
    "verification/auc": "verification_auc",
    "learning_rate": "learning_rate",
    "images_per_second": "images_per_second",
}
"""TensorBoard's name of each column that it shows."""


@dataclass(frozen=True)
class Row:
    """Where training stands, and how it went since the row before.

    Attributes:
        epoch: passes over the training data so far, with a fraction where a recipe counts in samples.
        step: steps so far.
        samples: training images so far.
        size: height and width of the network's input, in pixels.
        learning_rate: of the last step.
        train_loss: mean over the steps since the row before.
        train_accuracy: share of the labelled training images that were classified correctly, 0 to 1; None where the
            recipe classifies nothing.
        val_accuracy: of the validation images; None where it was not measured.
        verification_auc: area under the ROC of the labelled pair list; None where it was not measured.
        images_per_second: training images since the row before, validation left out.
        gradient_norm: mean length of the gradient before it was shortened; None where it was not measured.
        seconds: of training so far, over all resumed parts of the run.
    """

    epoch: float
    step: int
    samples: int
    size: int
    learning_rate: float
    train_loss: float
    train_accuracy: float | None
    val_accuracy: float | None
    verification_auc: float | None
    images_per_second: float
    gradient_norm: float | None
    seconds: float


FIELDS = dataclasses.fields(Row)
COLUMNS = tuple(field.name for field in FIELDS)


class Record:
    """The record of one run. Use it as a context manager, or call `close` at the end.

    Args:
        run: folder of the run, made where it is missing.
        start_step: steps that the run has behind it; rows of later steps are dropped, so that a new run (0) begins
            with none.

    Attributes:
        rows: all rows of the run, those of earlier parts included.

    Raises:
        DataError: there is a metrics.csv with other columns, or one that is damaged.
        OSError: the run cannot be written to.
    """

    def __init__(self, run: Path, start_step: int = 0) -> None:
        self.run = run
        run.mkdir(parents=True, exist_ok=True)
        self.rows = [row for row in read_rows(run / METRICS) if row.step <= start_step]
        write_text(run / METRICS, _text([COLUMNS, *(_cells(row) for row in self.rows)]))
        self._events = _event_writer(run / EVENTS, start_step)
        self._drawn_at = -float("inf")
        self._drawn_rows = 0

    def add(self, row: Row) -> None:
        """Write a row down. It outlives a SIGKILL that comes after this call has returned.

        Raises:
            OSError: the run cannot be written to.
        """
        self.rows.append(row)
        with (self.run / METRICS).open("a", newline="", encoding="utf-8") as file:
            file.write(_text([_cells(row)]))
        if self._events is not None:
            for tag, column in TAGS.items():
                value = getattr(row, column)
                if value is not None:
                    self._events.add_scalar(tag, value, row.step)
            self._events.flush()
        if time.monotonic() - self._drawn_at >= DRAW_SECONDS:
            self._draw()

    def close(self) -> None:
        """Draw the curves to their end and close the events."""
        if len(self.rows) > self._drawn_rows:
            self._draw()
        if self._events is not None:
            self._events.close()
            self._events = None

    def __enter__(self) -> "Record":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _draw(self) -> None:
        with atomic_path(self.run / CURVES) as path:
            path.write_bytes(curves_png(to_columns(self.rows)))
        self._drawn_at, self._drawn_rows = time.monotonic(), len(self.rows)


def read_rows(metrics: Path) -> list[Row]:
    """The rows of a metrics.csv; none where there is no file. A last line that was only half written is left out.

    Raises:
        DataError: the file has other columns, or a line cannot be read.
    """
    if not metrics.exists():
        return []
    # What stands behind the last line end was being written when the run was killed.
    whole = metrics.read_bytes().rpartition(b"\n")[0].decode("utf-8", "replace")
    if not whole:
        return []
    head, *lines = csv.reader(io.StringIO(whole))
    if tuple(head) != COLUMNS:
        raise DataError(
            f"{metrics}: has the columns {', '.join(head)}, which are those of another version, and not "
            f"{', '.join(COLUMNS)}: move the file away, or give another --out"
        )
    return [_row(cells, f"{metrics}, line {number}") for number, cells in enumerate(lines, 2)]


def to_columns(rows: Sequence[Row]) -> dict[str, NDArray[np.float64]]:
    """Each field of the rows as float64 (R,), NaN for None."""
    return {name: np.array([getattr(row, name) for row in rows], np.float64) for name in COLUMNS}


def _row(cells: list[str], place: str) -> Row:
    try:
        values: dict[str, Any] = {f.name: _value(f.type, cell) for f, cell in zip(FIELDS, cells, strict=True)}
    except ValueError:
        raise DataError(f"{place}: is damaged: {','.join(cells)!r}: delete this line, or give another --out") from None
    return Row(**values)


def _value(kind: object, cell: str) -> int | float | None:
    """A cell as its field's type, None where that may be and nothing is there."""
    if not cell and kind == float | None:
        return None
    return int(cell) if kind is int else float(cell)


def _cells(row: Row) -> list[str]:
    values = dataclasses.astuple(row)
    return ["" if v is None else f"{v:.6g}" if isinstance(v, float) else str(v) for v in values]


def _text(lines: Sequence[Sequence[str]]) -> str:
    return "".join(f"{','.join(cells)}\n" for cells in lines)


def _event_writer(folder: Path, start_step: int) -> "SummaryWriter | None":
    """TensorBoard's writer, which hides earlier events of steps after `start_step`; None without the package."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # takes seconds, and not everybody who imports this needs it
    except ImportError as error:
        print(f"no TensorBoard events are written ({error}): pip install tensorboard", file=sys.stderr)
        return None
    return SummaryWriter(folder, purge_step=start_step + 1)
