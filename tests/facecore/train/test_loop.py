import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from facecore.errors import DataError
from facecore.train.batches import Part
from facecore.train.distributed import Ranks
from facecore.train.loop import Calls, Means, train
from facecore.train.optimizers import make_sgd
from facecore.train.plan import Phase, Plan
from facecore.train.state import Progress, load_state, save_state
from facecore.train.step import Stepper

STEPS, EPOCH, BATCH = 12, 4, 6


class Small(nn.Module):
    """A linear layer whose loss or gradient can be spoilt at a step."""

    def __init__(self, spoilt: dict[int, float] | None = None, steep: int = -1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(12, 3)
        self.spoilt = spoilt or {}
        self.steep = steep

    def forward(self, faces: Tensor, labels: Tensor, rows: Tensor, step: int) -> tuple[Tensor, Tensor]:
        logits = self.layer(faces.flatten(1))
        loss = nn.functional.cross_entropy(logits, labels) * self.spoilt.get(step, 1.0)
        if step == self.steep:
            loss = (
                loss + (self.layer.weight - self.layer.weight.detach()).sum().mul(2).sqrt()
            )  # 0, and infinitely steep
        return loss, (logits.argmax(1) == labels).sum().float()


def _part(step: int) -> Part:
    random = torch.Generator().manual_seed(step)
    faces = torch.randn(BATCH, 3, 2, 2, generator=random)
    return Part(faces, torch.randint(3, (BATCH,), generator=random), torch.arange(BATCH))


@dataclass
class Run:
    """A tiny run that writes down what the loop asks of it."""

    folder: Path
    objective: Small = field(default_factory=Small)
    bad: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    at: dict[int, Callable[[], None]] = field(default_factory=dict)
    failing_saves: set[int] = field(default_factory=set)
    saved: list[int] = field(default_factory=list)
    rows: list[tuple[int, Means]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.optimizer = make_sgd(self.objective, 0.9, 1e-3)
        self.scaler = GradScaler("cpu", enabled=False)

    def go(self, start: Progress | None = None, save_every: float = 1e9, max_skipped: float = 0.1) -> Progress:
        plan = Plan([Phase(64, STEPS * BATCH)], BATCH, 0.1, 2, steps_per_epoch=EPOCH)
        stepper = Stepper(self.objective, self.optimizer, self.scaler, None, None, seed=3)
        calls = Calls(self._batches, self._report, lambda step: step % EPOCH == 0, self._save, "{}.png".format)
        return train(stepper, plan, calls, start or Progress(0, 0.0), save_every, max_skipped, 50, Ranks())

    def resume(self) -> Progress:
        return load_state(self.folder, self.objective, self.optimizer, self.scaler, {})

    def _batches(self, first: int, last: int) -> Iterator[list[Part]]:
        for step in range(first, last):
            self.at.get(step, lambda: None)()
            part = _part(step)
            yield [Part(part.faces, part.labels, part.rows, self.bad.get(step, []))]

    def _report(self, step: int, means: Means, seconds: float) -> float:
        self.rows.append((step, means))
        return step / 100

    def _save(self, progress: Progress) -> None:
        if progress.step in self.failing_saves:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save_state(self.folder, self.objective, self.optimizer, self.scaler, progress, {})
        self.saved.append(progress.step)

    def figures(self) -> list[tuple[object, ...]]:
        return [(step, means.loss, means.accuracy, means.gradient_norm) for step, means in self.rows]

    def weights(self) -> Tensor:
        return self.objective.layer.weight.detach().clone()


def test_a_row_holds_the_means_of_its_steps(tmp_path: Path) -> None:
    run = Run(tmp_path)
    finished = run.go()
    assert finished.step == STEPS
    assert finished.best == 0.12
    assert run.saved == [4, 8, 12]
    assert [step for step, _ in run.rows] == [4, 8, 12]
    other = Small()
    stepper = Stepper(other, make_sgd(other, 0.9, 1e-3), GradScaler("cpu", enabled=False), None, None, seed=3)
    plan = Plan([Phase(64, STEPS * BATCH)], BATCH, 0.1, 2, steps_per_epoch=EPOCH)
    sums = torch.stack([stepper([_part(step)], step, plan.rate_at(step)).sums for step in range(EPOCH)]).sum(0)
    loss, correct, labelled, norm = sums.tolist()
    assert run.figures()[0] == pytest.approx((4, loss / EPOCH, correct / labelled, norm / EPOCH))
    assert labelled == EPOCH * BATCH


def test_a_run_that_goes_on_in_the_middle_of_an_epoch_is_the_same(tmp_path: Path) -> None:
    whole = Run(tmp_path)
    whole.go()

    class Killed(Exception):
        pass

    def kill() -> None:
        raise Killed

    killed = Run(tmp_path, at={7: kill})
    with pytest.raises(Killed):
        killed.go(save_every=0)
    assert killed.saved == list(range(1, 8))
    again = Run(tmp_path, objective=Small())
    start = again.resume()
    assert start.step == 7
    finished = again.go(start)
    assert torch.equal(again.weights(), whole.weights())
    assert killed.figures() + again.figures() == whole.figures()  # to the last bit, of the epoch that was cut too
    assert finished.best == 0.12


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path, value: float) -> None:
    run = Run(tmp_path, Small(spoilt={6: value}))
    words = rf"step 7 \(epoch 2, batch 3 of 4\): the loss is {value}: training stopped\. Lower --lr"
    with pytest.raises(DataError, match=words):
        run.go(save_every=0)
    assert run.saved == [1, 2, 3, 4, 5, 6]
    kept = Run(tmp_path)
    assert kept.resume().step == 6
    assert kept.weights().isfinite().all()


def test_a_gradient_that_is_no_number_stops_the_run_before_its_weights_are_kept(tmp_path: Path) -> None:
    run = Run(tmp_path, Small(steep=5))
    with pytest.raises(DataError, match=r"step 6 \(epoch 2, batch 2 of 4\): the length of the gradient is inf"):
        run.go(save_every=0)
    kept = Run(tmp_path)
    assert kept.resume().step == 5
    assert kept.weights().isfinite().all()


def test_a_full_disk_leaves_the_old_checkpoint_and_training_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path, failing_saves={8})
    assert run.go().step == STEPS
    assert run.saved == [4, 12]
    err = capsys.readouterr().err
    assert "step 8: the checkpoint could not be written" in err
    assert os.strerror(errno.ENOSPC) in err
    assert "the one from before stays" in err


def test_a_full_disk_at_the_end_is_an_error(tmp_path: Path) -> None:
    run = Run(tmp_path, failing_saves={12})
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        run.go()
    assert Run(tmp_path).resume().step == 8


def test_a_checkpoint_that_cannot_be_written_whole_replaces_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    run = Run(tmp_path)
    run.go()
    before = (tmp_path / "checkpoint.pt").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(OSError, match="checkpoint.pt") as caught:
            save_state(tmp_path, run.objective, run.optimizer, run.scaler, Progress(1, 0.0), {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_images_that_cannot_be_read_are_counted_once_each(tmp_path: Path) -> None:
    bad = {1: [(3, "truncated")], 5: [(3, "truncated"), (9, "empty")], 9: [(9, "empty")]}
    finished = Run(tmp_path, bad=bad).go()
    assert sorted(finished.skipped) == [("3.png", "truncated"), ("9.png", "empty")]
    start = Run(tmp_path).resume()
    assert sorted(start.skipped) == sorted(finished.skipped)


def test_too_many_images_that_cannot_be_read(tmp_path: Path) -> None:
    bad = {step: [(step, "truncated")] for step in range(STEPS)}
    run = Run(tmp_path, bad=bad)
    with pytest.raises(DataError, match=r"6 of 50 images cannot be read, more than --max-skipped 0\.1 allows: .*\.png"):
        run.go()
    assert Run(tmp_path, bad={0: [(1, "")]}).go(max_skipped=0.02).step == STEPS
    with pytest.raises(DataError, match="--max-skipped 0 allows: 1.png"):
        Run(tmp_path, bad={0: [(1, "")]}).go(max_skipped=0)


def test_an_interrupt_lets_the_step_end_and_saves(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    run = Run(tmp_path, at={5: lambda: signal.raise_signal(signal.SIGINT)})
    with pytest.raises(KeyboardInterrupt):
        run.go()
    assert run.saved == [4, 6]
    assert signal.getsignal(signal.SIGINT) is before
    whole, again = Run(tmp_path), Run(tmp_path)
    again.go(again.resume())
    whole.go()
    assert torch.equal(again.weights(), whole.weights())


def test_a_second_interrupt_stops_at_once(tmp_path: Path) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    run = Run(tmp_path, at={5: twice})
    with pytest.raises(KeyboardInterrupt):
        run.go()
    assert run.saved == [4]


def test_an_interrupt_in_the_last_step_comes_too_late(tmp_path: Path) -> None:
    run = Run(tmp_path, at={STEPS - 1: lambda: signal.raise_signal(signal.SIGINT)})
    assert run.go().step == STEPS
    assert run.saved == [4, 8, 12]


def test_an_interrupted_run_that_cannot_save_says_so(tmp_path: Path) -> None:
    run = Run(tmp_path, at={5: lambda: signal.raise_signal(signal.SIGINT)}, failing_saves={6})
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        run.go()


def test_a_run_in_another_thread(tmp_path: Path) -> None:
    run = Run(tmp_path)
    thread = threading.Thread(target=run.go)
    thread.start()
    thread.join()
    assert run.saved == [4, 8, 12]


def test_a_finished_run_has_nothing_to_do(tmp_path: Path) -> None:
    Run(tmp_path).go()
    again = Run(tmp_path)
    assert again.go(again.resume()).step == STEPS
    assert again.saved == []
