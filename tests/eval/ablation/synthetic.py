"""Runs that were never trained: their folders as training and the comparison leave them."""

import csv
import dataclasses
import json
from pathlib import Path

from eval.ablation.outcomes import RESULTS
from facecore.train.record import COLUMNS, METRICS, Row

BATCH, PER_EPOCH = 32, 10


def row(epoch: int, seconds: float, accuracy: float | None, area: float | None = None) -> Row:
    """The row after an epoch that took so many seconds."""
    step = epoch * PER_EPOCH
    speed = PER_EPOCH * BATCH / seconds
    return Row(epoch, step, step * BATCH, 64, 0.1, 1.0, 0.5, accuracy, area, speed, 1.0, 99.0 * epoch)


def write_run(run: Path, rows: list[Row], test_accuracy: float | None = None) -> None:
    """metrics.csv and results.json of a run."""
    run.mkdir(parents=True, exist_ok=True)
    with (run / METRICS).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS, *map(dataclasses.astuple, rows)])
    (run / RESULTS).write_text(json.dumps({"test_accuracy": test_accuracy}))
