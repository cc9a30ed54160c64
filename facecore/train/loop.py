"""The training loop: one step after another until the plan is done."""

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

import torch
from torch import Tensor
from tqdm import tqdm

from facecore.data.pictures import Bad
from facecore.errors import DataError
from facecore.train.batches import Part
from facecore.train.distributed import Ranks
from facecore.train.plan import Plan
from facecore.train.state import Progress
from facecore.train.step import Stepper

ASK_EVERY = 20  # steps of a GPU between two questions to the other ranks whether to save or stop: it waits for each


@dataclass(frozen=True)
class Means:
    """Figures over the steps since the last row of metrics.

    Attributes:
        loss: mean of the steps.
        accuracy: share of correct answers among labelled samples; None where there was none.
        gradient_norm: mean length before it was shortened.
        images_per_second: of all ranks together.
    """

    loss: float
    accuracy: float | None
    gradient_norm: float
    images_per_second: float


@dataclass(frozen=True)
class Calls:
    """What the loop calls.

    Attributes:
        batches: (first, last) -> the parts of each step's batch.
        report: (step, means, seconds) -> after the steps that `reports_at` names; returns the best figure so far.
        reports_at: whether a step (counted from 1) is followed by a report.
        save: writes a checkpoint; called by all ranks at the same step, and only while all numbers are finite.
        name: what to call a picture in a message.
    """

    batches: Callable[[int, int], Iterator[list[Part]]]
    report: Callable[[int, Means, float], float | None]
    reports_at: Callable[[int], bool]
    save: Callable[[Progress], None]
    name: Callable[[int], str]


def train(
    stepper: Stepper,
    plan: Plan,
    calls: Calls,
    start: Progress,
    save_every: float,
    max_skipped: float,
    images: int,
    ranks: Ranks,
) -> Progress:
    """Run the plan from `start` to its end.

    Args:
        stepper: takes a step.
        plan: sizes and learning rates by step.
        calls: where batches come from, and what is told.
        start: where to begin.
        save_every: seconds between two checkpoints; there is also one after each report and at the end.
        max_skipped: share of all images that may be unreadable.
        images: number of all images.
        ranks: this process among all.

    Raises:
        DataError: the loss is not a finite number, or too many images cannot be read.
        KeyboardInterrupt: after the checkpoint was written.
    """
    skipped = _Skipped({}, max_skipped, images, calls.name)
    skipped.merge(dict(start.skipped))
    walker = _Walker(stepper, plan, calls, start, ranks, skipped)
    with _bar(plan, start.step, ranks) as bar, _deferred_interrupt() as interrupted:
        saved = time.monotonic()
        for parts in calls.batches(start.step, plan.steps):
            walker.walk(parts)
            bar.update(plan.batch_size)
            end = walker.step == plan.steps
            reported = calls.reports_at(walker.step) or end
            if reported:
                bar.set_postfix(walker.report(), refresh=False)
            # What is saved is of all ranks, so that they save and stop at the same step.
            stop = due = False
            if ranks.world == 1 or walker.device.type == "cpu" or walker.step % ASK_EVERY == 0:
                late = ranks.main and time.monotonic() - saved > save_every
                stop, due = ranks.any((interrupted(), late), walker.device)
            stop = stop and not end
            if reported or due or stop:
                walker.save(must=end or stop)
                saved = time.monotonic()
            if stop:
                raise KeyboardInterrupt
    return walker.progress()


class _Walker:
    """The state of the walk: the step, and sums since the last row of metrics that stay on the device.

    Each rank holds its share of the sums; a mean that all ranks have taken of their parts counts by 1 / world.
    """

    def __init__(
        self, stepper: Stepper, plan: Plan, calls: Calls, start: Progress, ranks: Ranks, skipped: "_Skipped"
    ) -> None:
        self.stepper, self.plan, self.calls, self.ranks, self.skipped = stepper, plan, calls, ranks, skipped
        self.step, self.best = start.step, start.best
        self.device = next(stepper.objective.parameters()).device
        self.began = time.monotonic() - start.seconds
        self.window_began = time.monotonic() - start.window_seconds
        self.sums = torch.tensor(start.sums if ranks.main else [0.0] * len(start.sums), device=self.device)
        self.shares = torch.tensor([1 / ranks.world, 1.0, 1.0, 1 / ranks.world], device=self.device)
        self.unseen: list[Tensor] = []

    def walk(self, parts: list[Part]) -> None:
        outcome = self.stepper(parts, self.step, self.plan.rate_at(self.step))
        self.step += 1
        self.unseen.append(outcome.sums)
        for part in parts:
            self.skipped.add(part.bad)
        # A look makes a GPU wait, so that it is looked at only when something is told or saved.
        if self.device.type == "cpu":
            self._look()

    def _look(self) -> None:
        """Add up what the last steps gave, and stop if a loss or a gradient among them is not finite."""
        if not self.unseen:
            return
        block = torch.stack(self.unseen)
        first = self.step - len(block)
        for number, (loss, _, _, norm) in enumerate(block.tolist()):
            if not math.isfinite(loss):
                self._stop(f"the loss is {loss}", first + number)
            if not math.isfinite(norm):  # weights are lost with it, though the loss was still a number
                self._stop(f"the length of the gradient is {norm}", first + number)
        self.sums[:4] += block.sum(0) * self.shares
        self.sums[4] += len(block) / self.ranks.world
        self.unseen.clear()

    def _stop(self, what: str, step: int) -> None:
        per_epoch = self.plan.steps_per_epoch
        where = f"step {step + 1} (epoch {step // per_epoch + 1}, batch {step % per_epoch + 1} of {per_epoch})"
        raise DataError(
            f"{where}: {what}: training stopped. Lower --lr, raise --warmup-steps or set "
            "--max-gradient-norm; a checkpoint that was written is from before, and stays"
        )

    def report(self) -> dict[str, object]:
        self._look()
        totals = self.ranks.total(self.sums.clone())
        loss, correct, labelled, norm, steps = totals.tolist()
        elapsed = time.monotonic() - self.window_began
        means = Means(
            loss=loss / steps,
            accuracy=correct / labelled if labelled else None,
            gradient_norm=norm / steps,
            images_per_second=steps * self.plan.batch_size / elapsed,
        )
        self.sums.zero_()
        self.best = self.calls.report(self.step, means, time.monotonic() - self.began)
        self.window_began = time.monotonic()
        shown: dict[str, object] = {"loss": f"{means.loss:.3f}", "size": self.plan.size_at(self.step - 1)}
        return shown

    def progress(self) -> Progress:
        return Progress(
            self.step,
            time.monotonic() - self.began,
            self.best,
            tuple(self.ranks.total(self.sums.clone()).tolist()),
            time.monotonic() - self.window_began,
            self.stepper.splits,
            tuple(self.skipped.found.items()),
            self.skipped.images,
            self.plan.batch_size,
        )

    def save(self, must: bool) -> None:
        """Write a checkpoint. A disk that is full ends the run only at its end: before, the old checkpoint stays."""
        self._look()
        self.ranks.average_buffers(self.stepper.objective)
        for found in self.ranks.gather(self.skipped.found):
            self.skipped.merge(found)
        progress = self.progress()
        try:
            self.calls.save(progress)
        except OSError as error:
            if must:
                raise
            print(
                f"step {self.step}: the checkpoint could not be written ({error}): the one from before stays, and "
                "training goes on",
                file=sys.stderr,
            )


@dataclass
class _Skipped:
    """Images that could not be read: counted, and too many are an error."""

    found: dict[str, str]
    max_share: float
    images: int
    name: Callable[[int], str]

    def add(self, bad: list[Bad]) -> None:
        self.merge({self.name(row): reason for row, reason in bad})

    def merge(self, found: dict[str, str]) -> None:
        self.found = {**found, **self.found}
        if len(self.found) > self.max_share * self.images:
            some = ", ".join(list(self.found)[:3])
            raise DataError(
                f"{len(self.found)} of {self.images:,} images cannot be read, more than --max-skipped "
                f"{self.max_share:g} allows: {some}"
            )


def _bar(plan: Plan, step: int, ranks: Ranks) -> "tqdm[NoReturn]":
    return tqdm(
        total=plan.steps * plan.batch_size,
        initial=step * plan.batch_size,
        desc="training",
        unit="face",
        unit_scale=True,
        mininterval=2,
        disable=not ranks.main,
    )


@contextmanager
def _deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Ctrl-C lets the step end first, so that the checkpoint holds whole steps; a second one stops at once."""
    pressed = False
    if threading.current_thread() is not threading.main_thread():  # only the main thread is told of Ctrl-C
        yield lambda: pressed
        return

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
