"""A run from its flags to its models: sets everything up, walks, writes, and ends."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch.amp import GradScaler

from facecore.command_line import DONE
from facecore.data.pictures import HeldPictures
from facecore.device import pick_device, pick_precision
from facecore.errors import DataError
from facecore.files import write_text
from facecore.models import EmbeddingNetwork, Student
from facecore.train.batches import Batches, Loading, walk
from facecore.train.distributed import Ranks, joined
from facecore.train.flags import UNIMPORTANT
from facecore.train.job import Figures, Job
from facecore.train.loop import Calls, Means, train
from facecore.train.memory import largest_batch
from facecore.train.optimizers import make_optimizer
from facecore.train.origin import write_origin
from facecore.train.plan import Phase, Plan, parse_phases
from facecore.train.recipes.classify_job import classification_job
from facecore.train.recipes.distill_job import distillation_job
from facecore.train.record import METRICS, Record, Row
from facecore.train.run_folder import BEST, LAST, PROGRESS, check_folder, found_batch_size, locked
from facecore.train.small_maps import take_small_maps_as_products
from facecore.train.state import Progress, load_state, save_state
from facecore.train.step import Stepper

JOBS: dict[str, Callable[[argparse.Namespace, Loading, Ranks], Job]] = {
    "reference": classification_job,
    "best": classification_job,
    "distill": distillation_job,
}
LIMITS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("samples_done", "log_every", "embedding_dim", "warmup_steps", "margin_warmup"), (0, math.inf)),
    **dict.fromkeys(("lr", "weight_decay", "max_gradient_norm", "head_scale", "label_weight"), (0, math.inf)),
    **dict.fromkeys(("workers", "save_minutes"), (0, math.inf)),
    **dict.fromkeys(("accumulate", "validate_every", "subcentres", "epochs", "per_person"), (1, math.inf)),
    **dict.fromkeys(("bank_size", "people"), (2, math.inf)),
    **dict.fromkeys(("momentum", "decay", "max_skipped"), (0, 1)),
    "size": (64, math.inf),
}
ROW_STEPS = 100  # steps between two rows of metrics where the plan is one of samples


def run_training(a: argparse.Namespace) -> int:
    """What `python -m facecore.train` does, given all flags."""
    check_numbers(a)
    if a.threads:
        torch.set_num_threads(a.threads)
    with joined(a.device) as ranks:
        device = pick_device(a.device)
        if ranks.world > 1 and device.type == "cuda":
            device = torch.device("cuda", ranks.local)
        arguments = identity(a, ranks)
        check_folder(a.out, a.resume, arguments)
        with locked(a.out) if ranks.main else nullcontext(), _worker_deaths_in_words():
            return _Run(a, device, ranks, arguments).train()


@contextmanager
def _worker_deaths_in_words() -> Iterator[None]:
    """PyTorch raises a RuntimeError wherever the main process is when the system has ended a worker."""
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise DataError(
            "a process that reads images was ended by the system, most likely for want of memory: lower --workers, or "
            f"set --hold disk, and go on with --resume where there is a checkpoint ({str(error).splitlines()[0]})"
        ) from error


def check_numbers(a: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before anything is read.

    Raises:
        ValueError: a flag is out of range.
    """
    for name, (low, high) in LIMITS.items():
        value = getattr(a, name)
        if value is not None and not low <= value <= high:
            words = f"from {low} to {high}" if high < math.inf else f"{low} or more"
            raise ValueError(f"--{name.replace('_', '-')} must be {words}, not {value}")


class _Run:
    """The parts of one run, put together."""

    def __init__(self, a: argparse.Namespace, device: torch.device, ranks: Ranks, arguments: dict[str, Any]) -> None:
        self.a, self.device, self.ranks, self.arguments = a, device, ranks, arguments
        self.loading = Loading(device, a.workers, a.worker_start)
        self.autocast = pick_precision(a.precision, device)
        self._open()
        torch.manual_seed(a.seed)
        self.job = JOBS[a.recipe](a, self.loading, ranks)
        self.objective = self.job.objective.to(device).to(memory_format=torch.channels_last).train()
        take_small_maps_as_products(self.objective, device, self.autocast)
        if a.compile:
            compile_network(self.job.network)
        self.optimizer = make_optimizer(a.optimizer, self.objective, a.momentum, a.weight_decay)
        self.scaler = GradScaler(device.type, enabled=self.autocast is torch.float16)
        if a.batch_size == "auto":
            a.batch_size = self._largest_batch()
        self.plan, self.sampler = self._plan()

    def _open(self) -> None:
        """Begin the record of a new run."""
        if self.ranks.main and not self.a.resume:
            (self.a.out / METRICS).unlink(missing_ok=True)
            write_origin(self.a.out, self.arguments)

    def _largest_batch(self) -> int:
        """For `--batch-size auto`: what fits every rank; a run that goes on keeps what it began with."""
        if self.a.resume:
            return found_batch_size(self.a.out)
        phases = parse_phases(self.a.phases) if self.a.phases else [Phase(self.a.size, 1)]
        size, count = max(phase.size for phase in phases), len(self.job.pictures)
        largest = largest_batch(self.objective, self.optimizer, size, count, self.device, self.autocast)
        # What was tried is one pass of one rank. A third of the data at most, or an epoch would have few steps.
        parts: int = self.ranks.world * self.a.accumulate
        most = min(min(self.ranks.gather(largest)) * parts, max(8, count // 3))
        batch = max(parts, most // parts * parts)
        if self.ranks.main:
            print(f"--batch-size auto: {batch} images in a step", file=sys.stderr)
        return batch

    def _plan(self) -> tuple[Plan, Any]:
        a, count = self.a, len(self.job.pictures)
        parts = self.ranks.world * a.accumulate
        if a.capped and a.batch_size > count // 2:
            a.batch_size = max(parts, 2, count // 4 // parts * parts)
            if self.ranks.main:
                print(f"{count} images are few: {a.batch_size} of them in a step (--batch-size)", file=sys.stderr)
        if a.batch_size % parts:
            raise DataError(
                f"--batch-size {a.batch_size} cannot be cut into {parts} equal parts (ranks x --accumulate)"
            )
        if a.batch_size > count:
            raise DataError(f"--batch-size {a.batch_size} is larger than the data, which has {count:,} images")
        sampler = self.job.make_sampler(a.batch_size)
        epoch = sampler.steps_per_epoch
        phases = parse_phases(a.phases) if a.phases else [Phase(a.size, a.epochs * epoch * a.batch_size)]
        first = a.samples_done // a.batch_size
        plan = Plan(phases, a.batch_size, a.lr, a.warmup_steps, first, a.schedule, a.decay, epoch)
        unchanged = a.recipe == "distill" and a.init and plan.steps == first == 0
        if first >= plan.steps and not unchanged:
            raise DataError(f"--samples-done {a.samples_done}: nothing is left of the plan")
        return plan, sampler

    def train(self) -> int:
        """Walk from the start or the checkpoint to the end."""
        a, job, plan = self.a, self.job, self.plan
        start = Progress(plan.first_step, 0.0, skipped=already_skipped(job))
        if a.resume:
            start = load_state(a.out, self.objective, self.optimizer, self.scaler, self.arguments)
            self._check_data(start)
            if self.ranks.main:
                write_origin(a.out, self.arguments)
        elif self.ranks.main:
            self._write_progress(start)  # what --batch-size auto found is known to whoever goes on
        wrapped = self.ranks.distribute(self.objective)
        norm = a.max_gradient_norm or None
        stepper = Stepper(wrapped, self.optimizer, self.scaler, self.autocast, norm, a.seed, start.splits)
        parts = self.ranks.world * a.accumulate
        batches = Batches(job.pictures, self.sampler, job.preset, job.augment, plan.size_at, a.seed, parts)
        with Reports(self, start) as reports:
            calls = Calls(
                batches=lambda first, last: walk(batches, first, last, self.loading, self.ranks),
                report=reports.report,
                reports_at=lambda step: step % self.row_steps == 0 or self.validates_at(step),
                save=self.save,
                name=job.pictures.name,
            )
            finished = train(
                stepper, plan, calls, start, a.save_minutes * 60, a.max_skipped, len(job.pictures), self.ranks
            )
        if self.ranks.main:
            self._finish(finished)
        self.ranks.wait()
        return DONE

    def _check_data(self, start: Progress) -> None:
        """Other data, or a batch size that was lowered then and is not now, would go on with other batches."""
        before, now = (start.images, start.batch_size), (len(self.job.pictures), self.plan.batch_size)
        if all(before) and before != now:
            raise DataError(
                f"{self.a.out}: the run was started with {before[0]:,} images, {before[1]} in a step, and now there "
                f"are {now[0]:,}, {now[1]} in a step. Use another --out for a new run"
            )

    @property
    def row_steps(self) -> int:
        """Steps between two rows of metrics."""
        if self.a.log_every:
            return int(self.a.log_every)
        return ROW_STEPS if self.a.phases else self.plan.steps_per_epoch

    def validates_at(self, step: int) -> bool:
        """Whether the network is measured after a step, counted from 1."""
        between = self.plan.steps_per_epoch * self.a.validate_every
        return self.job.validate is not None and (step % between == 0 or step == self.plan.steps)

    def save(self, progress: Progress) -> None:
        """Write the checkpoint, where the run stands, and the model so far where no validation is going to."""
        if not self.ranks.main:
            return
        save_state(self.a.out, self.objective, self.optimizer, self.scaler, progress, self.arguments)
        self._write_progress(progress)
        if self.job.validate is None:
            self.job.save(self.a.out / LAST, progress)

    def _write_progress(self, progress: Progress) -> None:
        size = self.plan.batch_size
        content = {
            "samples_done": progress.step * size,
            "samples_planned": self.plan.steps * size,
            "batch_size": size,
            "hours": progress.seconds / 3600,
        }
        write_text(self.a.out / PROGRESS, json.dumps(content, indent=1) + "\n")

    def _finish(self, finished: Progress) -> None:
        self.job.save(self.a.out / LAST, finished)
        if finished.skipped:
            print(f"{len(finished.skipped)} images could not be read and were left out:", file=sys.stderr)
            for name, reason in finished.skipped:
                print(f"  {name}: {reason}", file=sys.stderr)
        self.job.finish(self.a.out)


class Reports:
    """After an epoch, or some steps: validation, a row of metrics, the models so far."""

    def __init__(self, run: _Run, start: Progress) -> None:
        self.run = run
        self.best = start.best
        self.record = Record(run.a.out, start.step) if run.ranks.main else None

    def __enter__(self) -> "Reports":
        return self

    def __exit__(self, *_: object) -> None:
        if self.record is not None:
            self.record.close()

    def report(self, step: int, means: Means, seconds: float) -> float | None:
        """One row; returns the best figure so far."""
        run, plan = self.run, self.run.plan
        figures = self._validate(step)
        if self.record is None:
            return self.best
        row = Row(
            epoch=plan.epoch_at(step),
            step=step,
            samples=step * plan.batch_size,
            size=plan.size_at(step - 1),
            learning_rate=plan.rate_at(step - 1),
            train_loss=means.loss,
            train_accuracy=means.accuracy,
            val_accuracy=figures.accuracy,
            verification_auc=figures.auc,
            images_per_second=means.images_per_second,
            gradient_norm=means.gradient_norm,
            seconds=seconds,
        )
        self.record.add(row)
        progress = Progress(step, seconds, self.best)
        figure = figures.best_by(run.a.best_by)
        if figure is not None:
            run.job.save(run.a.out / LAST, progress)
            if self.best is None or figure > self.best:
                self.best = figure
                run.job.save(run.a.out / BEST, progress)
        return self.best

    def _validate(self, step: int) -> Figures:
        run = self.run
        if run.job.validate is None or not run.validates_at(step):
            return Figures()
        run.ranks.average_buffers(run.objective)
        run.objective.eval()
        try:
            return run.job.validate()
        finally:
            run.objective.train()


def identity(a: argparse.Namespace, ranks: Ranks) -> dict[str, Any]:
    """The arguments that decide which weights come out."""
    words = {key: value for key, value in vars(a).items() if key not in UNIMPORTANT}
    words["parts"] = ranks.world * a.accumulate
    return {key: str(value) if isinstance(value, Path) else value for key, value in words.items()}


def already_skipped(job: Job) -> tuple[tuple[str, str], ...]:
    """What could not be read when the images were brought into memory."""
    if not isinstance(job.pictures, HeldPictures):
        return ()
    return tuple({job.pictures.name(row): reason for row, reason in job.pictures.bad}.items())


def compile_network(network: EmbeddingNetwork) -> None:
    """Compile the convolutions of a network, which is where the time goes."""
    trunk = network.backbone if isinstance(network, Student) else network
    vars(trunk)["embed"] = torch.compile(trunk.embed)
