"""What each run found, read from its folder."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from eval.ablation.plan import Combination
from eval.ablation.runs import State, Status
from facecore.train.record import METRICS, Row, read_rows

RESULTS = "results.json"
MEGABYTE = 1e6


@dataclass(frozen=True)
class Outcome:
    """A row of the table. None where a figure was not measured, or the run did not reach its end.

    Attributes:
        arch: architecture.
        batch_size: images in a step.
        seed: of the run.
        lr: highest learning rate.
        status: how the run ended.
        epochs: passes over the training data.
        minutes: of training: steps and checkpoints, but no start-up and no validation.
        val_accuracy: of the validation photos at the end, 0 to 1.
        best_val_accuracy: the best at any validation.
        verification_auc: area under the ROC of the labelled pair list at the end, 0 to 1.
        best_verification_auc: the best at any validation.
        test_accuracy: of the test photos at the end, 0 to 1.
        images_per_second: median over the epochs.
        seconds_per_epoch: at that speed.
        peak_megabytes: the largest resident memory of the training process, in 10^6 bytes. Memory of a GPU, and of
            processes that read images, is not in it.
        accuracy_per_minute: `val_accuracy` divided by `minutes`.
        wall_minutes: of the training program with start-up, validation and test; parts that were interrupted left out.
        speed_seconds: taken to measure the speed before the run.
        reason: why the run failed or diverged.
    """

    arch: str
    batch_size: int
    seed: int
    lr: float
    status: Status
    epochs: float | None = None
    minutes: float | None = None
    val_accuracy: float | None = None
    best_val_accuracy: float | None = None
    verification_auc: float | None = None
    best_verification_auc: float | None = None
    test_accuracy: float | None = None
    images_per_second: float | None = None
    seconds_per_epoch: float | None = None
    peak_megabytes: float | None = None
    accuracy_per_minute: float | None = None
    wall_minutes: float | None = None
    speed_seconds: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Course:
    """How a run went.

    Attributes:
        outcome: what it found.
        minutes: of training until each validation.
        val_accuracy: at each, None where there are no validation photos.
        verification_auc: at each, None where there is no labelled pair list.
    """

    outcome: Outcome
    minutes: tuple[float, ...] = ()
    val_accuracy: tuple[float | None, ...] = ()
    verification_auc: tuple[float | None, ...] = ()


def read_course(run: Path, combination: Combination, state: State) -> Course:
    """What a run found and how it went.

    Raises:
        DataError: its metrics.csv is damaged.
        OSError: its files cannot be read.
    """
    rows = read_rows(run / METRICS)
    outcome = Outcome(
        combination.arch,
        combination.batch_size,
        combination.seed,
        combination.lr,
        state.status,
        peak_megabytes=state.peak_bytes / MEGABYTE or None,
        wall_minutes=state.seconds / 60 or None,
        speed_seconds=state.speed_seconds or None,
        reason=state.reason,
    )
    if not rows:
        return Course(outcome)
    speed = median([row.images_per_second for row in rows])
    images = rows[-1].samples / rows[-1].epoch
    outcome = replace(outcome, epochs=rows[-1].epoch, images_per_second=speed, seconds_per_epoch=images / speed)
    if state.status != "done":
        return Course(outcome)
    times = _minutes(rows)
    accuracy = rows[-1].val_accuracy
    outcome = replace(
        outcome,
        minutes=times[-1],
        val_accuracy=accuracy,
        best_val_accuracy=_largest([row.val_accuracy for row in rows]),
        verification_auc=rows[-1].verification_auc,
        best_verification_auc=_largest([row.verification_auc for row in rows]),
        test_accuracy=json.loads((run / RESULTS).read_text(encoding="utf-8")).get("test_accuracy"),
        accuracy_per_minute=None if accuracy is None else accuracy / times[-1],
    )
    judged = [
        (at, row)
        for at, row in zip(times, rows, strict=True)
        if (row.val_accuracy, row.verification_auc) != (None,) * 2
    ]
    return Course(
        outcome,
        tuple(at for at, _ in judged),
        tuple(row.val_accuracy for _, row in judged),
        tuple(row.verification_auc for _, row in judged),
    )


def _minutes(rows: list[Row]) -> list[float]:
    """Training until the end of each row, from its samples and their speed, which knows nothing of validation."""
    spent, before, ends = 0.0, 0, []
    for row in rows:
        spent += (row.samples - before) / row.images_per_second / 60
        before = row.samples
        ends.append(spent)
    return ends


def _largest(values: list[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
