"""The training loop: plain functions, one step after another until the plan is done."""

import csv
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from tqdm import tqdm

from facecore.errors import DataError
from facecore.files import write_text
from facecore.train.plan import Plan
from facecore.train.state import Progress

COLUMNS = ("step", "samples", "size", "learning_rate", "loss", "gradient_norm", "images_per_second", "seconds")


@dataclass(frozen=True)
class Settings:
    """How the steps are taken.

    Attributes:
        device: the network's.
        autocast: type of the convolutions, None for float32.
        max_gradient_norm: longer gradients are shortened to this (Pascanu et al. 2013, arXiv 1211.5063).
        log_every: steps between two rows of metrics; only then is the loss looked at, since a look makes a GPU wait.
        save_every: seconds between two checkpoints.
    """

    device: torch.device
    autocast: torch.dtype | None
    max_gradient_norm: float
    log_every: int
    save_every: float


def make_sgd(network: nn.Module, momentum: float, weight_decay: float) -> SGD:
    """SGD with Nesterov momentum (Sutskever et al. 2013) that decays matrices and kernels, not biases and BatchNorm."""
    decayed = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return SGD(groups, lr=0.0, momentum=momentum, nesterov=momentum > 0, fused=True)


def train(
    network: nn.Module,
    optimizer: Optimizer,
    plan: Plan,
    loss_at: Callable[[int, int], Tensor],
    start: Progress,
    settings: Settings,
    metrics: Path,
    save: Callable[[Progress], None],
) -> Progress:
    """Run the plan from `start` to its end.

    Args:
        network: on its device, in training mode.
        optimizer: over the network's parameters.
        plan: sizes and learning rates by step.
        loss_at: (step, size) -> scalar loss of that step's batch.
        start: where to begin.
        settings: how the steps are taken.
        metrics: CSV file to which rows are appended.
        save: writes a checkpoint; also called at the end and when the user interrupts.

    Raises:
        DataError: the loss is not a finite number.
        KeyboardInterrupt: after the checkpoint was written.
    """
    began = time.monotonic() - start.seconds
    window = _Window(settings.device)
    step, saved = start.step, time.monotonic()
    with tqdm(total=plan.steps * plan.batch_size, initial=step * plan.batch_size, desc="training", unit="face",
              unit_scale=True, mininterval=2) as bar, _deferred_interrupt() as interrupted:  # fmt: skip
        while step < plan.steps and not interrupted():
            loss, norm = _step(network, optimizer, plan, loss_at, step, settings)
            window.add(loss, norm)
            step += 1
            bar.update(plan.batch_size)
            if step % settings.log_every == 0 or step == plan.steps:
                mean_loss, row = window.close(plan.batch_size)
                _require_finite(mean_loss, step)
                size = plan.size_at(step - 1)
                head = (step, step * plan.batch_size, size, plan.rate_at(step - 1))
                _append(metrics, (*head, *row, time.monotonic() - began))
                bar.set_postfix(loss=f"{mean_loss:.3f}", size=size, refresh=False)
            if time.monotonic() - saved > settings.save_every:
                save(Progress(step, time.monotonic() - began))
                saved = time.monotonic()
    finished = Progress(step, time.monotonic() - began)
    save(finished)
    if step < plan.steps:
        raise KeyboardInterrupt
    return finished


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


def _step(
    network: nn.Module,
    optimizer: Optimizer,
    plan: Plan,
    loss_at: Callable[[int, int], Tensor],
    step: int,
    settings: Settings,
) -> tuple[Tensor, Tensor]:
    """One step; its loss and the length of its gradient, both still on the device."""
    for group in optimizer.param_groups:
        group["lr"] = plan.rate_at(step)
    with torch.autocast(settings.device.type, settings.autocast) if settings.autocast else nullcontext():
        loss = loss_at(step, plan.size_at(step))
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    norm = nn.utils.clip_grad_norm_(network.parameters(), settings.max_gradient_norm)
    optimizer.step()
    return loss.detach(), norm.detach()


class _Window:
    """Sums over the steps since the last row of metrics, kept on the device."""

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(2, device=device)
        self.steps = 0
        self.began = time.monotonic()

    def add(self, loss: Tensor, norm: Tensor) -> None:
        self.sums += torch.stack([loss.float(), norm.float()])
        self.steps += 1

    def close(self, batch_size: int) -> tuple[float, tuple[float, float, float]]:
        """Mean loss, and the row (loss, gradient norm, images/s); begins a new window."""
        loss, norm = (self.sums / self.steps).tolist()
        now = time.monotonic()
        speed = self.steps * batch_size / (now - self.began)
        self.sums.zero_()
        self.steps, self.began = 0, now
        return loss, (loss, norm, speed)


def drop_rows_after(metrics: Path, step: int) -> None:
    """Remove the rows of steps that a resumed run will do again."""
    if metrics.exists():
        head, *rows = metrics.read_text(encoding="utf-8").splitlines()
        kept = [row for row in rows if int(row.split(",")[0]) <= step]
        write_text(metrics, "\n".join([head, *kept]) + "\n")


def _require_finite(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise DataError(
            f"step {step}: the loss is {loss}: training stopped. Lower --lr or raise --warmup-steps; "
            "the last checkpoint is from before"
        )


def _append(path: Path, row: tuple[float, ...]) -> None:
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(COLUMNS)
        writer.writerow([f"{value:.6g}" if isinstance(value, float) else value for value in row])
